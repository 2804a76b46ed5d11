//! Tests of broken connections, killed commands, power cuts, and changes that cut hosts off. Each host must
//! end in exactly the old or exactly the new generation on its own, and report what happened.

use std::thread;
use std::time::Duration;

use nixfleet_lab::command::{Finished, wait_until};
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::Lab;
use nixfleet_lab::snapshot::Snapshot;
use serde_json::Value;

use crate::stage::shared::{MANAGED_WEB, Turn};
use crate::stage::{adds, assert_says, generation, lone, outcomes, outcomes_of};

/// The time limit of each wait in these tests. It is far longer than any wait takes.
const LIMIT: Duration = Duration::from_secs(60);

/// Returns this lab and a snapshot of web-1.
fn converged() -> (Turn<'static>, Snapshot) {
    let lab = MANAGED_WEB.turn();
    let before = Snapshot::take(web(&lab)).unwrap();
    (lab, before)
}

fn web(lab: &Lab) -> &Guest {
    lab.guest("web-1").unwrap()
}

/// Adds a changed web page, a file, and a unit whose start waits for input from the pipe `/run/gate`. After a
/// restart of the host, the pipe does not exist, and the unit starts at once.
fn adds_a_gate(lab: &Lab) {
    web(lab).ask("mkfifo /run/gate").unwrap();
    adds(
        lab,
        r#"
  nixfleet.files."/etc/web/new.conf".text = "new\n";
  nixfleet.systemd.units."gate.service".sections = {
    Service = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = "-/usr/bin/head -c1 /run/gate";
    };
    Install.WantedBy = "multi-user.target";
  };"#,
    );
    lab.operator().unwrap().edits("roles/web.nix", "message = \"hello\"", "message = \"new\"").unwrap();
}

/// Adds a unit that runs the command `start` when it starts. When it stops, it runs the command `stop`, which
/// must undo `start`.
fn adds_a_toggle(lab: &Lab, start: &str, stop: &str) {
    adds(
        lab,
        &format!(
            r#"
  nixfleet.systemd.units."toggle.service".sections = {{
    Service = {{
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = "{start}";
      ExecStop = "{stop}";
    }};
    Install.WantedBy = "multi-user.target";
  }};"#
        ),
    );
}

/// Adds a file that lets sshd listen on port 2222 instead of port 22.
fn adds_a_broken_sshd(lab: &Lab) {
    adds(
        lab,
        r#"
  nixfleet.files."/etc/ssh/sshd_config.d/90-port.conf" = {
    text = "Port 2222\n";
    reloadUnits = [ "ssh.service" ];
  };"#,
    );
}

fn apply(lab: &Lab, flags: &str) -> Finished {
    lab.operator().unwrap().types(&format!("nixfleet apply --yes --json --host web-1 {flags}")).unwrap()
}

/// Starts an apply, calls `act` as soon as the script `ready` succeeds on web-1, and returns the result of
/// the apply.
fn meanwhile(lab: &Lab, flags: &str, ready: &str, act: impl FnOnce()) -> Finished {
    thread::scope(|scope| {
        let typed = scope.spawn(|| apply(lab, flags));
        wait_until(ready, LIMIT, || Ok(web(lab).sh(ready)?.ok())).unwrap();
        act();
        typed.join().unwrap()
    })
}

/// A script that succeeds while the start of the unit of [`adds_a_gate`] waits for input.
const AT_THE_GATE: &str = "pgrep --full '^/usr/bin/head -c1 /run/gate'";
/// A script that succeeds while the activator waits for the confirmation of its change.
const IN_THE_WINDOW: &str =
    "waiting=$(grep -l awaitingConfirm /run/nixfleet/*.jsonl) && grep -L outcome $waiting | grep .";

/// Records that a test has kept a promise of NixFleet. docs/internals/reliability.md must have a row for the
/// test with the same text.
#[track_caller]
fn kept(promise: &str, test: &str, tried: &str) {
    nixfleet_ledger::record(promise, &format!("survival::{test}"), tried, &[]).unwrap();
}

