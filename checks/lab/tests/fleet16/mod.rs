//! A lab with sixteen hosts, each of which runs a service, and an operator whose fleet is in `~/rollout`.

mod history;
pub mod memory;

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use nixfleet_lab::command::{Finished, wait_until};
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::{Lab, Plan};
use serde_json::Value;

/// The lab with the sixteen hosts.
pub struct Fleet16 {
    lab: Lab,
}

/// A period in which a host did not answer. Times are in milliseconds of an arbitrary clock.
#[derive(Clone, Debug)]
pub struct Down {
    /// The name of the host.
    pub host: String,
    /// The time of the first request without an answer.
    pub from: u64,
    /// The time of the last request without an answer.
    pub until: u64,
}

impl Fleet16 {
    /// Boots sixteen hosts that `NixFleet` has never changed.
    pub fn boot() -> Self {
        let mut plan = Plan::new(format!("{}-rollout", std::process::id()));
        for (prefix, count, first) in [("web", 12, 100), ("db", 4, 130)] {
            for number in 1..=count {
                plan = plan.host(format!("{prefix}-{number:02}"), format!("10.0.1.{}", first + number));
            }
        }
        let fleet = Self { lab: Lab::boot(&plan).unwrap() };
        let copy = "cp -r /srv/nixfleet/checks/fixtures/rollout-fleet ../rollout";
        fleet.lab.operator().unwrap().types(copy).unwrap().success().unwrap();
        fleet
    }

    /// Returns the operator's machine.
    pub fn operator(&self) -> &Guest {
        self.lab.operator().unwrap().guest()
    }

    /// Returns a host.
    pub fn host(&self, name: &str) -> &Guest {
        self.lab.guest(name).unwrap()
    }

    /// Runs `nixfleet` with these arguments in the directory of the fleet.
    pub fn types(&self, words: &str) -> Finished {
        self.types_as("ada", words)
    }

    fn types_as(&self, user: &str, words: &str) -> Finished {
        let line = format!("cd ../rollout && USER={user} nixfleet {words}");
        self.lab.operator().unwrap().types(&line).unwrap()
    }

    /// Runs `nixfleet` with these arguments, and returns its result together with the JSON document that it
    /// prints.
    pub fn json(&self, words: &str) -> (Finished, Value) {
        self.json_as("ada", words)
    }

    /// Like [`Self::json`], as another user. Asserts that the history matches the document.
    pub fn json_as(&self, user: &str, words: &str) -> (Finished, Value) {
        let finished = self.types_as(user, &format!("{words} --json"));
        let document = serde_json::from_str(&finished.stdout);
        let document = document.unwrap_or_else(|error| panic!("{error}: {finished}"));
        self.assert_told(user, &finished, &document);
        (finished, document)
    }

    /// Runs `nixfleet` with these arguments, and calls `act` while it runs.
    pub fn meanwhile(&self, words: &str, act: impl FnOnce()) -> Finished {
        thread::scope(|scope| {
            let typed = scope.spawn(|| self.types(words));
            act();
            typed.join().unwrap()
        })
    }

    /// Replaces a text in the role of the hosts.
    pub fn edits(&self, from: &str, to: &str) {
        self.lab.operator().unwrap().edits("../rollout/app.nix", from, to).unwrap();
    }

    /// Sets the version of the service in the role.
    pub fn releases(&self, version: &str) {
        let line = format!("sed -i 's/version = \"[0-9]*\"/version = \"{version}\"/' ../rollout/app.nix");
        self.lab.operator().unwrap().types(&line).unwrap().success().unwrap();
    }

    /// Adds a module to the fleet.
    pub fn says(&self, module: &str) {
        let line = format!(
            "cd ../rollout && printf '%s\\n' '{module}' > more.nix && \
             sed -i 's|./fleet.nix|./fleet.nix ./more.nix|' flake.nix"
        );
        self.lab.operator().unwrap().types(&line).unwrap().success().unwrap();
    }

    /// Returns the version of the service on a host.
    pub fn version(&self, host: &str) -> String {
        let conf = self.host(host).files().unwrap().text("/etc/app.conf").unwrap();
        conf.trim().trim_start_matches("version ").to_owned()
    }

    /// Returns each version of the service, with the number of hosts that have it.
    pub fn versions(&self) -> Vec<(String, usize)> {
        counted(self.lab.hosts().map(|host| self.version(host.name())))
    }

    /// Waits until a host is paused in the middle of a change.
    pub fn wait_until_held(&self, host: &str) {
        // The brackets prevent the pattern from matching the shell that searches for it.
        let held = "pgrep --full 'sh -c [w]hile . -e /run/held'";
        let what = format!("{host} is being changed");
        wait_until(&what, Duration::from_secs(60), || Ok(self.host(host).sh(held)?.ok())).unwrap();
    }

    /// Connects to the services of hosts repeatedly while `act` runs, and returns the periods in which the
    /// services were down.
    pub fn watched(&self, hosts: &[&str], act: impl FnOnce() -> Finished) -> (Finished, Vec<Down>) {
        let operator = self.lab.operator().unwrap().guest();
        let script = format!(
            "rm -f /run/watched; until [ -e /run/enough ]; do for host in {}; do \
             if (exec 3<>/dev/tcp/$host/5432) 2>/dev/null; then word=up; else word=down; fi; \
             echo $host $word ${{EPOCHREALTIME/./}} >> /run/watched; done; done; cat /run/watched",
            hosts.join(" ")
        );
        let (finished, said) = thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let program = operator.program("bash").unwrap().args(["-c", &script]);
                program.limit(Duration::from_secs(300)).run().unwrap()
            });
            let begun = || Ok(operator.files()?.exists("/run/watched"));
            wait_until("somebody watches", Duration::from_secs(20), begun).unwrap();
            let finished = act();
            operator.ask("touch /run/enough").unwrap();
            (finished, watch.join().unwrap())
        });
        (finished, downs(&said.success().unwrap().stdout))
    }
}

/// Returns the periods in which hosts were down, from lines of the form `host up|down microseconds`.
fn downs(lines: &str) -> Vec<Down> {
    let mut open: BTreeMap<String, Down> = BTreeMap::new();
    let mut downs = Vec::new();
    for line in lines.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let (host, time) = (words[0].to_owned(), words[2].parse::<u64>().unwrap() / 1000);
        if words[1] == "down" {
            open.entry(host.clone()).or_insert(Down { host, from: time, until: time }).until = time;
        } else {
            downs.extend(open.remove(&host));
        }
    }
    downs.extend(open.into_values());
    downs
}

/// Returns the waves in a document.
pub fn waves(document: &Value) -> Vec<Vec<String>> {
    serde_json::from_value(document["rollout"]["waves"].clone()).unwrap()
}

/// Returns each outcome in a document, with the number of hosts that have it.
pub fn by_outcome(document: &Value) -> Vec<(String, usize)> {
    counted(
        document["hosts"].as_array().unwrap().iter().map(|host| host["outcome"].as_str().unwrap().to_owned()),
    )
}

fn counted(words: impl Iterator<Item = String>) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    counts.into_iter().collect()
}
