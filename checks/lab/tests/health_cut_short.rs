//! Tests of changes that are interrupted while health checks run.

use std::thread;
use std::time::Duration;

use nixfleet_lab::command::{Finished, wait_until};
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::Lab;

use crate::stage::checked::{apply, checks, converged, web};
use crate::stage::{applies, generation, outcomes_of};

/// The limit for each wait, which is far longer than any wait takes.
const LIMIT: Duration = Duration::from_secs(100);

/// A check that creates a file when it starts, and runs until another file exists.
const HELD: &str = "held = {
  command = [ \"/bin/sh\" \"-c\" \"touch /run/checking; until test -e /run/enough; do sleep 0.05; done\" ];
  timeout = \"2m\";
};";

/// Runs an apply to web-1, and calls `act` while the command runs. The events of the command are written to
/// `~/told`, and its messages to `~/said`.
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

/// Sends SIGINT to the command again and again until it ends. A second SIGINT has an effect only after the
/// command has handled the first SIGINT.
fn leaves(operator: &Guest) {
    let gone = "kill -INT $(pidof nixfleet) 2>/dev/null; ! pidof nixfleet";
    wait_until("the command leaves", Duration::from_secs(10), || Ok(operator.sh(gone)?.ok())).unwrap();
}

/// A script that succeeds if no run and no journal is left on the host.
const AT_REST: &str = "! systemctl list-units --plain --no-legend 'nixfleet-run-*' | grep -q . && \
                       ! test -e /var/lib/nixfleet/journal.json";

#[test]
fn a_connection_that_breaks_while_checks_are_tried_changes_nothing() {
    let lab = converged();
    let first = generation(web(&lab));
    // The health check, which runs as root, breaks the SSH connection itself. At that time, the change is
    // confirmed, and the command waits for the result of the check.
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

    // After one SIGINT, the command waits until the checks are finished.
    checks(&lab, HELD);
    let finished = meanwhile(&lab, "", || {
        is_held();
        waits_until(operator, r#"grep -q '"phase":"checking"' ~ada/told"#);
        operator.ask("kill -INT $(pidof nixfleet)").unwrap();
        waits_until(operator, "grep -q 'no further host is started' ~ada/said");
        web(&lab).ask("touch /run/enough").unwrap();
    });
    assert_eq!(finished.code, 130, "{finished}");
    assert!(finished.stdout.contains(r#""outcome":"ok""#), "{finished}");
    assert_eq!(generation(web(&lab)), first + 1);

    // After two SIGINTs, the command ends at once. The change is confirmed already, so the host completes it.
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

    // After two SIGINTs before the confirmation, the command stops the checks on the operator's machine, and
    // the host is rolled back.
    let outside = "outside = {
      command = [ \"/bin/sh\" \"-c\" \"touch /home/ada/checking; exec sleep 611\" ];
      from = \"operator\"; timeout = \"9s\"; retries = 0;
    };";
    checks(&lab, outside);
    let finished = meanwhile(&lab, "--confirm-timeout 1", || {
        waits_for(operator, "/home/ada/checking");
        leaves(operator);
        waits_until(operator, "! pgrep --full '[s]leep 611'");
    });
    assert_eq!(finished.code, 130, "{finished}");
    waits_until(web(&lab), AT_REST);
    assert_eq!(generation(web(&lab)), first + 2);
    checks(&lab, "");
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
}