#[track_caller]
fn assert_went_back(finished: &Finished, code: &str) {
    assert_eq!(finished.code, 2, "{finished}");
    let document: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "rolled-back")]), "{finished}");
    assert_eq!(document["hosts"][0]["problem"]["code"], code, "{finished}");
}

/// Asserts that web-1 is unchanged except for its store, accepts new connections, and reports the rollback.
#[track_caller]
fn assert_old(lab: &Lab, before: &Snapshot) {
    let difference = before.difference(&Snapshot::take(web(lab)).unwrap());
    let difference: Vec<&str> = difference.lines().filter(|line| !line.starts_with("+ store ")).collect();
    assert!(difference.is_empty(), "web-1 is not as it was:\n{}", difference.join("\n"));
    let operator = lab.operator().unwrap();
    // After failed logins, sshd may reject the operator's address for some seconds.
    wait_until("the host takes new connections", LIMIT, || {
        Ok(operator.types("ssh -o ControlPath=none deploy@web-1 sudo -n true")?.ok())
    })
    .unwrap();
    let page = operator.types("curl --silent --max-time 5 http://web-1:8080/").unwrap();
    assert_eq!(page.line(), "hello from web-1, whose database is db-1");
    let status = operator.types("nixfleet status --host web-1").unwrap();
    assert_says(&status, 0, &["managed", "last run: apply by ada@operator", "rolled-back"]);
}

/// Kills all processes of these programs on the operator's machine.
fn kill(lab: &Lab, programs: &[&str]) {
    for program in programs {
        lab.operator().unwrap().guest().ask(&format!("pkill -KILL --exact {program}")).unwrap();
    }
}

#[test]
fn a_change_outlives_its_connection_and_the_command_finds_it_again() {
    let lab = MANAGED_WEB.turn();
    adds_a_gate(&lab);
    let finished = meanwhile(&lab, "", AT_THE_GATE, || {
        kill(&lab, &["ssh"]);
        web(&lab).ask("echo > /run/gate").unwrap();
    });
    assert!(finished.ok(), "{finished}");
    assert_eq!(generation(web(&lab)), 2);
    assert_eq!(web(&lab).unit("gate.service").unwrap().active, "active");
    kept(
        "A change survives its connection",
        "a_change_outlives_its_connection_and_the_command_finds_it_again",
        "1 ssh killed during an apply, and the command that comes back",
    );
}

#[test]
fn a_killed_command_leaves_a_host_that_goes_back_and_says_so() {
    let (lab, before) = converged();
    adds_a_gate(&lab);
    meanwhile(&lab, "--confirm-timeout 2", AT_THE_GATE, || {
        kill(&lab, &["nixfleet", "ssh"]);
        web(&lab).ask("echo > /run/gate").unwrap();
    });
    wait_until("the host has gone back", LIMIT, || {
        Ok(web(&lab).sh("grep rolled-back /run/nixfleet/*.jsonl")?.ok())
    })
    .unwrap();
    let status = lab.operator().unwrap().types("nixfleet status --host web-1").unwrap();
    assert_says(&status, 0, &["NF-413"]);
    assert_old(&lab, &before);
    kept(
        "A change survives its connection",
        "a_killed_command_leaves_a_host_that_goes_back_and_says_so",
        "1 command killed with its ssh during an apply",
    );
}

#[test]
fn a_change_that_breaks_sshd_is_undone() {
    let (lab, before) = converged();
    adds_a_broken_sshd(&lab);
    let finished = apply(&lab, "--force lockout --confirm-timeout 3");
    assert_went_back(&finished, "NF-413");
    assert_says(
        &finished,
        2,
        &["from this machine: the host cannot be reached", "port 22: Connection refused"],
    );
    assert_old(&lab, &before);
    kept(
        "Confirmed over a new connection, or undone",
        "a_change_that_breaks_sshd_is_undone",
        "1 sshd moved to another port",
    );
}

