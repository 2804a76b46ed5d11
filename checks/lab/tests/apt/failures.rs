//! Tests of what happens if apt or the change after it fails.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{POSTINST, Stage, app, installed, library, role, starts};
use crate::stage::outcomes;

/// Adds a unit that fails to a role.
pub fn with_failing_unit(mut role: Value) -> Value {
    role["systemd"]["units"]["fails.service"] = json!({
        "sections": {
            "Service": { "Type": "oneshot", "ExecStart": "/bin/false" },
            "Install": { "WantedBy": "multi-user.target" },
        },
    });
    role
}

pub fn problem<'d>(document: &'d Value, host: &str) -> &'d Value {
    let hosts = document["hosts"].as_array().unwrap().iter();
    &hosts.clone().find(|it| it["host"] == host).unwrap()["problem"]
}

#[test]
fn a_change_that_fails_after_apt_leaves_the_packages_and_their_units_at_rest() {
    let stage = Stage::set();
    stage.declares(&json!({}));
    stage.applies("ok");
    stage.declares(&with_failing_unit(role()));
    let document = stage.applies("partial");
    for (host, entry) in stage.hosts().into_iter().zip(document["hosts"].as_array().unwrap()) {
        assert_eq!(entry["reasonCode"], "apt-forward-only", "{entry:#}");
        assert!(installed(host, "app"));
        assert_eq!(host.ask("cat /etc/app.conf").unwrap(), "of the package");
        // Nobody can start the daemon without the configuration of the fleet, not even a reboot.
        host.ask("systemctl start app.service").unwrap();
        assert_ne!(host.sh("systemctl is-active app.service").unwrap().code, 0);
        assert!(!starts(host).contains("of the package"), "{}", starts(host));
    }
    let status = stage.types("nixfleet status --role web");
    assert!(status.stdout.contains("does not start before an apply succeeds"), "{status}");

    stage.declares(&role());
    stage.applies("ok");
    for host in stage.hosts() {
        assert_eq!(host.ask("systemctl is-active app.service").unwrap(), "active");
        assert!(!starts(host).contains("of the package"), "{}", starts(host));
    }
}

#[test]
fn the_program_of_a_new_package_checks_a_file_in_the_first_apply() {
    let stage = Stage::set();
    let mut wrong = role();
    wrong["files"]["/etc/app.conf"]["text"] = "of nobody\n".into();
    stage.declares(&wrong);
    let document = stage.applies("partial");
    for (host, name) in stage.hosts().into_iter().zip(stage.names()) {
        let problem = problem(&document, name);
        assert!(problem.to_string().contains("/usr/bin/app-check"), "{problem:#}");
        assert!(installed(host, "app") && starts(host).is_empty(), "{name}");
        assert_eq!(host.ask("cat /etc/app.conf").unwrap(), "of the package");
    }
}

#[test]
fn a_plan_from_before_the_repository_moved_is_refused() {
    let stage = Stage::set();
    stage.declares(&role());
    stage.types("nixfleet plan --role web --out plan.json").success().unwrap();
    stage.publishes_in("stable-security", &[app("2.0"), library()]);
    let (finished, document) = stage.types_for_json("nixfleet apply --yes --json --plan plan.json");
    assert_eq!(outcomes(&document), stage.all("blocked"), "{finished}");
    for (host, name) in stage.hosts().into_iter().zip(stage.names()) {
        assert_eq!(problem(&document, name)["code"], "NF-403", "{finished}");
        assert!(!installed(host, "app") && !host.files().unwrap().exists("/etc/app.conf"));
    }
    let plan = stage.types("nixfleet plan --role web");
    assert!(plan.stdout.contains("app 2.0  Tests stable, security update"), "{plan}");
    stage.applies("ok");
    for host in stage.hosts() {
        assert_eq!(host.ask("dpkg-query --show --showformat='${Version}' app").unwrap(), "2.0");
    }
}

