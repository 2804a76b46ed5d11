//! Kills the activator, or cuts the power of the host, while a NixOS system is activated or waits to be
//! confirmed.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::Duration;

use nixfleet_lab::command::{Finished, wait_until};
use nixfleet_lab::lab::Lab;
use serde_json::Value;

use super::app::{Before, HOST, LAB, app, applies, assert_runs, db, status, toggle, versions};
use super::{ALL_OR_NOTHING, CONFIRMED, kept};
use crate::stage::assert_says;
use crate::stage::nixos::{boot_default, declares, fresh, running};

/// The time limit of each wait in these tests. It is far longer than any wait takes.
const LIMIT: Duration = Duration::from_secs(60);

/// Declares an activation script that never ends. A test waits for it, and then interrupts the activation.
const GATE: &str = "system.activationScripts.gate = \"touch /run/waits; sleep infinity\";";
/// A script that succeeds once the activation script [`GATE`] runs.
const AT_THE_GATE: &str = "[ -e /run/waits ]";
/// A script that succeeds while the activator waits for the confirmation of its change.
const IN_THE_WINDOW: &str =
    "waiting=$(grep -l awaitingConfirm /run/nixfleet/*.jsonl) && grep -L outcome $waiting | grep .";
/// A script that prints `yes` if the recovery unit found an interrupted run when the host booted.
const RECOVERED: &str = "systemctl show --value -p ConditionResult nixfleet-recover.service";

/// Returns the declaration of a service that cuts the network, so that the change cannot be confirmed.
fn cut() -> String {
    let route = |verb: &str| format!("/usr/sbin/ip route {verb} unreachable 10.0.1.2/32");
    toggle(&route("add"), &route("del"))
}

/// Starts an apply of version two together with the declarations `more`. Calls `act` as soon as the script
/// `ready` succeeds on the host. Returns the result of the apply.
fn meanwhile(lab: &Lab, more: &str, flags: &str, ready: &str, act: impl FnOnce()) -> Finished {
    db(lab).ask("rm -f /run/waits").unwrap();
    declares(lab, HOST, &app("two", more));
    let line = format!("nixfleet apply --yes --json --host {HOST} {flags}");
    thread::scope(|scope| {
        let typed = scope.spawn(|| lab.operator().unwrap().types(&line).unwrap());
        let acted = catch_unwind(AssertUnwindSafe(|| {
            wait_until(ready, LIMIT, || Ok(db(lab).sh(ready)?.ok())).unwrap();
            act();
        }));
        if let Err(panic) = acted {
            // The apply may wait for an activation that never ends, so this kills the apply.
            lab.operator().unwrap().guest().sh("pkill -KILL --exact nixfleet").unwrap();
            resume_unwind(panic);
        }
        typed.join().unwrap()
    })
}

fn cuts_the_power(lab: &Lab) {
    db(lab).power_cut().unwrap();
    db(lab).power_on().unwrap();
}

#[track_caller]
fn assert_interrupted(finished: &Finished) {
    assert_eq!(finished.code, 2, "{finished}");
    let document: Value = serde_json::from_str(&finished.stdout).unwrap();
    let host = &document["hosts"][0];
    assert_eq!(
        (&host["outcome"], &host["problem"]["code"]),
        (&"rolled-back".into(), &"NF-414".into()),
        "{finished}"
    );
}

#[test]
fn a_killed_activation_is_put_right_at_once() {
    let lab = LAB.turn();
    let host = db(&lab);
    let before = Before::take(&lab);
    let finished = meanwhile(&lab, GATE, "", AT_THE_GATE, || {
        assert_ne!(versions(host), ["one"; 2], "the change has begun");
        let unit = "$(systemctl list-units --plain --no-legend 'nixfleet-run-*' | cut -d' ' -f1)";
        host.ask(&format!("kill -KILL $(systemctl show --value -p MainPID {unit})")).unwrap();
    });
    assert_interrupted(&finished);
    before.assert_back();
    kept(
        ALL_OR_NOTHING,
        "killed::a_killed_activation_is_put_right_at_once",
        "1 activator killed while a NixOS system is activated",
    );
}

#[test]
fn a_power_cut_during_an_activation_ends_in_the_old_system() {
    let lab = LAB.turn();
    let host = db(&lab);
    let before = Before::take(&lab);
    let old = boot_default(host);
    let finished = meanwhile(&lab, GATE, "", AT_THE_GATE, || {
        assert_eq!(boot_default(host), old);
        cuts_the_power(&lab);
    });
    assert_interrupted(&finished);
    assert_eq!(host.ask(RECOVERED).unwrap(), "yes");
    before.assert_back();
    kept(
        ALL_OR_NOTHING,
        "killed::a_power_cut_during_an_activation_ends_in_the_old_system",
        "1 power cut while a NixOS system is activated",
    );
}

#[test]
fn a_power_cut_in_the_window_boots_the_old_default() {
    let lab = LAB.turn();
    let host = db(&lab);
    let before = Before::take(&lab);
    let old = running(host);
    let finished = meanwhile(&lab, &cut(), "--confirm-timeout 600", IN_THE_WINDOW, || {
        assert_ne!(running(host), old, "the new system runs");
        assert_eq!(versions(host), ["two"; 2]);
        assert_eq!(boot_default(host), old, "and is not the boot default");
        cuts_the_power(&lab);
    });
    assert_interrupted(&finished);
    assert_eq!(host.ask(RECOVERED).unwrap(), "yes");
    before.assert_back();
    let shown = lab.operator().unwrap().types("nixfleet status").unwrap();
    assert_says(&shown, 0, &["managed", "last run: apply by ada@operator", "rolled-back", "NF-414"]);
    kept(
        CONFIRMED,
        "killed::a_power_cut_in_the_window_boots_the_old_default",
        "1 power cut while a NixOS system waits to be confirmed",
    );
}

/// The first system of the host has no recovery unit, so the host is not recovered until an activator runs on
/// it.
#[test]
fn without_a_recovery_unit_the_next_contact_puts_right() {
    let lab = fresh(&[HOST]);
    let (host, operator) = (db(&lab), lab.operator().unwrap());
    let factory = running(host);
    meanwhile(&lab, GATE, "", AT_THE_GATE, || {
        operator.guest().ask("pkill -KILL --exact nixfleet; pkill -KILL --exact ssh").unwrap();
        cuts_the_power(&lab);
    });
    assert!(host.files().unwrap().exists("/var/lib/nixfleet/journal.json"));
    assert_eq!(running(host), factory);
    assert_eq!(versions(host), ["", "two"], "the file is still there");
    let seen = status(&lab);
    assert!(seen["interrupted"].as_str().unwrap().contains("ada@operator"), "{seen:#}");
    let shown = operator.types("nixfleet status").unwrap();
    assert_says(&shown, 0, &["interrupted", "the next apply recovers it"]);

    // The next apply recovers the host, plans again, and changes the host.
    declares(&lab, HOST, &app("three", ""));
    let ended = applies(&lab, "ok");
    let recovered = ended["report"]["recovered"].as_str().unwrap();
    assert!(recovered.ends_with("was rolled back to no generation"), "{recovered}");
    assert!(!host.files().unwrap().exists("/var/lib/nixfleet/journal.json"));
    assert!(status(&lab)["interrupted"].is_null());
    assert_ne!(running(host), factory);
    assert_runs(host, &running(host), "three");
    kept(
        ALL_OR_NOTHING,
        "killed::without_a_recovery_unit_the_next_contact_puts_right",
        "1 power cut in the very first change of a NixOS host, and the contact after it",
    );
}
