//! Tests of package sources that cannot be used, of full disks, and of configuration files of packages.

use nixfleet_lab::guest::Guest;
use serde_json::json;

use super::failures::problem;
use super::repository::SERVED;
use super::{Stage, app, installed, large_library, library, role, starts};

/// The paths at which an apply would have left files.
pub fn traces(host: &Guest) -> String {
    let script = "dpkg-query --show; apt-mark showauto; ls -A /etc/apt/sources.list.d /etc/apt/keyrings \
                  /etc/app.conf /var/lib/nixfleet/packages.json /var/cache/nixfleet-apt 2>&1";
    host.sh(script).unwrap().stdout
}

#[test]
fn a_source_with_a_bad_signature_is_refused() {
    let stage = Stage::set();
    stage.declares(&role());
    let operator = stage.0.operator().unwrap();
    operator
        .guest()
        .ask(&format!("sed -i 's/^Label: Tests/Label: Forged/' {SERVED}/dists/stable/InRelease"))
        .unwrap();
    let before: Vec<String> = stage.hosts().into_iter().map(traces).collect();
    let document = stage.applies("blocked");
    for (host, before) in stage.names().zip(before) {
        let problem = problem(&document, host);
        assert_eq!(problem["code"], "NF-425", "{problem:#}");
        assert!(problem["why"].as_str().unwrap().contains("signature"), "{problem:#}");
        assert_eq!(traces(stage.host(host)), before, "{host}");
    }
}

#[test]
fn a_full_disk_is_named_and_the_next_apply_finishes() {
    let stage = Stage::set();
    // It is larger than the small filesystems below, even compressed.
    stage.publishes(&[app("1.0"), large_library()]);
    stage.declares(&role());
    // There is no room for the files to download.
    for host in stage.hosts() {
        host.ask("mount -t tmpfs -o size=4k tmpfs /var/cache/apt/archives").unwrap();
    }
    let document = stage.applies("blocked");
    for (host, name) in stage.hosts().into_iter().zip(stage.names()) {
        assert_eq!(problem(&document, name)["code"], "NF-411");
        assert!(!installed(host, "libapp"));
        host.ask("umount /var/cache/apt/archives; mkdir -p /usr/share/libapp").unwrap();
        host.ask("mount -t tmpfs -o size=64k tmpfs /usr/share/libapp").unwrap();
    }
    // There is no room for the files of the package.
    let (_, document) = stage.types_for_json("nixfleet apply --yes --json --role web");
    for (host, name) in stage.hosts().into_iter().zip(stage.names()) {
        let problem = problem(&document, name);
        assert_eq!(problem["code"], "NF-425", "{document:#}");
        assert!(problem["why"].as_str().unwrap().contains("No space left"), "{problem:#}");
        assert!(!installed(host, "app") && !starts(host).contains("of the package"));
        host.ask("umount /usr/share/libapp").unwrap();
    }
    stage.applies("ok");
    for host in stage.hosts() {
        assert!(installed(host, "app") && installed(host, "libapp"));
        assert_eq!(starts(host), "of the fleet\n");
    }
}

#[test]
fn an_upgrade_keeps_the_managed_configuration_file() {
    let stage = Stage::set();
    stage.declares(&role());
    stage.applies("ok");
    let mut newer = app("2.0");
    newer.files[1].2 = "of the newer package\n";
    // The script of the package leaves three services stopped. Two are not its own.
    newer.postinst = "systemctl stop app.service other.service by-hand.service\n";
    stage.publishes(&[newer, library()]);
    for host in stage.hosts() {
        for (unit, install) in [
            ("other", "[Install]\nWantedBy=multi-user.target\n"),
            ("by-hand", "[Install]\nWantedBy=x.target\n"),
        ] {
            let text = format!("[Service]\nExecStart=/bin/sleep infinity\n{install}");
            host.files().unwrap().write(&format!("/etc/systemd/system/{unit}.service"), text).unwrap();
        }
        host.ask("systemctl enable --quiet --now other.service && systemctl start by-hand.service").unwrap();
    }
    let mut role = role();
    role["apt"]["packages"]["app"] = json!({ "version": "2.0" });
    stage.declares(&role);
    let document = stage.applies("ok");
    for (host, entry) in stage.hosts().into_iter().zip(document["hosts"].as_array().unwrap()) {
        assert_eq!(host.ask("dpkg-query --show --showformat='${Version}' app").unwrap(), "2.0");
        assert_eq!(host.ask("cat /etc/app.conf").unwrap(), "of the fleet");
        assert_eq!(host.ask("cat /etc/app.conf.dpkg-dist").unwrap(), "of the newer package");
        assert_eq!(entry["report"]["apt"]["setAside"], json!(["/etc/app.conf.dpkg-dist"]), "{entry:#}");
        assert!(!starts(host).contains("package"), "{}", starts(host));
        assert_eq!(host.ask("systemctl is-active app.service other.service").unwrap(), "active\nactive");
        let notes = entry["report"]["notes"].to_string();
        for note in [
            "other.service was stopped while apt worked, and was started again",
            "by-hand.service ran before apt and no longer runs",
        ] {
            assert!(notes.contains(note), "{entry:#}");
        }
    }
    stage.applies("unchanged");
}
