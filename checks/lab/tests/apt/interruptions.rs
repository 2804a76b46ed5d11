//! Tests of runs that end in the middle of a phase of apt, and of the run after each of them.

use std::process::{Child, Stdio};
use std::time::Duration;

use nixfleet_lab::command::wait_until;
use nixfleet_lab::guest::Guest;
use serde_json::{Value, json};

use super::first_starts::enables_itself;
use super::repository::Package;
use super::{HOSTS, Stage, app, installed, library, role, starts};
use crate::stage::{outcomes, outcomes_of};

const LIMIT: Duration = Duration::from_secs(60);
/// Kills the run of a host, without its `ExecStopPost=`.
const KILL: &str = "systemctl kill --kill-whom=main --signal=KILL \
                    $(systemctl list-units --plain --no-legend 'nixfleet-run-*' | cut -d ' ' -f 1)";

/// The record of the units that ran before apt.
const RAN_BEFORE: &str = "/var/lib/nixfleet/ran-before-apt.json";
/// Prints the units of the runs of a host.
const RUNS: &str = "systemctl list-units --plain --no-legend 'nixfleet-run-*'";

/// Starts an apply to web-1, and waits until a script of a package has made this file.
fn starts_apply(stage: &Stage, flags: &str, made: &str) -> Child {
    let operator = stage.0.operator().unwrap();
    let line = format!("nixfleet apply --yes --json --host web-1 {flags}");
    let mut apply = operator.typed(&line).unwrap().into_command();
    let apply = apply.stdout(Stdio::piped()).spawn().unwrap();
    let files = stage.host("web-1").files().unwrap();
    wait_until("dpkg runs the script", LIMIT, || Ok(files.exists(made))).unwrap();
    apply
}

/// Checks that an apply has ended in the middle of a phase of apt.
fn assert_unfinished(apply: Child) {
    let ended = apply.wait_with_output().unwrap();
    let document: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let entry = &document["hosts"][0];
    assert_eq!(
        (&entry["outcome"], &entry["reasonCode"]),
        (&json!("partial"), &json!("apt-unfinished")),
        "{entry:#}"
    );
}

/// Applies the role, and returns the entry of the host.
fn applies(stage: &Stage, outcome: &str) -> Value {
    let (finished, document) = stage.types_for_json("nixfleet apply --yes --json --host web-1");
    assert_eq!(outcomes(&document), outcomes_of([("web-1", outcome)]), "{finished}");
    document["hosts"][0].clone()
}

/// Checks that the next plan completes the package, and that the next apply carries it out. Returns the
/// entry of the host.
fn assert_completed(stage: &Stage, web: &Guest) -> Value {
    let plan = stage.types("nixfleet plan --host web-1");
    assert!(plan.stdout.contains("complete"), "{plan}");
    let entry = applies(stage, "ok");
    assert!(installed(web, "app"));
    assert_eq!(starts(web), "of the fleet\n");
    assert_eq!(web.ask("apt-mark showauto libapp").unwrap(), "libapp");
    entry
}

/// Starts three services of the host: an enabled one, one that was started by hand, and one without an
/// `[Install]` section.
fn starts_others(web: &Guest) {
    for (unit, install) in [
        ("other", "[Install]\nWantedBy=multi-user.target\n"),
        ("by-hand", "[Install]\nWantedBy=x.target\n"),
        ("needed", ""),
    ] {
        let text = format!("[Service]\nExecStart=/bin/sleep infinity\n{install}");
        web.files().unwrap().write(&format!("/etc/systemd/system/{unit}.service"), text).unwrap();
    }
    web.ask(&format!(
        "systemctl daemon-reload; systemctl enable --quiet other.service; systemctl start {OTHERS}"
    ))
    .unwrap();
}

/// The services of [`starts_others`].
const OTHERS: &str = "other.service by-hand.service needed.service";

/// Returns the states of the services of [`starts_others`].
fn others(web: &Guest) -> String {
    web.sh(&format!("systemctl is-active {OTHERS}")).unwrap().stdout
}

/// The package, with a script that stops the services of [`starts_others`] at its beginning.
fn stops_others() -> Package {
    let mut package = app("1.0");
    package.postinst = format!("systemctl stop {OTHERS}\n{}", package.postinst).leak();
    package
}

