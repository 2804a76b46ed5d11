//! A host whose role is given by each test as a JSON document.

use std::time::Duration;

use nixfleet_lab::command::{Finished, wait_until};
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::Lab;
use nixfleet_lab::snapshot::Snapshot;
use nixfleet_lab::unit::Unit;
use serde_json::{Map, Value, json};

use super::shared::{Shared, Turn};
use super::{applies, lone, outcomes, outcomes_of};

/// The time limit of each wait in these tests. It is far longer than any wait takes.
const LIMIT: Duration = Duration::from_secs(30);

/// A lab with the host web-1, to which an empty role has been applied.
static MANAGED: Shared = Shared::restored(|| {
    let lab = fresh();
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
    lab
});
/// A lab with the host web-1, which NixFleet has never changed.
static FRESH: Shared = Shared::restored(fresh);

/// Boots a lab with the host web-1. The role of the host reads the file `role.json`, which is empty at first.
fn fresh() -> Lab {
    let lab = lone("web-1");
    let role = "{ nixfleet = builtins.fromJSON (builtins.readFile ./role.json); }\n";
    for (name, text) in [("web.nix", role), ("role.json", "{}")] {
        let files = lab.operator().unwrap().guest().files().unwrap();
        files.write(&format!("/home/ada/fleet/roles/{name}"), text).unwrap();
    }
    lab
}

/// A lab with the host web-1, and with an operator's machine on which a test writes the role `web`.
pub struct Stage(Turn<'static>);

impl Stage {
    /// Returns the lab of a host in generation 1, in which NixFleet manages nothing.
    pub fn set() -> Self {
        Self(MANAGED.turn())
    }

    /// Returns the lab of a host that NixFleet has never changed.
    pub fn fresh() -> Self {
        Self(FRESH.turn())
    }

    /// Returns the host web-1.
    pub fn web(&self) -> &Guest {
        self.0.guest("web-1").unwrap()
    }

    /// Returns the operator's machine.
    pub fn operator(&self) -> &Guest {
        self.0.operator().unwrap().guest()
    }

    /// Replaces the role of the host with these NixFleet options. The next apply applies the options.
    pub fn declares(&self, intent: &Value) {
        let files = self.operator().files().unwrap();
        files.write("/home/ada/fleet/roles/role.json", intent.to_string()).unwrap();
    }

    /// Replaces the role of the host with these units.
    pub fn declares_units<const N: usize>(&self, units: [(&str, Value); N]) {
        let units: Map<String, Value> =
            units.into_iter().map(|(name, unit)| (name.to_owned(), unit)).collect();
        self.declares(&json!({ "systemd": { "units": units } }));
    }

    /// Asserts that an apply succeeds, and that a second apply would change nothing. For the second apply,
    /// only the activator on the host makes a plan, because the operator's commands also evaluate the fleet,
    /// which takes much longer.
    #[track_caller]
    pub fn applies(&self) {
        assert_eq!(applies(&self.0, "--host web-1"), outcomes_of([("web-1", "ok")]));
        let profiles = "/nix/var/nix/profiles/nixfleet";
        let plan = format!("{profiles}/activator plan --json --closure $(readlink -f {profiles}/system)");
        let plan: Value = serde_json::from_str(&self.web().ask(&plan).unwrap()).unwrap();
        assert_eq!((&plan["steps"], &plan["problems"]), (&json!([]), &json!([])), "{plan:#}");
    }

    /// Asserts that an apply fails with this outcome and problem code, that the problem contains the texts
    /// `sayings`, and that the host is unchanged except for its store.
    #[track_caller]
    pub fn fails(&self, outcome: &str, code: &str, sayings: &[&str]) -> Finished {
        let before = Snapshot::take(self.web()).unwrap();
        let line = "nixfleet apply --yes --json --host web-1";
        let (finished, document) = self.0.operator().unwrap().types_for_json(line).unwrap();
        assert_eq!(finished.code, 2, "{finished}");
        assert_eq!(outcomes(&document), outcomes_of([("web-1", outcome)]), "{finished}");
        let problem = &document["hosts"][0]["problem"];
        assert_eq!(problem["code"], code, "{finished}");
        for saying in sayings {
            assert!(problem.to_string().contains(saying), "nothing says `{saying}`: {problem:#}");
        }
        let difference = before.difference(&Snapshot::take(self.web()).unwrap());
        let difference: Vec<&str> = difference.lines().filter(|line| !line.starts_with("+ store ")).collect();
        assert!(difference.is_empty(), "web-1 is not as it was:\n{}", difference.join("\n"));
        finished
    }

    /// Rolls the host back by one generation.
    pub fn rolls_back(&self) {
        self.types("nixfleet rollback --host web-1 --yes").success().unwrap();
    }

    /// Returns the state of a unit on the host.
    pub fn unit(&self, name: &str) -> Unit {
        self.web().unit(name).unwrap()
    }

    /// Returns the states of several units on the host.
    pub fn units<const N: usize>(&self, names: [&str; N]) -> [Unit; N] {
        names.map(|name| self.unit(name))
    }

    /// Runs a line in the operator's shell.
    pub fn types(&self, line: &str) -> Finished {
        self.0.operator().unwrap().types(line).unwrap()
    }

    /// Runs a line in the operator's shell. Returns its result, and the JSON document that it prints.
    pub fn types_for_json(&self, line: &str) -> (Finished, Value) {
        self.0.operator().unwrap().types_for_json(line).unwrap()
    }

    /// Replaces a text in a file of the operator's fleet.
    pub fn edits(&self, file: &str, from: &str, to: &str) {
        self.0.operator().unwrap().edits(file, from, to).unwrap();
    }

    /// Returns a property of a unit on the host, as `systemctl show` prints it.
    pub fn property(&self, unit: &str, property: &str) -> String {
        self.web().ask(&format!("systemctl show --value --property={property} -- {unit}")).unwrap()
    }

    /// Returns the number of lines in the file `log` in `/run`, to which units of [`logs`] add a line when
    /// they run.
    pub fn count(&self, log: &str) -> usize {
        self.web().ask(&format!("cat /run/{log} 2>/dev/null | wc -l")).unwrap().parse().unwrap()
    }

    /// Waits until a script succeeds on the host.
    pub fn waits_for(&self, what: &str) {
        wait_until(what, LIMIT, || Ok(self.web().sh(what)?.ok())).unwrap();
    }
}

/// Returns a unit with this text that starts at boot.
pub fn enabled(text: &str) -> Value {
    json!({ "text": format!("{text}\n[Install]\nWantedBy=multi-user.target\n") })
}

/// Returns a unit with this text that starts only if another unit or a user starts it.
pub fn stat(text: &str) -> Value {
    json!({ "text": text })
}

/// Returns the `[Service]` section with these lines.
pub fn service(lines: &str) -> String {
    format!("[Service]\n{lines}\n")
}

/// Returns the text of a service that keeps running. A different `version` makes the text different.
pub fn runs(version: u32) -> String {
    service(&format!("Environment=V={version}\nExecStart=/usr/bin/sleep infinity"))
}

/// Returns the text of a oneshot service that adds a line to the file `log` in `/run`. `more` is appended.
pub fn logs(log: &str, more: &str) -> String {
    service(&format!("Type=oneshot\nExecStart=/bin/sh -c 'echo ran >>/run/{log}'\n{more}"))
}
