//! Tests of hosts with different versions of NixFleet. A host with the first version is upgraded to the
//! current version, and rolled back to a generation that the first version made. Changes from there are
//! interrupted, and then the host is upgraded again. The command line of the first version refuses to change
//! a host with the current version.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use nixfleet_lab::checkout;
use nixfleet_lab::command::{Finished, wait_until};
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::Lab;
use nixfleet_lab::operator::Operator;
use nixfleet_lab::previous::Previous;
use nixfleet_lab::snapshot::Snapshot;
use serde_json::{Value, json};

use crate::stage::role::Stage;
use crate::stage::{adds, assert_says, generation, lone, outcomes, outcomes_of};

/// The limit for each wait, which is far longer than any wait takes.
const LIMIT: Duration = Duration::from_secs(120);
const LINK: &str = "/nix/var/nix/profiles/nixfleet/activator";

/// One host, and an operator who has the first version and the current version of NixFleet.
struct Story {
    lab: Lab,
}

impl Story {
    fn begin() -> Self {
        let previous = Previous::build().unwrap();
        let story = Self { lab: lone("web-1") };
        let tar =
            Command::new("tar").arg("--create").arg("--directory").arg(previous.source()).arg(".").output();
        story.gives(
            "mkdir --parents /srv/first/nixfleet && tar --extract --directory /srv/first/nixfleet",
            tar.unwrap().stdout,
        );
        story.operator().guest().ask("cp --archive /srv/prebuilt /srv/first/").unwrap();
        for name in ["nixfleet", "nixfleet-activate"] {
            let place = format!(
                "rm /srv/first/prebuilt/bin/{name} && cat > /srv/first/prebuilt/bin/{name} && chmod 0755 /srv/first/prebuilt/bin/{name}"
            );
            story.gives(&place, fs::read(previous.program(name)).unwrap());
        }
        story
    }

    /// Runs a script on the operator's machine, with this standard input.
    fn gives(&self, script: &str, input: Vec<u8>) {
        let shell = self.operator().guest().program("sh").unwrap().args(["-ec", script]);
        shell.input(input).run().unwrap().success().unwrap();
    }

    fn operator(&self) -> Operator<'_> {
        self.lab.operator().unwrap()
    }

    fn web(&self) -> &Guest {
        self.lab.guest("web-1").unwrap()
    }

    /// Switches the operator between the first and the current version of NixFleet.
    fn changes_version(&self) {
        let swap = "cd /srv && for name in nixfleet prebuilt; do
            mv $name other && mv first/$name $name && mv other first/$name; done; rm -f /home/ada/fleet/flake.lock";
        self.operator().guest().ask(swap).unwrap();
    }

    fn says(&self, message: &str) {
        let files = self.operator().guest().files().unwrap();
        let role = files.text("/home/ada/fleet/roles/web.nix").unwrap();
        let (head, rest) = role.split_once("message = \"").unwrap();
        let (_, tail) = rest.split_once('"').unwrap();
        files.write("/home/ada/fleet/roles/web.nix", format!("{head}message = \"{message}\"{tail}")).unwrap();
    }

    /// Adds a unit whose start waits for input from a pipe.
    fn adds_a_gate(&self) -> Gate<'_> {
        let gate = r#"
  nixfleet.systemd.units."gate.service".sections = {
    Service = { Type = "oneshot"; RemainAfterExit = true; ExecStart = "/usr/bin/head -c1 /run/gate"; };
    Install.WantedBy = "multi-user.target";
  };"#;
        adds(&self.lab, gate);
        Gate { story: self, text: gate }
    }

    fn types(&self, line: &str) -> Finished {
        self.operator().types(&format!("nixfleet {line} --host web-1")).unwrap()
    }

    #[track_caller]
    fn ends(&self, line: &str, outcome: &str) -> Value {
        let (finished, document) =
            self.operator().types_for_json(&format!("nixfleet {line} --json --host web-1")).unwrap();
        assert_eq!(outcomes(&document), outcomes_of([("web-1", outcome)]), "{finished}");
        document
    }

    /// Asserts that the host is in this generation and without drift, and that its status says so.
    #[track_caller]
    fn stands(&self, number: u64, message: &str) {
        assert_eq!(generation(self.web()), number);
        let status = self.ends("status", "ok")["hosts"][0]["status"].take();
        assert_eq!(status["current"]["number"], number, "{status:#}");
        assert_eq!(status["drift"], serde_json::json!([]), "{status:#}");
        assert_eq!(status["interrupted"], Value::Null, "{status:#}");
        let page = self.operator().types("curl --silent --max-time 5 http://web-1:8080/").unwrap();
        assert!(page.stdout.starts_with(&format!("{message} from web-1")), "{page}");
    }

    /// Asserts that the activator of the host is the current version, and that the recovery unit of the host
    /// uses the link to the activator.
    #[track_caller]
    fn has_todays_activator(&self) {
        let machine = self.operator().guest();
        let todays = machine.ask("sha256sum < /srv/prebuilt/bin/nixfleet-activate").unwrap();
        assert_eq!(self.web().ask(&format!("sha256sum < {LINK}")).unwrap(), todays);
        self.web()
            .ask(&format!("grep 'ExecStart={LINK} ' /etc/systemd/system/nixfleet-recover.service"))
            .unwrap();
    }

    /// Calls `act` while a change waits at the gate, and asserts that the change ends in the old generation.
    #[track_caller]
    fn is_interrupted(&self, act: impl FnOnce()) {
        let before = Snapshot::take(self.web()).unwrap();
        self.web().ask("rm -f /run/gate && mkfifo /run/gate").unwrap();
        let finished = thread::scope(|scope| {
            let typed = scope.spawn(|| self.types("apply --yes --json"));
            let at_the_gate = "pgrep --full '^/usr/bin/head -c1 /run/gate'";
            wait_until(at_the_gate, LIMIT, || Ok(self.web().sh(at_the_gate)?.ok())).unwrap();
            act();
            typed.join().unwrap()
        });
        assert_says(&finished, 2, &["rolled-back", "NF-414"]);
        let difference = before.difference(&Snapshot::take(self.web()).unwrap());
        // The current activator stays on the host for recoveries, although the change that installed it was
        // undone.
        let stays = |line: &&str| line.starts_with("+ store ") || line.starts_with(&format!("+ {LINK}: "));
        let difference: Vec<&str> = difference.lines().filter(|line| !stays(line)).collect();
        assert!(difference.is_empty(), "web-1 is not as it was:\n{}", difference.join("\n"));
    }
}

