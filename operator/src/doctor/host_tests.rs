//! Tests of the findings about one host.

use std::fmt::Write as _;

use nixfleet_contract::plan::Drift;
use serde_json::json;

use super::*;
use crate::sample;

const FACTS: &str = "distribution debian\nrelease Debian 13\nmachine x86_64\nbits 64\nsystemd 257\napt 3.0.3\n\
                     nix 2.26.3\ndaemon answers\nunit nix-daemon.socket enabled\nspace /nix 4194304 900000\n\
                     sudo yes\nuser 1000 /home/deploy /bin/bash\nroot yes\nhostKey ssh-ed25519 AAAA\nclock 1000\n";

fn told(facts: Result<&str, Problem>, now: i64) -> String {
    told_with(facts, None, now)
}

fn told_with(facts: Result<&str, Problem>, status: Option<Status>, now: i64) -> String {
    let facts = facts.map(Facts::parse);
    let findings = host(&sample::host("web-1"), &Inspected { facts, status: Ok(status), now });
    let mut text = String::new();
    for Finding { check, verdict, what, help } in findings {
        let help = help.map(|help| format!(" -> {help}")).unwrap_or_default();
        writeln!(text, "{check}: {}: {what}{help}", verdict.as_str()).unwrap();
    }
    text
}

#[test]
fn a_prepared_host_has_only_things_to_do_next() {
    expect_test::expect![[r"
        connection: good: deploy@10.0.1.11
        host-key: warning: the inventory does not have the key, so the known_hosts file of each operator decides -> nixfleet host adopt web-1
        root: good: deploy becomes root
        platform: good: Debian 13, x86_64-linux
        nix: good: Nix 2.26.3
        daemon: good: answers
        host-key: good: ed25519
        systemd: good: systemd 257
        space: good: /nix: 4096 MiB free
        clock: good: 10 s ahead of this machine
        nixfleet: warning: the host is not managed yet -> nixfleet apply web-1
    "]]
    .assert_eq(&told(Ok(FACTS), 990));
}

#[test]
fn each_fault_has_a_command() {
    for (from, to, saying) in [
        ("daemon answers", "daemon silent refused", "daemon: bad: missing: enable and start it"),
        (
            "nix 2.26.3\ndaemon answers\nunit nix-daemon.socket enabled\n",
            "lists 0\n",
            "nixfleet bootstrap web-1",
        ),
        ("4194304", "102400", "space: warning: /nix: 100 MiB free -> nixfleet gc web-1 --collect"),
        ("900000", "100", "few inodes"),
        ("hostKey ssh-ed25519 AAAA\n", "", "host-key: bad: missing: make an ed25519 key"),
        ("clock 1000", "clock 500", "clock: warning: 490 s behind this machine -> nixfleet run --sudo"),
        ("sudo yes", "earlier 0f 12 ada@laptop", "bootstrap: warning"),
        ("sudo yes", "sudo yes\nleftover /tmp/nixfleet.abc", "-- rm -r /tmp/nixfleet.abc"),
        (
            "sudo yes",
            "sudo yes\ndpkg The following packages are only half configured",
            "packages: warning: packages are only partly installed: The following packages are only half \
             configured -> nixfleet run --sudo --host web-1 -- dpkg --configure -a",
        ),
    ] {
        assert!(FACTS.contains(from), "{from}");
        let text = told(Ok(&FACTS.replace(from, to)), 990);
        assert!(text.contains(saying), "{saying}\n{text}");
    }
}

/// Returns the status of a managed host.
fn status(interrupted: Option<&str>, drift: &[Drift]) -> Option<Status> {
    let document = json!({
        "schema": 1, "generations": [], "units": [], "kept": [], "interrupted": interrupted, "drift": drift,
    });
    serde_json::from_value(document).unwrap()
}

#[test]
fn an_apply_that_did_not_end_is_found_with_its_command() {
    let text = told_with(Ok(FACTS), status(Some("a transaction of apt"), &[]), 990);
    let interrupted = "nixfleet: bad: a run was interrupted: a transaction of apt -> nixfleet apply web-1";
    assert!(text.contains(interrupted), "{text}");

    let drift = ["app.service", "app.socket"].map(|unit| Drift::of_held_start(&unit.parse().unwrap()));
    let text = told_with(Ok(FACTS), status(None, &drift), 990);
    let held = "held-starts: warning: units of new packages do not start before an apply succeeds: app.service, \
                app.socket -> nixfleet apply web-1";
    assert!(text.contains(held), "{text}");
}

#[test]
fn a_host_that_cannot_be_asked_says_what_to_do() {
    let problem = |code| Problem::new(code, "it failed").because("why").help("own help");
    for (code, saying) in [
        (Code::Unreachable, "connection: bad: [NF-301] it failed: why -> own help"),
        (Code::HostKey, "nixfleet host adopt web-1"),
        (Code::SshAuth, "nixfleet bootstrap web-1 --login root --ask-password"),
        (Code::NoSudo, "root: bad: [NF-304] it failed: why -> nixfleet bootstrap web-1 --ask-password"),
    ] {
        let text = told(Err(problem(code)), 0);
        assert!(text.contains(saying), "{saying}\n{text}");
    }
}