#[test]
fn a_lock_is_waited_for_and_its_holder_is_named() {
    let stage = Stage::set();
    let hold = |seconds: u32| {
        let lock = format!(
            "import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep({seconds})"
        );
        for host in stage.hosts() {
            host.ask(&format!("systemd-run --quiet --collect --unit=holder python3 -c \"{lock}\"")).unwrap();
        }
    };
    let mut role = role();
    role["apt"]["lockTimeout"] = 1.into();
    stage.declares(&role);
    hold(600);
    let document = stage.applies("blocked");
    for (host, name) in stage.hosts().into_iter().zip(stage.names()) {
        let problem = problem(&document, name);
        assert_eq!(problem["code"], "NF-401", "{problem:#}");
        assert!(problem["why"].as_str().unwrap().contains("python3"), "{problem:#}");
        assert!(!installed(host, "app"));
        host.ask("systemctl stop holder").unwrap();
    }
    role["apt"]["lockTimeout"] = 60.into();
    stage.declares(&role);
    let started = Instant::now();
    hold(20);
    stage.applies("ok");
    assert!(started.elapsed() >= Duration::from_secs(20), "the apply did not wait: {:?}", started.elapsed());
}

#[test]
fn a_package_whose_script_fails_is_completed_by_the_next_apply() {
    let stage = Stage::set();
    let mut broken = app("1.0");
    broken.postinst =
        "test ! -e /etc/app.broken\nmkdir -p /var/lib/app\nuseradd --system app\nchown app /var/lib/app\n";
    stage.publishes(&[broken, library()]);
    for host in stage.hosts() {
        host.ask("touch /etc/app.broken").unwrap();
    }
    stage.declares(&role());
    let document = stage.applies("partial");
    for entry in document["hosts"].as_array().unwrap() {
        assert_eq!(
            (&entry["reasonCode"], &entry["problem"]["code"]),
            (&json!("apt-unfinished"), &json!("NF-425"))
        );
    }
    for host in stage.hosts() {
        host.ask("rm /etc/app.broken").unwrap();
    }
    let plan = stage.types("nixfleet plan --role web");
    assert!(plan.stdout.contains("complete"), "{plan}");
    stage.applies("ok");
    for host in stage.hosts() {
        assert!(installed(host, "app"));
        assert_eq!(starts(host), "of the fleet\n", "{}", host.name());
    }
}

#[test]
fn a_package_whose_script_changes_a_file_of_the_fleet_stops_the_change() {
    let stage = Stage::set();
    let shared = json!({ "text": "of the fleet\n" });
    stage.declares(&json!({ "files": { "/etc/shared.conf": shared } }));
    stage.applies("ok");
    let mut writes = app("1.0");
    let script = "echo of the package > /etc/shared.new\nmv --force /etc/shared.new /etc/shared.conf\n";
    writes.postinst = format!("{POSTINST}{script}").leak();
    stage.publishes(&[writes, library()]);
    let mut role = role();
    role["files"]["/etc/shared.conf"] = shared;
    stage.declares(&role);
    let document = stage.applies("partial");
    for (host, entry) in stage.hosts().into_iter().zip(document["hosts"].as_array().unwrap()) {
        let found = (&entry["reasonCode"], &entry["problem"]["code"]);
        assert_eq!(found, (&json!("plan-changed"), &json!("NF-403")), "{entry:#}");
        assert!(entry["problem"]["why"].as_str().unwrap().contains("/etc/shared.conf"), "{entry:#}");
        // Nothing of the change is carried out.
        assert!(installed(host, "app"));
        assert_eq!(host.ask("cat /etc/app.conf /etc/shared.conf").unwrap(), "of the package\nof the package");
        assert_eq!(starts(host), "");
    }
    let plan = stage.types("nixfleet plan --role web");
    assert!(plan.stdout.contains("/etc/shared.conf"), "{plan}");
    stage.applies("ok");
    for host in stage.hosts() {
        assert_eq!(host.ask("cat /etc/app.conf /etc/shared.conf").unwrap(), "of the fleet\nof the fleet");
        assert_eq!(starts(host), "of the fleet\n");
    }
}