/// The unit that waits for the pipe, as Nix code in the role. [`Gate::goes`] removes it.
struct Gate<'s> {
    story: &'s Story,
    text: &'static str,
}

impl Gate<'_> {
    fn goes(self) {
        self.story.operator().edits("roles/web.nix", self.text, "").unwrap();
    }
}

#[test]
fn versions_of_nixfleet_mix() {
    let story = Story::begin();
    let web = story.web();

    // The first version applies two generations to the host.
    story.changes_version();
    story.says("one");
    story.ends("apply --yes", "ok");
    story.says("two");
    story.ends("apply --yes", "ok");

    // The current command line works with this host, which still has only the first version.
    story.changes_version();
    story.stands(2, "two");
    story.ends("plan", "ok");
    story.ends("rollback --yes --to previous", "ok");
    story.stands(1, "one");
    assert!(!web.files().unwrap().exists(LINK));

    // An interrupted upgrade ends in the old generation. The recovery already uses the current activator.
    story.says("three");
    let gate = story.adds_a_gate();
    story.is_interrupted(|| kill_activator(web));
    story.is_interrupted(|| {
        web.power_cut().unwrap();
        web.power_on().unwrap();
    });
    gate.goes();
    story.stands(1, "one");

    story.ends("apply --yes", "ok");
    story.stands(3, "three");
    story.has_todays_activator();

    // This rollback leads to a generation that the first version made. The activator on the host stays the
    // current version.
    story.ends("rollback --yes --to 2", "ok");
    story.stands(2, "two");
    story.has_todays_activator();
    assert_eq!(story.ends("plan", "ok")["hosts"][0]["plan"]["problems"], serde_json::json!([]));

    // The activator survives a garbage collection after all generations of the current version are deleted.
    web.ask("rm /nix/var/nix/profiles/nixfleet/system-3-link && nix-store --gc").unwrap();
    story.has_todays_activator();
    story.stands(2, "two");

    // Changes from this generation are interrupted, by a kill and by a power cut.
    let gate = story.adds_a_gate();
    story.is_interrupted(|| kill_activator(web));
    story.is_interrupted(|| {
        web.power_cut().unwrap();
        web.power_on().unwrap();
    });
    gate.goes();
    story.stands(2, "two");

    // The host is upgraded again. The number of the generation that was dropped is not given again.
    story.ends("apply --yes", "ok");
    story.stands(4, "three");
    story.has_todays_activator();

    // The command line of the first version can read the status of the host, and refuses to change the host.
    story.changes_version();
    story.stands(4, "three");
    let before = Snapshot::take(web).unwrap();
    for line in ["plan", "apply --yes"] {
        let finished = story.types(line);
        assert_says(
            &finished,
            2,
            &["NF-404", "A newer NixFleet wrote the state", "apply with the newer NixFleet"],
        );
    }
    let difference = before.difference(&Snapshot::take(web).unwrap());
    assert!(difference.lines().all(|line| line.starts_with("+ store ")), "{difference}");
    // A rollback works, because it uses the activator that is on the host.
    story.ends("rollback --yes --to 2", "ok");
    story.changes_version();
    story.stands(2, "two");
    story.has_todays_activator();

    trees_of_the_first_are_read(web);
}