#[test]
fn a_run_that_is_killed_in_mid_install_is_completed_by_the_next_apply() {
    let stage = Stage::set_on(&["web-1"]);
    let web = stage.host("web-1");
    stage.publishes(&[stops_others(), library()]);
    starts_others(web);
    web.ask("touch /etc/app.slow").unwrap();
    stage.declares(&role());
    let apply = starts_apply(&stage, "", "/run/app.configures");
    web.ask(KILL).unwrap();
    assert_unfinished(apply);
    assert_eq!(others(web), "inactive\ninactive\ninactive\n");
    // This run does not stop them again, so the next apply knows from the killed run alone that they ran.
    web.ask("rm /etc/app.slow; sed -i '/^systemctl stop/d' /var/lib/dpkg/info/app.postinst").unwrap();
    assert!(!installed(web, "app"));
    let entry = assert_completed(&stage, web);
    assert_eq!(others(web), "active\ninactive\ninactive\n", "{entry:#}");
    let notes = entry["report"]["notes"].to_string();
    for note in [
        "other.service was stopped while apt worked, and was started again",
        "by-hand.service ran before apt and no longer runs",
    ] {
        assert!(notes.contains(note), "{entry:#}");
    }
    assert!(!web.files().unwrap().exists(RAN_BEFORE));
    applies(&stage, "unchanged");
}

#[test]
fn a_power_cut_in_mid_install_is_completed_by_the_next_apply() {
    let stage = Stage::set_on(&["web-1"]);
    let web = stage.host("web-1");
    starts_others(web);
    web.ask("touch /etc/app.slow").unwrap();
    stage.declares(&role());
    let apply = starts_apply(&stage, "", "/run/app.configures");
    assert!(web.files().unwrap().exists(RAN_BEFORE));
    web.power_cut().unwrap();
    web.power_on().unwrap();
    apply.wait_with_output().unwrap();
    web.ask("rm /etc/app.slow").unwrap();
    assert!(!installed(web, "app") && !starts(web).contains("of the package"));
    let entry = assert_completed(&stage, web);
    // The boot has started the enabled service, and ended the others.
    assert_eq!(others(web), "active\ninactive\ninactive\n");
    assert!(!entry["report"]["notes"].to_string().contains(".service"), "{entry:#}");
    assert!(!web.files().unwrap().exists(RAN_BEFORE));
}

#[test]
fn an_apply_outlives_its_connection_in_mid_install() {
    let stage = Stage::set_on(&["web-1"]);
    let web = stage.host("web-1");
    web.ask("touch /etc/app.slow").unwrap();
    stage.declares(&role());
    let apply = starts_apply(&stage, "", "/run/app.configures");
    stage.0.operator().unwrap().guest().ask("pkill -KILL --exact ssh").unwrap();
    web.ask("rm /etc/app.slow").unwrap();
    let ended = apply.wait_with_output().unwrap();
    let document: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "ok")]), "{document:#}");
    assert!(installed(web, "app"));
    assert_eq!(starts(web), "of the fleet\n");
    applies(&stage, "unchanged");
}

#[test]
fn a_host_ends_its_run_if_the_command_is_killed_in_mid_install() {
    let stage = Stage::set_on(&["web-1"]);
    let web = stage.host("web-1");
    stage.declares(&json!({}));
    applies(&stage, "ok");
    web.ask("touch /etc/app.slow").unwrap();
    stage.declares(&role());
    let apply = starts_apply(&stage, "--confirm-timeout 2", "/run/app.configures");
    stage.0.operator().unwrap().guest().ask("pkill -KILL --exact nixfleet; pkill -KILL --exact ssh").unwrap();
    apply.wait_with_output().unwrap();
    web.ask("rm /etc/app.slow").unwrap();
    wait_until("the run has ended", LIMIT, || Ok(web.ask(RUNS)?.is_empty())).unwrap();
    // The host has undone the change, because no operator confirmed it. The packages stay installed, and
    // their daemon does not start.
    assert!(installed(web, "app") && installed(web, "libapp"));
    assert_eq!(web.ask("cat /etc/app.conf").unwrap(), "of the package");
    assert_ne!(web.sh("systemctl is-active app.service").unwrap().code, 0);
    let status = stage.types("nixfleet status --host web-1");
    assert!(status.stdout.contains("partial"), "{status}");
    applies(&stage, "ok");
    assert_eq!(
        web.ask("systemctl is-active app.service; cat /etc/app.conf").unwrap(),
        "active\nof the fleet"
    );
    assert!(!starts(web).contains("of the package"), "{}", starts(web));
    applies(&stage, "unchanged");
}

