//! Tests of packages and units that belong to somebody else.

use nixfleet_lab::guest::Guest;
use serde_json::json;

use super::failures::problem;
use super::repository::Package;
use super::{HOSTS, Stage, app, installed, library, role, starts};
use crate::stage::outcomes;

/// A package of somebody else. It cannot be configured while a file exists.
fn foreign() -> Package {
    Package {
        name: "foreign",
        version: "1.0",
        postinst: "test ! -e /etc/foreign.broken\n",
        ..Package::default()
    }
}

/// Prints the version of the library, and the packages that are held.
const STATE: &str = "dpkg-query --show --showformat='${Version} ' libapp; apt-mark showhold";

/// Installs a package of the repository with dpkg on a host. Another program can hold the frontend lock.
/// `file`: the name of the package and its version, as in `app_1.0`.
pub fn dpkg(stage: &Stage, host: &Guest, file: &str) {
    let server = stage.0.operator().unwrap().guest().addr().to_owned();
    let script = format!(
        "curl -sf http://{server}:8000/pool/{file}_all.deb -o /tmp/{file}.deb\n\
         DPKG_FRONTEND_LOCKED=1 dpkg --install /tmp/{file}.deb || true"
    );
    host.ask(&script).unwrap();
}

#[test]
fn a_broken_package_of_somebody_else_stops_nothing() {
    let stage = Stage::set();
    stage.publishes(&[app("1.0"), library(), foreign()]);
    for host in stage.hosts() {
        host.ask("touch /etc/foreign.broken").unwrap();
        dpkg(&stage, host, "foreign_1.0");
        assert!(!installed(host, "foreign"));
    }
    stage.declares(&role());
    let document = stage.applies("ok");
    for (host, entry) in stage.hosts().into_iter().zip(document["hosts"].as_array().unwrap()) {
        assert!(entry["report"]["notes"].to_string().contains("not completely installed"), "{entry:#}");
        assert!(installed(host, "app") && !installed(host, "foreign"));
        assert_eq!(starts(host), "of the fleet\n");
        // A change of the host alone does not fail either.
        host.ask("rm /etc/app.conf").unwrap();
    }
    stage.applies("ok");
    for host in stage.hosts() {
        assert_eq!(host.ask("cat /etc/app.conf").unwrap(), "of the fleet");
        host.ask("rm /etc/foreign.broken").unwrap();
    }
    stage.applies("ok");
    assert!(stage.hosts().into_iter().all(|host| installed(host, "foreign")));
    stage.applies("unchanged");
}

#[test]
fn a_package_that_somebody_installs_during_the_wait_is_not_owned() {
    let stage = Stage::set();
    stage.declares(&role());
    for host in stage.hosts() {
        let lock = "import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); \
                    fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(600)";
        host.ask(&format!("systemd-run --quiet --collect --unit=holder python3 -c \"{lock}\"")).unwrap();
    }
    let operator = stage.0.operator().unwrap();
    let mut apply = operator.typed("nixfleet apply --yes --json --role web").unwrap().into_command();
    let apply = apply.stdout(std::process::Stdio::piped()).spawn().unwrap();
    for host in stage.hosts() {
        let waits = "until journalctl --sync && journalctl --boot --quiet --output cat \
                     | grep 'waiting for python3'; do sleep 0.2; done";
        host.ask(&format!("timeout 60 sh -c \"{waits}\"")).unwrap();
        dpkg(&stage, host, "libapp_1.0");
        assert!(installed(host, "libapp"));
        host.ask("systemctl stop holder").unwrap();
    }
    let ended = apply.wait_with_output().unwrap();
    let document = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(outcomes(&document), stage.all("blocked"));
    for (host, name) in stage.hosts().into_iter().zip(stage.names()) {
        assert_eq!(problem(&document, name)["code"], "NF-403");
        assert!(!installed(host, "app"));
    }
    stage.applies("ok");
    stage.declares(&json!({}));
    stage.applies("ok");
    for host in stage.hosts() {
        assert!(!installed(host, "app") && installed(host, "libapp"));
        assert_eq!(host.ask("apt-mark showmanual libapp").unwrap(), "libapp");
    }
}

#[test]
fn a_dependency_that_somebody_wants_stays() {
    let stage = Stage::set_on(&HOSTS);
    stage.declares(&role());
    stage.applies("ok");
    stage.host("web-1").ask("apt-mark manual libapp").unwrap();
    stage.declares(&json!({}));
    stage.applies("ok");
    for (host, stays) in stage.hosts().into_iter().zip([true, false]) {
        assert!(!installed(host, "app"));
        assert_eq!(installed(host, "libapp"), stays);
    }
    stage.applies("unchanged");
}