#[test]
fn a_change_that_cuts_the_network_is_undone() {
    let (lab, before) = converged();
    let route = |verb: &str| format!("/usr/sbin/ip route {verb} unreachable 10.0.1.2/32");
    adds_a_toggle(&lab, &route("add"), &route("del"));
    assert_went_back(&apply(&lab, "--confirm-timeout 3"), "NF-413");
    assert_old(&lab, &before);
    kept(
        "Confirmed over a new connection, or undone",
        "a_change_that_cuts_the_network_is_undone",
        "1 network cut",
    );
}

#[test]
fn a_change_that_takes_the_key_is_undone() {
    let (lab, before) = converged();
    let (keys, away) = ("/home/deploy/.ssh/authorized_keys", "/home/deploy/.ssh/away");
    adds_a_toggle(&lab, &format!("/usr/bin/mv {keys} {away}"), &format!("/usr/bin/mv {away} {keys}"));
    assert_went_back(&apply(&lab, "--confirm-timeout 3"), "NF-413");
    assert_old(&lab, &before);
    kept(
        "Confirmed over a new connection, or undone",
        "a_change_that_takes_the_key_is_undone",
        "1 key taken away",
    );
}

#[test]
fn a_change_that_takes_the_sudo_rule_is_undone() {
    let (lab, before) = converged();
    adds(
        &lab,
        r#"
  nixfleet.files."/etc/sudoers.d/deploy" = {
    text = "Defaults !lecture\n";
    mode = "0440";
    onConflict = "backup";
  };"#,
    );
    assert_went_back(&apply(&lab, "--force lockout --confirm-timeout 3"), "NF-413");
    assert_old(&lab, &before);
    kept(
        "Confirmed over a new connection, or undone",
        "a_change_that_takes_the_sudo_rule_is_undone",
        "1 sudo rule taken away",
    );
}

#[test]
fn without_a_confirmation_a_change_stays_where_nobody_asks_for_one() {
    let lab = MANAGED_WEB.turn();
    adds_a_broken_sshd(&lab);
    let finished = apply(&lab, "--force lockout --no-confirm");
    assert!(finished.ok(), "{finished}");
    assert_eq!(generation(web(&lab)), 2);
}

#[test]
fn a_power_cut_in_the_window_ends_in_the_old_generation() {
    let (lab, before) = converged();
    adds_a_broken_sshd(&lab);
    let finished = meanwhile(&lab, "--force lockout --confirm-timeout 600", IN_THE_WINDOW, || {
        web(&lab).power_cut().unwrap();
        web(&lab).power_on().unwrap();
    });
    assert_went_back(&finished, "NF-414");
    assert_old(&lab, &before);
    kept(
        "Confirmed over a new connection, or undone",
        "a_power_cut_in_the_window_ends_in_the_old_generation",
        "1 power cut while the host waits to be confirmed",
    );
}

#[test]
fn a_power_cut_in_the_middle_ends_in_the_old_generation_with_its_units() {
    let (lab, before) = converged();
    adds_a_gate(&lab);
    let finished = meanwhile(&lab, "", AT_THE_GATE, || {
        web(&lab).power_cut().unwrap();
        web(&lab).power_on().unwrap();
    });
    assert_went_back(&finished, "NF-414");
    assert_old(&lab, &before);
    kept(
        "All or nothing",
        "a_power_cut_in_the_middle_ends_in_the_old_generation_with_its_units",
        "1 power cut while a unit starts",
    );
}