#[test]
fn a_removal_that_is_killed_is_finished_although_nothing_is_declared() {
    let stage = Stage::set_on(&["web-1"]);
    let web = stage.host("web-1");
    stage.declares(&role());
    applies(&stage, "ok");
    starts_others(web);
    web.ask("touch /etc/app.lingers").unwrap();
    stage.declares(&json!({}));
    let apply = starts_apply(&stage, "", "/run/app.lingers");
    // A script may stop a service at any moment of the run.
    web.ask(&format!("systemctl stop other.service; {KILL}")).unwrap();
    assert_unfinished(apply);
    web.ask("rm /etc/app.lingers").unwrap();
    let entry = applies(&stage, "ok");
    assert_eq!(others(web), "active\nactive\nactive\n", "{entry:#}");
    // The package itself is gone, and nobody expects its service.
    assert!(!entry["report"]["notes"].to_string().contains("app.service"), "{entry:#}");
    assert!(!installed(web, "app") && !installed(web, "libapp"));
    applies(&stage, "unchanged");
}

#[test]
fn a_host_is_not_forgotten_before_its_packages_are_removed() {
    let stage = Stage::set_on(&["web-1"]);
    let web = stage.host("web-1");
    let mut stubborn = app("1.0");
    stubborn.prerm = "test ! -e /etc/app.stays\n";
    stage.publishes(&[stubborn, library()]);
    stage.declares(&role());
    applies(&stage, "ok");
    web.ask("touch /etc/app.stays").unwrap();
    for _ in 0..2 {
        let forget = stage.types("nixfleet forget web-1 --clean --yes");
        assert_ne!(forget.code, 0, "{forget}");
        assert!(installed(web, "app") && web.files().unwrap().exists("/var/lib/nixfleet/packages.json"));
    }
    web.ask("rm /etc/app.stays").unwrap();
    let forget = stage.types("nixfleet forget web-1 --clean --yes");
    assert_eq!(forget.code, 0, "{forget}");
    assert!(!installed(web, "app") && !installed(web, "libapp"));
    assert!(!web.files().unwrap().exists("/var/lib/nixfleet"));
}

#[test]
fn an_error_after_apt_is_never_called_blocked() {
    let stage = Stage::set_on(&HOSTS);
    let mut tears = app("1.0");
    tears.postinst = "mkdir -p /var/lib/app\nuseradd --system app\nchown app /var/lib/app\n\
                      cd /var/lib/nixfleet; for record in $(cat /etc/app.tears); do\n\
                      cp $record.json /root/ 2>/dev/null || true; echo torn > $record.json; done\n";
    stage.publishes(&[tears, library()]);
    stage.declares(&json!({}));
    stage.applies("ok");
    // On one host, the records of apt cannot be written; on the other, the second plan cannot be made.
    for (host, record) in stage.hosts().into_iter().zip(["packages", "state"]) {
        host.ask(&format!("echo {record} > /etc/app.tears")).unwrap();
    }
    stage.declares(&role());
    let document = stage.applies("partial");
    for (entry, reason) in
        document["hosts"].as_array().unwrap().iter().zip(["apt-unfinished", "apt-forward-only"])
    {
        assert_eq!((&entry["reasonCode"], &entry["problem"]["code"]), (&json!(reason), &json!("NF-404")));
    }
    for host in stage.hosts() {
        host.ask("cp /root/*.json /var/lib/nixfleet/; rm /etc/app.tears").unwrap();
    }
    stage.applies("ok");
    for host in stage.hosts() {
        assert!(installed(host, "app"));
    }
}

#[test]
fn a_unit_that_never_starts_is_not_held_for_ever() {
    let stage = Stage::set_on(&["web-1"]);
    stage.publishes(&[enables_itself(), library()]);
    let mut role = role();
    role["systemd"] = json!({});
    role["apt"]["packages"]["app"]["start"] = "never".into();
    stage.declares(&role);
    stage.applies("ok");
    for host in stage.hosts() {
        host.ask("dpkg --remove app && rm -rf /var/lib/app").unwrap();
    }
    stage.applies("ok");
    for host in stage.hosts() {
        assert_eq!(starts(host), "", "{}", host.name());
        let left = "find /var/lib/nixfleet/*held.json /etc/systemd/system -name '*held*' 2>/dev/null";
        assert_eq!(host.sh(left).unwrap().stdout, "");
        host.ask("systemctl start app.service && systemctl is-active app.service").unwrap();
    }
    stage.applies("unchanged");
}
