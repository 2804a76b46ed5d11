//! Functions that several test programs share.

// Each test program uses only a part of this module.
#![allow(dead_code)]

pub mod checked;
pub mod nixos;
pub mod role;
pub mod shared;

use std::collections::BTreeMap;
use std::time::Duration;

use nixfleet_lab::command::{Finished, wait_until};
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::{Lab, Plan};
use nixfleet_lab::snapshot::Snapshot;
use serde_json::Value;

/// The environment variable that sets for how many seconds trials are repeated. Without it, the number of
/// trials is fixed, and some tests use fewer hosts.
pub const SOAK: &str = "NIXFLEET_SOAK_HOSTS";

/// Boots three hosts that NixFleet has never changed, and an operator's machine with the demo's fleet.
pub fn fresh() -> Lab {
    Lab::boot(&Plan::of_test()).unwrap()
}

/// Boots one host of the demo that NixFleet has never changed, and an operator's machine with the demo's
/// fleet.
pub fn lone(host: &str) -> Lab {
    Lab::boot(&Plan::of_test().only(host)).unwrap()
}

/// Boots three hosts, and applies the demo's fleet to them.
pub fn converged() -> Lab {
    let lab = fresh();
    assert_eq!(applies(&lab, ""), outcomes_of([("db-1", "ok"), ("web-1", "ok"), ("web-2", "ok")]));
    lab
}

/// Boots a lab with one host of the demo, and applies the demo's fleet to that host.
pub fn managed(host: &str) -> Lab {
    let lab = lone(host);
    assert_eq!(applies(&lab, &format!("--host {host}")), outcomes_of([(host, "ok")]));
    lab
}

/// Runs an apply without a prompt, and returns the outcome of each host. The exit code must be 0.
pub fn applies(lab: &Lab, targets: &str) -> BTreeMap<String, String> {
    let operator = lab.operator().unwrap();
    let (finished, document) =
        operator.types_for_json(&format!("nixfleet apply --yes --json {targets}")).unwrap();
    assert!(finished.ok(), "{finished}");
    outcomes(&document)
}

/// Returns the outcome of each host in a document.
pub fn outcomes(document: &Value) -> BTreeMap<String, String> {
    let hosts = document["hosts"].as_array().unwrap().iter();
    hosts
        .map(|host| (host["host"].as_str().unwrap().into(), host["outcome"].as_str().unwrap().into()))
        .collect()
}

/// Converts expected outcomes for a comparison with [`outcomes`].
pub fn outcomes_of<const N: usize>(outcomes: [(&str, &str); N]) -> BTreeMap<String, String> {
    outcomes.into_iter().map(|(host, outcome)| (host.to_owned(), outcome.to_owned())).collect()
}

/// Asserts that a command ended with this exit code and printed each of these texts.
#[track_caller]
pub fn assert_says(finished: &Finished, code: i32, sayings: &[&str]) {
    assert_eq!(finished.code, code, "{finished}");
    let said = format!("{}{}", finished.stdout, finished.stderr);
    for saying in sayings {
        assert!(said.contains(saying), "nothing says `{saying}`:\n{finished}");
    }
}

/// Takes a snapshot of every host.
pub fn snapshots(lab: &Lab) -> Vec<(&Guest, Snapshot)> {
    lab.hosts().map(|host| (host, Snapshot::take(host).unwrap())).collect()
}

/// Asserts that no host differs from its snapshot. A difference may last for some seconds, because a timer of
/// the demo's fleet may be running its service.
#[track_caller]
pub fn assert_as_before(snapshots: &[(&Guest, Snapshot)]) {
    for (host, before) in snapshots {
        let mut difference = String::new();
        let settled = wait_until("the host is as it was", Duration::from_secs(10), || {
            difference = before.difference(&Snapshot::take(host)?);
            Ok(difference.is_empty())
        });
        assert!(settled.is_ok(), "{} is not as it was:\n{difference}", host.name());
    }
}

/// Returns the number of the current generation of a host.
pub fn generation(host: &Guest) -> u64 {
    let link = host.ask("readlink /nix/var/nix/profiles/nixfleet/system").unwrap();
    link.trim_start_matches("system-").trim_end_matches("-link").parse().unwrap()
}

/// Adds Nix code to the role of web servers.
pub fn adds(lab: &Lab, nix: &str) {
    let before = "  nixfleet.systemd.units.\"web.service\".sections = {";
    lab.operator().unwrap().edits("roles/web.nix", before, &format!("{nix}\n{before}")).unwrap();
}

/// Asserts that web-1 refuses a change with these texts and is unchanged. The plan must already detect the
/// problem, so that nothing is copied to the store of the host.
#[track_caller]
pub fn assert_refuses(lab: &Lab, command: &str, code: &str, sayings: &[&str]) {
    let sent = refuses(lab, command, code, sayings);
    assert!(!sent, "only the apply knew");
}

/// Asserts that web-1 refuses an apply because of a problem that the plan could not detect. The problem must
/// contain these texts, and the host must be unchanged except for its store.
#[track_caller]
pub fn assert_apply_refuses(lab: &Lab, command: &str, code: &str, sayings: &[&str]) {
    assert!(refuses(lab, command, code, sayings), "the plan knew");
}

/// Asserts that web-1 refuses each of these additions to the role of web servers, with these texts, and is
/// unchanged. The plan must already detect the problems.
pub fn assert_refuses_each<N: AsRef<str>>(lab: &Lab, code: &str, cases: &[(N, &[&str])]) {
    let before = Snapshot::take(lab.guest("web-1").unwrap()).unwrap();
    for (nix, sayings) in cases {
        adds(lab, nix.as_ref());
        assert!(!refuses_from(&before, lab, "apply", code, sayings), "only the apply knew: {}", nix.as_ref());
        lab.operator().unwrap().resets_fleet().unwrap();
    }
}

/// Asserts that web-1 refuses a command, and returns whether a closure was copied to the host.
#[track_caller]
fn refuses(lab: &Lab, command: &str, code: &str, sayings: &[&str]) -> bool {
    let before = Snapshot::take(lab.guest("web-1").unwrap()).unwrap();
    refuses_from(&before, lab, command, code, sayings)
}

/// As [`refuses`], with a snapshot of the host before the command.
#[track_caller]
fn refuses_from(before: &Snapshot, lab: &Lab, command: &str, code: &str, sayings: &[&str]) -> bool {
    let web = lab.guest("web-1").unwrap();
    let line = format!("nixfleet {command} --yes --json --host web-1");
    let (finished, document) = lab.operator().unwrap().types_for_json(&line).unwrap();
    assert_eq!(finished.code, 2, "{finished}");
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "blocked")]), "{finished}");
    let problem = &document["hosts"][0]["problem"];
    assert_eq!(problem["code"], code, "{finished}");
    for part in ["what", "where", "why", "help"] {
        assert!(
            problem[part].as_str().is_some_and(|text| !text.trim().is_empty()),
            "no `{part}`: {problem:#}"
        );
    }
    for saying in sayings {
        assert!(problem.to_string().contains(saying), "nothing says `{saying}`:\n{problem:#}");
    }
    let difference = before.difference(&Snapshot::take(web).unwrap());
    let (sent, rest): (Vec<&str>, Vec<&str>) =
        difference.lines().partition(|line| line.starts_with("+ store "));
    assert!(rest.is_empty(), "web-1 is not as it was:\n{}", rest.join("\n"));
    !sent.is_empty()
}