#[test]
fn a_power_cut_in_the_very_first_change_leaves_nothing_of_it_in_force() {
    let lab = lone("web-1");
    adds_a_gate(&lab);
    let finished = meanwhile(&lab, "", AT_THE_GATE, || {
        web(&lab).power_cut().unwrap();
        web(&lab).power_on().unwrap();
    });
    assert_went_back(&finished, "NF-414");
    let files = web(&lab).files().unwrap();
    for path in [
        "/etc/web",
        "/etc/systemd/system/web.service",
        "/etc/systemd/system/gate.service",
        "/etc/systemd/system/nixfleet-recover.service",
        "/var/lib/nixfleet/journal.json",
        "/nix/var/nix/profiles/nixfleet/system",
        "/nix/var/nix/gcroots/nixfleet-transaction",
    ] {
        assert!(!files.exists(path), "{path} is still there");
    }
    assert_eq!(web(&lab).unit("web.service").unwrap().active, "inactive");
    kept(
        "All or nothing",
        "a_power_cut_in_the_very_first_change_leaves_nothing_of_it_in_force",
        "1 power cut in the very first change of a host",
    );
}

/// Adds a drop-in to the recovery unit of the host, so that the unit never runs at boot.
fn recovers_never(host: &Guest) {
    let drop_ins = "/etc/systemd/system/nixfleet-recover.service.d";
    host.ask(&format!("mkdir {drop_ins}")).unwrap();
    let never = "[Unit]\nConditionPathExists=/never\n";
    host.files().unwrap().write(&format!("{drop_ins}/never.conf"), never).unwrap();
}

/// The recovery unit does not run at boot, so the host stays interrupted until a command of the operator
/// recovers it.
#[test]
fn an_interrupted_host_recovers_when_the_user_agrees() {
    let lab = MANAGED_WEB.turn();
    let (host, operator) = (web(&lab), lab.operator().unwrap());
    let files = host.files().unwrap();
    recovers_never(host);
    let before = Snapshot::take(host).unwrap();
    let is_interrupted = || {
        meanwhile(&lab, "", AT_THE_GATE, || {
            kill(&lab, &["nixfleet", "ssh"]);
            host.power_cut().unwrap();
            host.power_on().unwrap();
        });
        assert!(files.exists("/etc/web/new.conf"), "the new files are still there");
    };
    adds_a_gate(&lab);
    is_interrupted();
    let plan = operator.types("nixfleet plan --host web-1").unwrap();
    assert_says(&plan, 0, &["interrupted", "ada@operator", "an apply recovers the host first"]);
    let saves = operator.types("nixfleet plan --host web-1 --out /tmp/plan").unwrap();
    assert_says(&saves, 1, &["the plan is not saved", "recover the host first"]);

    let answers = |answers: &str| {
        let command = "nixfleet apply --host web-1 --confirm-timeout 60";
        operator.types(&format!("printf '{answers}' | script -eqc '{command}' /dev/null")).unwrap()
    };
    assert_says(&answers("n\\n"), 1, &["Recover 1 host, then plan again?", "nothing was changed"]);
    assert!(files.exists("/var/lib/nixfleet/journal.json"));
    assert_says(
        &answers("y\\nn\\n"),
        1,
        &["was rolled back to generation 1", "Apply to 1 host?", "nothing else was changed"],
    );
    assert_old(&lab, &before);
    assert_says(&operator.types("nixfleet plan --host web-1").unwrap(), 0, &["+ /etc/web/new.conf"]);

    // The killed command did not record what it did, but the rollback of its rollout still recovers the host.
    host.ask("mkfifo /run/gate").unwrap();
    is_interrupted();
    let history = operator.types_for_json("nixfleet history --json").unwrap().1;
    let rollout = history["entries"][0]["id"].as_str().unwrap_or_else(|| panic!("{history:#}")).to_owned();
    let back = operator.types(&format!("nixfleet rollback --yes --rollout {rollout}")).unwrap();
    assert_says(&back, 0, &["was rolled back to generation 1", "1 ok"]);
    assert_old(&lab, &before);
    kept(
        "All or nothing",
        "an_interrupted_host_recovers_when_the_user_agrees",
        "2 power cuts while a unit starts, without the recovery at boot",
    );
}

