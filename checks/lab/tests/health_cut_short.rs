//! What becomes of a host where something is cut short while its health checks are tried.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stage;

use std::thread;
use std::time::Duration;

use nixfleet_lab::command::{Finished, wait_until};
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::Lab;
use stage::checked::{apply, checks, converged, web};
use stage::{applies, generation, outcomes_of};

/// Far longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(100);

/// A check that says when it is tried, and goes on until it is allowed to end.
const HELD: &str = "held = {
  command = [ \"/bin/sh\" \"-c\" \"touch /run/checking; until test -e /run/enough; do sleep 0.05; done\" ];
  timeout = \"2m\";
};";

/// Applies to web-1, and does something meanwhile. What the command tells is in `~/told`, what it says to
/// people in `~/said`.
fn meanwhile(lab: &Lab, flags: &str, act: impl FnOnce()) -> Finished {
    let line =
        format!("set -o pipefail; nixfleet apply --yes --events --host web-1 {flags} 2> ~/said | tee ~/told");
    thread::scope(|scope| {
        let typed = scope.spawn(|| lab.operator().unwrap().types(&line).unwrap());
        act();
        typed.join().unwrap()
    })
}

fn waits_for(guest: &Guest, path: &str) {
    waits_until(guest, &format!("test -e {path}"));
}

fn waits_until(guest: &Guest, script: &str) {
    wait_until(script, LIMIT, || Ok(guest.sh(script)?.ok())).unwrap();
}

/// Presses Ctrl-C until the command is gone: the second one counts once the first was taken note of.
fn leaves(operator: &Guest) {
    let gone = "kill -INT $(pidof nixfleet) 2>/dev/null; ! pidof nixfleet";
    wait_until("the command leaves", Duration::from_secs(10), || Ok(operator.sh(gone)?.ok())).unwrap();
}

/// Nothing of a change is at work on the host any more.
const AT_REST: &str = "! systemctl list-units --plain --no-legend 'nixfleet-run-*' | grep -q . && \
                       ! test -e /var/lib/nixfleet/journal.json";

#[test]
fn a_connection_that_breaks_while_checks_are_tried_changes_nothing() {
    let lab = converged();
    let first = generation(web(&lab));
    // As root, once the change was confirmed and all wait for it.
    let script = "pkill -f '^sshd-session: deploy'; touch /run/cut";
    checks(
        &lab,
        &format!("cut = {{ command = [ \"/bin/sh\" \"-c\" \"{script}\" ]; startDelay = \"2s\"; }};"),
    );
    let (finished, host) = apply(&lab, "");
    assert_eq!(host["outcome"], "ok", "{finished}");
    assert!(web(&lab).files().unwrap().exists("/run/cut"));
    assert_eq!(generation(web(&lab)), first + 1);
}

#[test]
fn a_run_that_is_killed_while_checks_are_tried_ends_in_the_old_generation() {
    let lab = converged();
    let first = generation(web(&lab));
    checks(
        &lab,
        "slow = { command = [ \"/bin/sh\" \"-c\" \"touch /run/checking; sleep 60\" ]; timeout = \"2m\"; };",
    );
    let finished = meanwhile(&lab, "", || {
        waits_for(web(&lab), "/run/checking");
        web(&lab).ask("systemctl kill --kill-whom=main --signal=KILL 'nixfleet-run-*.service'").unwrap();
    });
    assert_eq!(finished.code, 2, "{finished}");
    assert_eq!(generation(web(&lab)), first);
    assert!(!web(&lab).files().unwrap().exists("/var/lib/nixfleet/journal.json"));
}

#[test]
fn who_interrupts_while_checks_are_tried_gets_a_host_that_ends_by_itself() {
    let lab = converged();
    let (operator, first) = (lab.operator().unwrap().guest(), generation(web(&lab)));
    let is_held = || {
        waits_for(web(&lab), "/run/checking");
        waits_until(web(&lab), "ls /run/nixfleet/*.confirmed");
    };

    // Once: the command stays until its checks have let the host end.
    checks(&lab, HELD);
    let finished = meanwhile(&lab, "", || {
        is_held();
        waits_until(operator, r#"grep -q '"phase":"checking"' ~ada/told"#);
        operator.ask("kill -INT $(pidof nixfleet)").unwrap();
        waits_until(operator, "grep -q 'no further host is begun' ~ada/said");
        web(&lab).ask("touch /run/enough").unwrap();
    });
    assert_eq!(finished.code, 130, "{finished}");
    assert!(finished.stdout.contains(r#""outcome":"ok""#), "{finished}");
    assert_eq!(generation(web(&lab)), first + 1);

    // Twice: it leaves at once, and the host, which was confirmed, goes all the way.
    web(&lab).ask("rm /run/checking /run/enough /run/nixfleet/*.confirmed").unwrap();
    checks(&lab, &HELD.replace("2m", "3m"));
    let finished = meanwhile(&lab, "", || {
        is_held();
        leaves(operator);
        assert!(!web(&lab).sh(AT_REST).unwrap().ok(), "the host has not waited for its checks");
        web(&lab).ask("touch /run/enough").unwrap();
    });
    assert_eq!(finished.code, 130, "{finished}");
    waits_until(web(&lab), AT_REST);
    assert_eq!(generation(web(&lab)), first + 2);
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "unchanged")]));

    // Twice before it was confirmed: nobody tries any more what is tried from here, and the host goes back.
    let outside = "outside = {
      command = [ \"/bin/sh\" \"-c\" \"touch /home/ada/checking; exec sleep 611\" ];
      from = \"operator\"; timeout = \"9s\"; retries = 0;
    };";
    checks(&lab, outside);
    let finished = meanwhile(&lab, "--confirm-timeout 1", || {
        waits_for(operator, "/home/ada/checking");
        leaves(operator);
        assert!(!operator.sh("pgrep --full '[s]leep 611'").unwrap().ok(), "its command is still running");
    });
    assert_eq!(finished.code, 130, "{finished}");
    waits_until(web(&lab), AT_REST);
    assert_eq!(generation(web(&lab)), first + 2);
    checks(&lab, "");
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
}