/// The first loss is that the link to the activator is deleted. The second is that the link points to a
/// missing file.
#[test]
fn a_host_that_lost_its_activator_goes_by_that_of_its_generation() {
    let stage = Stage::set();
    let file = |text: &str| json!({ "files": { "/etc/one.conf": { "text": text } } });
    let link = "/nix/var/nix/profiles/nixfleet/activator";
    for (number, loss) in [format!("rm {link}"), format!("ln -sfn /nix/store/gone {link}")].iter().enumerate()
    {
        for text in ["one", "two"] {
            stage.declares(&file(&format!("{text} {number}\n")));
            stage.applies();
        }
        stage.web().ask(loss).unwrap();
        assert_says(&stage.types("nixfleet status --host web-1"), 0, &["managed"]);
        stage.rolls_back();
        assert_eq!(stage.web().ask("cat /etc/one.conf").unwrap(), format!("one {number}"));
        stage.web().ask(&format!("test -x {link}")).unwrap();
    }
}

fn kill_activator(host: &Guest) {
    let unit = "$(systemctl list-units --plain --no-legend 'nixfleet-run-*' | cut -d' ' -f1)";
    host.ask(&format!("kill -KILL $(systemctl show --value -p MainPID {unit})")).unwrap();
}

/// A script that replaces the inode numbers in a journal with the inode numbers of the unpacked files.
const RENUMBER: &str = r#"
import json, os
path = "/var/tmp/first/var/lib/nixfleet/journal.json"
journal = json.load(open(path))
for facts, step in ((operation["facts"], operation["step"]) for operation in journal["operations"]):
    if facts["of"] == "slot" and facts["staged"] is not None:
        facts["staged"] = os.lstat("/var/tmp/first" + step["path"]).st_ino
json.dump(journal, open(path, "w"))
"#;

/// A host on which a saved copy of the files of another host, which had the first version, is unpacked.
struct Tree<'h>(&'h Guest);

impl<'h> Tree<'h> {
    fn unpack(host: &'h Guest, name: &str) -> Self {
        let archive = fs::read(checkout::path(&format!("checks/fixtures/schema-1/{name}.tar.gz"))).unwrap();
        let script =
            "rm -rf /var/tmp/first && mkdir /var/tmp/first && tar --extract --gzip --directory /var/tmp/first
            cp --archive --no-clobber /var/tmp/first/nix/store/. /nix/store/";
        let shell = host.program("sh").unwrap().args(["-ec", script]).input(archive);
        shell.run().unwrap().success().unwrap();
        Self(host)
    }

    fn runs(&self, command: &str) -> Value {
        let printed = self.0.sh(&format!("{LINK} {command} --json --root /var/tmp/first")).unwrap();
        serde_json::from_str(&printed.stdout).unwrap_or_else(|error| panic!("{error}: {printed}"))
    }

    #[track_caller]
    fn stands(&self, number: u64) {
        let status = self.runs("status");
        assert_eq!(
            (&status["current"]["number"], &status["drift"]),
            (&number.into(), &serde_json::json!([]))
        );
        assert_eq!(status["interrupted"], Value::Null, "{status:#}");
    }

    /// Returns a listing of all files that could be managed.
    fn files(&self) -> String {
        let list = "cd /var/tmp/first && find etc srv ! -name '*-' ! -path etc/walk/edited.conf -printf '%p %y %m %U %G %l ' \
            -a \\( -type f -exec sha256sum {} \\; -o -printf '\\n' \\) | sort";
        self.0.ask(list).unwrap()
    }
}

/// Tests the current activator on saved files of hosts with the first version. It reads and migrates their
/// recorded state, rolls back, and recovers from an interrupted change.
fn trees_of_the_first_are_read(host: &Guest) {
    let tree = Tree::unpack(host, "host");
    let before = tree.files();
    tree.stands(1);
    for number in [2, 1] {
        assert_eq!(tree.runs(&format!("rollback --to {number}"))["outcome"], "ok");
        tree.stands(number);
    }
    host.ask("grep '^{\"schema\":2,' /var/tmp/first/var/lib/nixfleet/state.json").unwrap();

    let tree = Tree::unpack(host, "host-interrupted");
    assert_ne!(tree.files(), before);
    host.program("python3").unwrap().args(["-c", RENUMBER]).run().unwrap().success().unwrap();
    assert_eq!(tree.runs("recover")["outcome"], "rolled-back");
    assert_eq!(tree.files(), before);
    assert_eq!(host.ask("cat /var/tmp/first/etc/walk/edited.conf").unwrap(), "by hand again");
}