/// The command of a rollout was killed before it recorded its change. A later apply was then interrupted, and
/// its recovery ends in the generation of the rollout, which the rollback of the rollout has to undo.
#[test]
fn the_rollback_of_a_killed_rollout_goes_on_after_the_recovery_of_a_later_run() {
    let lab = MANAGED_WEB.turn();
    let (host, operator) = (web(&lab), lab.operator().unwrap());
    recovers_never(host);
    adds_a_gate(&lab);
    meanwhile(&lab, "--no-confirm", AT_THE_GATE, || {
        kill(&lab, &["nixfleet", "ssh"]);
        host.ask("echo > /run/gate").unwrap();
    });
    wait_until("the host has changed", LIMIT, || Ok(host.sh("grep outcome /run/nixfleet/*.jsonl")?.ok()))
        .unwrap();
    assert_eq!(generation(host), 2);
    let history = operator.types_for_json("nixfleet history --json").unwrap().1;
    let rollout = history["entries"][0]["id"].as_str().unwrap_or_else(|| panic!("{history:#}")).to_owned();

    adds(
        &lab,
        r#"
  nixfleet.files."/etc/web/later.conf".text = "later\n";
  nixfleet.systemd.units."later.service".sections = {
    Service = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = "-/usr/bin/head -c1 /run/gate";
    };
    Install.WantedBy = "multi-user.target";
  };"#,
    );
    meanwhile(&lab, "", AT_THE_GATE, || {
        kill(&lab, &["nixfleet", "ssh"]);
        host.power_cut().unwrap();
        host.power_on().unwrap();
    });
    let back = operator.types(&format!("nixfleet rollback --yes --rollout {rollout}")).unwrap();
    assert_says(&back, 0, &["was rolled back to generation 2", "1 ok"]);
    assert_eq!(generation(host), 1);
    let files = host.files().unwrap();
    for path in ["/etc/web/new.conf", "/etc/web/later.conf", "/var/lib/nixfleet/journal.json"] {
        assert!(!files.exists(path), "{path} is still there");
    }
}

/// The host has the journal of its interrupted first change, and no activator of its own that could recover
/// it.
#[test]
fn a_host_without_an_activator_is_recovered_by_the_next_apply() {
    let lab = lone("web-1");
    let host = web(&lab);
    recovers_never(host);
    adds_a_gate(&lab);
    meanwhile(&lab, "", AT_THE_GATE, || {
        kill(&lab, &["nixfleet", "ssh"]);
        host.power_cut().unwrap();
        host.power_on().unwrap();
    });
    host.ask(
        "cd /nix/var/nix/profiles/nixfleet && rm activator system && [ -e /var/lib/nixfleet/journal.json ]",
    )
    .unwrap();
    let finished = apply(&lab, "");
    assert_says(&finished, 0, &["an interrupted run", "was rolled back to no generation"]);
    assert!(!host.files().unwrap().exists("/var/lib/nixfleet/journal.json"));
    assert_eq!(generation(host), 1);
    kept(
        "All or nothing",
        "a_host_without_an_activator_is_recovered_by_the_next_apply",
        "1 power cut in the first change of a host, which then has no activator",
    );
}

#[test]
fn a_killed_activation_is_put_right_at_once() {
    let (lab, before) = converged();
    adds_a_gate(&lab);
    let finished = meanwhile(&lab, "", AT_THE_GATE, || {
        let unit = "$(systemctl list-units --plain --no-legend 'nixfleet-run-*' | cut -d' ' -f1)";
        web(&lab).ask(&format!("kill -KILL $(systemctl show --value -p MainPID {unit})")).unwrap();
    });
    assert_went_back(&finished, "NF-414");
    assert_old(&lab, &before);
    kept(
        "All or nothing",
        "a_killed_activation_is_put_right_at_once",
        "1 activator killed while a unit starts",
    );
}
