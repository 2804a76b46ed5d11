//! Tests of the SSH connection that all commands for a host share.

use std::thread;
use std::time::Duration;

use nixfleet_lab::command::{Finished, wait_until};
use nixfleet_lab::lab::Lab;

use crate::stage::shared::FRESH_WEB;

/// The limit for each wait, which is far longer than any wait takes.
const LIMIT: Duration = Duration::from_secs(100);

/// A script that puts a wrapper for `ssh` into the user's `~/bin`, which comes first in `PATH`. The wrapper
/// records each start of `ssh`.
const NOTED: &str = "mkdir -p ~/bin && printf '#!/bin/sh\\necho >> ~/started\\nexec /usr/bin/ssh \"$@\"\\n' > ~/bin/ssh && \
                     chmod +x ~/bin/ssh";

fn types(lab: &Lab, line: &str) -> Finished {
    lab.operator().unwrap().types(line).unwrap().success().unwrap()
}

/// Runs a command, and returns the number of times that it started `ssh`.
fn starts(lab: &Lab, command: &str) -> usize {
    let finished = types(lab, &format!(": > ~/started; PATH=~/bin:$PATH; {command} >&2; wc -l < ~/started"));
    finished.stdout.trim().lines().next_back().unwrap().parse().unwrap()
}

#[test]
fn ssh_is_started_for_a_connection_and_for_no_command_in_it() {
    let lab = FRESH_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    types(&lab, NOTED);
    // The host has no activator yet, so the plan takes two commands.
    assert_eq!(starts(&lab, "nixfleet plan --host web-1"), 1);
    assert_eq!((web.ssh_connections().unwrap(), web.ssh_sessions().unwrap()), (1, 2));
    // The apply starts `ssh` only for the new connection over which the change is confirmed.
    assert_eq!(starts(&lab, "nixfleet apply --yes --host web-1"), 1);
    assert_eq!(starts(&lab, "nixfleet status --host web-1"), 0);
    assert_eq!(web.ssh_connections().unwrap(), 2);
}

#[test]
fn a_connection_that_takes_no_further_command_is_gone_around() {
    let lab = FRESH_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    web.ask("echo 'MaxSessions 1' > /etc/ssh/sshd_config.d/00-one.conf && systemctl reload ssh").unwrap();
    let held = "touch /tmp/held; until test -e /tmp/enough; do sleep 0.05; done";
    thread::scope(|scope| {
        let holds = scope.spawn(|| types(&lab, &format!("nixfleet run --host web-1 -- sh -c '{held}'")));
        wait_until("the connection is taken", LIMIT, || Ok(web.sh("test -e /tmp/held")?.ok())).unwrap();
        types(&lab, "nixfleet status --host web-1");
        web.ask("touch /tmp/enough").unwrap();
        holds.join().unwrap();
    });
    assert_eq!(web.ssh_connections().unwrap(), 2);
}

#[test]
fn an_inherited_connection_that_breaks_is_made_anew() {
    let lab = FRESH_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    types(&lab, "nixfleet status --host web-1");
    let once = "test -e /tmp/held || { touch /tmp/held; exec sleep 613; }";
    web.ask(&format!("echo '{once}' > /home/deploy/.ssh/rc")).unwrap();
    thread::scope(|scope| {
        let asks = scope.spawn(|| types(&lab, "nixfleet status --host web-1"));
        wait_until("the host hangs", LIMIT, || Ok(web.sh("test -e /tmp/held")?.ok())).unwrap();
        web.ask("pkill -f '^sshd-session: deploy'").unwrap();
        asks.join().unwrap();
    });
    assert_eq!(web.ssh_connections().unwrap(), 2);
}

#[test]
fn what_a_command_says_behind_its_end_is_heard() {
    let lab = FRESH_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    // With this program in place of `sudo`, the exit code arrives a second before the output.
    let late = "/opt/sudo \"$@\" > /tmp/said; code=$?; (sleep 1; cat /tmp/said) & exit $code";
    let script = format!(
        "mv /usr/bin/sudo /opt; cat > /usr/bin/sudo <<'END'\n#!/bin/sh\n{late}\nEND\nchmod +x /usr/bin/sudo"
    );
    web.ask(&script).unwrap();
    let finished = lab.operator().unwrap().types("nixfleet plan --host web-1").unwrap();
    assert_eq!(finished.code, 0, "{finished}");
    assert!(finished.stdout.contains("/etc/motd"), "{finished}");
}
