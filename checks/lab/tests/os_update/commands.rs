//! Tests of `nixfleet os-update` and `nixfleet reboot` from the operator's machine.

use std::process::Stdio;
use std::time::Duration;

use nixfleet_lab::command::wait_until;
use serde_json::{Value, json};

use super::{Stage, publish, third};
use crate::stage::{assert_says, outcomes, outcomes_of};

const LIMIT: Duration = Duration::from_secs(60);
/// Both hosts of the lab.
const HOSTS: [&str; 2] = ["web-1", "web-2"];

impl Stage {
    /// Returns the version of a package on each host.
    fn on_both(&self, package: &str) -> [String; 2] {
        let script = format!("dpkg-query --show --showformat='${{Version}}' {package}");
        HOSTS.map(|host| self.0.guest(host).unwrap().ask(&script).unwrap())
    }

    fn boots(&self) -> [String; 2] {
        HOSTS.map(|host| self.0.guest(host).unwrap().boot_id().unwrap())
    }

    /// Runs a command on the operator's machine, and returns its exit code and its document.
    #[track_caller]
    fn types(&self, line: &str) -> (i32, Value) {
        let (finished, document) = self.0.operator().unwrap().types_for_json(line).unwrap();
        (finished.code, document)
    }
}

#[test]
fn all_hosts_install_the_files_of_the_plan_and_a_failing_canary_spares_the_rest() {
    let stage = Stage::set("web-1");
    let (operator, canary) = (stage.0.operator().unwrap(), stage.host());
    let said = operator.types("nixfleet os-update @web --dry-run").unwrap();
    assert_says(
        &said,
        0,
        &["osapp 1.0 → 2.0", "held by the inventory: held-one", "would remove victim: clash"],
    );
    assert_eq!(stage.on_both("osapp"), ["1.0", "1.0"]);

    // The script of a package fails on the canary, so nobody else is touched.
    canary.ask("touch /etc/osapp.fails").unwrap();
    let (code, document) = stage.types("nixfleet os-update @web --yes --json --strategy canary");
    assert_eq!(code, 2, "{document:#}");
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "partial"), ("web-2", "deferred")]));
    assert_eq!(document["hosts"][0]["reasonCode"], "apt-unfinished", "{document:#}");
    assert_eq!(stage.on_both("extra")[1], "1.0");

    // The archive moves on while the canary changes. The rest still installs the files of the plan.
    canary.ask("rm /etc/osapp.fails; touch /etc/osapp.slow; rm -f /run/osapp.configures").unwrap();
    let line = "nixfleet os-update @web --yes --json --strategy canary";
    let update = operator.typed(line).unwrap().into_command().stdout(Stdio::piped()).spawn().unwrap();
    let files = canary.files().unwrap();
    wait_until("dpkg runs the script", LIMIT, || Ok(files.exists("/run/osapp.configures"))).unwrap();
    publish(&stage.0, &third());
    stage.0.guest("web-2").unwrap().ask("apt-get -qq update && apt-get clean").unwrap();
    canary.ask("rm /etc/osapp.slow").unwrap();
    let ended = update.wait_with_output().unwrap();
    let document: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "ok"), ("web-2", "ok")]), "{document:#}");
    for (package, version) in [("osapp", "2.0"), ("extra", "1.2"), ("oslib", "1.1"), ("osdep", "1.0")] {
        assert_eq!(stage.on_both(package), [version, version], "{package}");
    }
    let history = operator.types("nixfleet history").unwrap();
    assert_says(&history, 0, &["os-update"]);
}

#[test]
fn hosts_that_have_to_be_rebooted_are_rebooted_one_after_the_other() {
    let stage = Stage::set("web-1");
    let operator = stage.0.operator().unwrap();
    let before = stage.boots();
    let (code, document) = stage.types("nixfleet reboot @web --if-required --yes --json");
    assert_eq!(
        (code, outcomes(&document)),
        (0, outcomes_of([("web-1", "unchanged"), ("web-2", "unchanged")]))
    );
    for host in HOSTS {
        stage
            .0
            .guest(host)
            .unwrap()
            .ask("echo oslib > /run/reboot-required.pkgs; touch /run/reboot-required")
            .unwrap();
    }
    let said = operator.types("nixfleet reboot @web --if-required --dry-run").unwrap();
    assert_says(&said, 0, &["to reboot", "oslib asked for it"]);
    assert_eq!(stage.boots(), before);

    let finished = operator.types("nixfleet reboot @web --if-required --yes --events").unwrap();
    assert!(finished.ok(), "{finished}");
    let events: Vec<Value> =
        finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (mut down, mut order) = (Vec::new(), Vec::new());
    for event in &events {
        let host = event["host"].as_str().unwrap_or_default().to_owned();
        match (event["event"].as_str(), event["phase"].as_str()) {
            (Some("hostPhase"), Some("rebooting")) => {
                down.push(host.clone());
                order.push(host);
                assert_eq!(down.len(), 1, "two hosts are rebooted at once: {down:?}");
            }
            (Some("hostEnded"), _) => down.retain(|other| *other != host),
            _ => {}
        }
    }
    assert_eq!(order, HOSTS);
    let after = stage.boots();
    assert!(after[0] != before[0] && after[1] != before[1], "{before:?} {after:?}");

    // A host whose SSH server does not come back stops the command.
    stage.host().ask("systemctl disable --quiet ssh.service; touch /run/reboot-required").unwrap();
    operator
        .edits("fleet.nix", "defaults.ssh.user", "defaults.timeouts.boot = 12;\n  defaults.ssh.user")
        .unwrap();
    let (code, document) = stage.types("nixfleet reboot @web --yes --json");
    assert_eq!(code, 2, "{document:#}");
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "failed"), ("web-2", "deferred")]));
    let problem = &document["hosts"][0]["problem"];
    assert_eq!(problem["what"], json!("the host did not come back within 12 s of its reboot"), "{problem:#}");
    assert_eq!(stage.boots()[1], after[1]);
}