#[test]
fn a_unit_that_ran_before_its_new_package_runs_on() {
    let stage = Stage::set();
    // The unit of an older package under another name. Its daemon was configured by the administrator.
    for host in stage.hosts() {
        host.ask(
            "mkdir -p /var/lib/app; printf 'of the administrator\\n' > /etc/app.conf\n\
             printf '[Service]\\nExecStart=/bin/sleep infinity\\n' > /etc/systemd/system/app.service\n\
             systemctl daemon-reload; systemctl start app.service",
        )
        .unwrap();
    }
    let mut role = super::failures::with_failing_unit(json!({ "apt": { "packages": { "app": {} } } }));
    role["files"] = json!({});
    stage.declares(&role);
    stage.applies("partial");
    for host in stage.hosts() {
        host.ask("systemctl restart app.service && systemctl is-active app.service").unwrap();
    }
}

#[test]
fn a_held_unit_does_not_start_when_its_declaration_ends() {
    let stage = Stage::set();
    stage.declares(&json!({}));
    stage.applies("ok");
    stage.declares(&json!({ "files": { "/etc/second": { "text": "generation\n" } } }));
    stage.applies("ok");
    let mut broken = role();
    broken["systemd"] = json!({ "units": { "app.service": { "running": true } } });
    broken["apt"]["packages"]["other"] = json!({});
    // The daemon cannot start without the configuration of the fleet.
    let mut strict = app("1.0");
    strict.files[0].2 = "#!/bin/sh\ncat /etc/app.conf >> /var/lib/app/starts\ngrep -q fleet /etc/app.conf || exit 1\n\
                         exec sleep infinity\n";
    let other = Package { name: "other", version: "1.0", ..Package::default() };
    stage.publishes(&[strict, library(), other]);
    stage.declares(&super::failures::with_failing_unit(broken));
    stage.applies("partial");
    for host in stage.hosts() {
        assert!(installed(host, "app") && !starts(host).contains("of the package"));
    }
    // A rollback starts nothing, and neither does the apply that removes the package.
    stage.types("nixfleet rollback --role web --yes").success().unwrap();
    stage.declares(&json!({ "apt": { "packages": { "other": {} } } }));
    stage.applies("ok");
    for host in stage.hosts() {
        assert!(!installed(host, "app") && installed(host, "other"));
        assert!(!starts(host).contains("of the package"), "{}", starts(host));
        assert_eq!(
            host.sh("ls /var/lib/nixfleet/*held.json /etc/systemd/system/app.service.d").unwrap().stdout,
            ""
        );
    }
    stage.applies("unchanged");
}

#[test]
fn a_version_and_a_hold_of_somebody_else_are_drift_and_the_hold_is_respected() {
    let stage = Stage::set();
    let newer = Package { version: "2.0", ..library() };
    stage.publishes(&[library(), newer]);
    let version = json!({ "version": "2.0" });
    stage.declares(&json!({ "apt": { "packages": { "libapp": version } } }));
    stage.applies("ok");
    for host in stage.hosts() {
        dpkg(&stage, host, "libapp_1.0");
        host.ask("apt-mark hold libapp").unwrap();
    }
    let status = stage.types("nixfleet status --role web");
    for text in ["package libapp: version 2.0 → 1.0", "package libapp: held on the host"] {
        assert!(status.stdout.contains(text), "nothing says `{text}`:\n{status}");
    }
    let document = stage.applies("blocked");
    for (host, name) in stage.hosts().into_iter().zip(stage.names()) {
        let problem = problem(&document, name);
        assert_eq!(problem["code"], "NF-425", "{problem:#}");
        assert_eq!(problem["why"], "somebody holds it on the host", "{problem:#}");
        assert_eq!(host.ask(STATE).unwrap(), "1.0 libapp");
        host.ask("apt-mark unhold libapp").unwrap();
    }

    // From now on, the fleet holds the package.
    let holds = json!({ "apt": { "packages": { "libapp": version }, "holds": ["liba*p"] } });
    stage.declares(&holds);
    stage.applies("ok");
    for host in stage.hosts() {
        assert_eq!(host.ask(STATE).unwrap(), "2.0 libapp");
    }
    stage.applies("unchanged");
    // The fleet holds the package no longer. Then it declares an older version.
    for version in ["2.0", "1.0"] {
        stage.declares(&json!({ "apt": { "packages": { "libapp": { "version": version } } } }));
        stage.applies("ok");
        for host in stage.hosts() {
            assert_eq!(host.ask(STATE).unwrap().trim(), version);
        }
    }
    stage.declares(&json!({}));
    stage.applies("ok");
    for host in stage.hosts() {
        assert!(!installed(host, "libapp"));
        assert_eq!(host.ask("apt-mark showhold").unwrap(), "");
    }
}
