//! Tests of updates that fail or are killed, and of the services that run replaced code.

use std::time::Duration;

use nixfleet_lab::command::wait_until;
use serde_json::{Value, json};

use super::{ACTIVATOR, Stage, versions};

const LIMIT: Duration = Duration::from_secs(60);
/// Kills the run of a host, without its `ExecStopPost=`.
const KILL: &str = "systemctl kill --kill-whom=main --signal=KILL \
                    $(systemctl list-units --plain --no-legend 'nixfleet-run-*' | cut -d ' ' -f 1)";

#[test]
fn a_failed_update_is_repaired_by_the_next_and_names_the_services_that_run_old_code() {
    let stage = Stage::set("web-2");
    let host = stage.host();
    // The unit is not enabled, so it does not run if the lab has booted the host again.
    host.ask("systemctl start osapp.service").unwrap();
    assert_eq!(stage.status()["outdated"], Value::Null);
    host.ask("touch /etc/osapp.fails").unwrap();
    let report = stage.updates_all("partial");
    assert_eq!(report["reasonCode"], "apt-unfinished", "{report:#}");
    assert_eq!(report["problem"]["code"], "NF-425", "{report:#}");
    assert_eq!(host.ask("apt-mark showauto extra oslib osdep").unwrap(), "extra\nosdep");
    assert_eq!(stage.status()["lastUpdate"]["outcome"], "partial");

    // The next plan completes the package. While its script fails, so does the update.
    assert_eq!(stage.plans("full")["apt"]["repairs"], json!(["osapp"]));
    stage.updates_all("partial");
    host.ask("rm /etc/osapp.fails").unwrap();
    stage.updates_all("ok");
    assert_eq!((stage.version("osapp"), stage.version("extra")), ("2.0".into(), "1.2".into()));
    let plan = stage.plans("full");
    assert_eq!((versions(&plan).len(), &plan["apt"]["repairs"]), (0, &Value::Null), "{plan:#}");

    // The daemon still runs the program that the package has replaced.
    let outdated = json!([{ "unit": "osapp.service", "files": ["/usr/lib/osapp/daemon"] }]);
    assert_eq!(stage.status()["outdated"], outdated);
    host.ask("systemctl restart osapp.service").unwrap();
    assert_eq!(stage.status()["outdated"], Value::Null);
}

#[test]
fn a_killed_update_is_completed_by_the_next() {
    let stage = Stage::set("web-1");
    let host = stage.host();
    host.ask("touch /etc/osapp.slow").unwrap();
    let fingerprint = stage.downloads(&stage.plans("full"));
    let start = format!("setsid {ACTIVATOR} os-update --expect {fingerprint} --json >/root/report 2>&1 &");
    host.ask(&start).unwrap();
    let files = host.files().unwrap();
    wait_until("dpkg runs the script", LIMIT, || Ok(files.exists("/run/osapp.configures"))).unwrap();
    let locked = stage.runs("os-plan --scope full");
    assert_eq!(locked["apt"]["problems"][0]["code"], "NF-401", "{locked:#}");
    host.ask(KILL).unwrap();
    let report = || Ok(host.ask("cat /root/report")?.contains("outcome"));
    wait_until("the run has a report", LIMIT, report).unwrap();
    let report = host.ask("tail -n 1 /root/report").unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["outcome"], &report["reasonCode"]), (&json!("partial"), &json!("apt-unfinished")));
    host.ask("rm /etc/osapp.slow").unwrap();

    let plan = stage.plans("full");
    assert!(plan["interrupted"].as_str().unwrap().contains("apt"), "{plan:#}");
    assert_ne!(plan["apt"]["repairs"], Value::Null, "{plan:#}");
    let report = stage.updates(&stage.downloads(&plan), "ok");
    assert!(report["recovered"].as_str().unwrap().contains("apt"), "{report:#}");
    assert_eq!(host.ask("dpkg --audit; apt-mark showauto extra oslib osdep").unwrap(), "extra\nosdep");
    let plan = stage.plans("full");
    assert_eq!((versions(&plan).len(), &plan["interrupted"]), (0, &Value::Null), "{plan:#}");
}
