//! Tests of the downloads before a rollout.

use std::process::Stdio;
use std::time::Duration;

use nixfleet_lab::command::wait_until;
use serde_json::{Value, json};

use super::{HOSTS, Stage, app, installed, large_library, library, role};
use crate::stage::{outcomes, outcomes_of};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn no_host_is_changed_if_one_cannot_download_its_packages() {
    let stage = Stage::set_on(&HOSTS);
    // The repository has lost its packages, and only the first host has them already.
    let fill = format!(
        "cd /var/cache/apt/archives && for it in app libapp; do \
         curl -sfO http://{}:8000/pool/${{it}}_1.0_all.deb; done",
        stage.0.operator().unwrap().guest().addr()
    );
    stage.host("web-1").ask(&fill).unwrap();
    stage.loses_packages();
    stage.declares(&role());
    let plan = stage.types("nixfleet plan --host web-1");
    assert!(plan.stdout.contains("brings app.service"), "{plan}");
    let apply = "nixfleet apply --yes --json --parallel 1 --role web";
    let (finished, document) = stage.types_for_json(apply);
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "deferred"), ("web-2", "blocked")]), "{finished}");
    for host in stage.hosts() {
        assert!(!installed(host, "app") && !installed(host, "libapp"), "{}", host.name());
        assert_eq!(host.sh("cat /etc/app.conf").unwrap().stdout, "");
    }

    // The units of a package are known after the download. They are told before the first host changes.
    stage.publishes(&[app("1.0"), library()]);
    let applied = stage.types("nixfleet apply --yes --events --role web");
    assert_eq!(applied.code, 0, "{applied}");
    let events: Vec<Value> = applied.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |event: &Value| event["event"] == "hostDownloaded" && event["host"] == "web-2";
    let told: Vec<usize> = (0..events.len()).filter(|place| told(&events[*place])).collect();
    assert_eq!(told.len(), 1, "{applied}");
    assert_eq!(events[told[0]]["units"], json!(["app.service"]), "{applied}");
    let changes = |event: &Value| event["event"] == "hostPhase" && event["phase"] == "activating";
    assert!(events.iter().position(changes).unwrap() > told[0], "{applied}");
}

#[test]
fn an_interrupted_download_ends_on_the_hosts_and_the_next_apply_downloads_again() {
    let stage = Stage::set_on(&HOSTS);
    // With the limit below, its download takes minutes.
    stage.publishes(&[app("1.0"), large_library()]);
    stage.declares(&role());
    for host in stage.hosts() {
        host.ask("echo 'Acquire::http::Dl-Limit \"1\";' >/etc/apt/apt.conf.d/slow").unwrap();
    }
    let operator = stage.0.operator().unwrap();
    let loads =
        "pgrep --full 'apt-get .*--download-only' >/dev/null && ls /var/cache/apt/archives/partial/*.deb";
    // Ctrl-C ends the rollout. A killed command cannot end anything itself.
    for signal in ["INT", "KILL"] {
        let line = "nixfleet apply --yes --json --role web";
        let mut apply = operator.typed(line).unwrap().into_command();
        let apply = apply.stdout(Stdio::piped()).spawn().unwrap();
        for host in stage.hosts() {
            wait_until("the host downloads", LIMIT, || Ok(host.sh(loads)?.ok())).unwrap();
        }
        operator.guest().ask(&format!("pkill -{signal} --exact nixfleet")).unwrap();
        apply.wait_with_output().unwrap();
        for host in stage.hosts() {
            let ended = || Ok(!host.sh("pgrep --exact apt-get")?.ok());
            wait_until("apt has ended", Duration::from_secs(10), ended).unwrap();
            assert!(!installed(host, "app"), "{}", host.name());
        }
    }

    // The next apply asks the hosts again: nothing counts as downloaded.
    stage.loses_packages();
    let (finished, document) = stage.types_for_json("nixfleet apply --yes --json --role web");
    assert_eq!(outcomes(&document), outcomes_of(HOSTS.map(|host| (host, "blocked"))), "{finished}");
    for host in stage.hosts() {
        assert!(!installed(host, "app") && !installed(host, "libapp"), "{}", host.name());
        host.ask("rm /etc/apt/apt.conf.d/slow").unwrap();
    }
}
