//! A test of a package source that asks for a password.

use serde_json::json;

use super::failures::problem;
use super::repository::SERVED;
use super::{Stage, installed, role};

/// The password. It is not in this file as a whole, because the operator's store has the sources of the
/// tests.
const PASSWORD: &str = concat!("swordfish", "-7381");
/// The file with the login, on each host.
const FILE: &str = "/etc/apt/app.credentials";
/// Looks for the password in the arguments and the environment of all processes, until a file is removed.
const WATCH: &str = ": >/root/seen; touch /root/watch; setsid sh -c 'while [ -e /root/watch ]; do \
    cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr \"\\0\" \"\\n\" | grep -aFf /root/pattern >>/root/seen; \
    done' >/dev/null 2>&1 &";
/// Prints the places that have the password.
const PLACES: &str = "rm /root/watch; cat /root/seen; journalctl --sync; \
    journalctl --output json --all | grep -cFf /root/pattern; \
    grep -rlaFf /root/pattern /etc /home /nix/store /root /run /tmp /var 2>/dev/null | grep -v '^/root/pattern$'";

#[test]
fn a_source_that_asks_for_a_password_gets_it_from_a_file_of_the_host_alone() {
    let stage = Stage::set();
    let server = stage.0.operator().unwrap().guest();
    let addr = server.addr().to_owned();
    server.files().unwrap().write("/etc/packages.conf", format!("/:reader:{PASSWORD}\n")).unwrap();
    let serve = format!("busybox httpd -f -p 8001 -h {SERVED} -c /etc/packages.conf");
    server.ask(&format!("systemd-run --quiet --unit=private-packages {serve}")).unwrap();
    stage.declares_from(&format!("credentials = \"{FILE}\";"), &role());
    stage.0.operator().unwrap().edits("roles/web.nix", ":8000/", ":8001/").unwrap();
    let login = |password: &str| format!("machine http://{addr}:8001 login reader password {password}\n");
    for host in stage.hosts() {
        let get = "curl --silent --output /dev/null --retry 50 --retry-connrefused --retry-delay 1 \
                   --write-out '%{http_code}'";
        let status = host.ask(&format!("{get} http://{addr}:8001/dists/stable/InRelease")).unwrap();
        assert_eq!(status, "401");
        host.files().unwrap().write(FILE, login("wrong")).unwrap();
        host.ask(&format!("chmod 0600 {FILE}")).unwrap();
    }
    let document = stage.applies("blocked");
    for (host, name) in stage.hosts().into_iter().zip(stage.names()) {
        let problem = problem(&document, name);
        assert_eq!(problem["code"], "NF-425", "{problem:#}");
        assert!(problem["why"].as_str().unwrap().contains("401"), "{problem:#}");
        assert!(!installed(host, "app"));
    }

    for host in stage.hosts() {
        let files = host.files().unwrap();
        files.write(FILE, login(PASSWORD)).unwrap();
        files.write("/root/pattern", PASSWORD).unwrap();
        host.ask(WATCH).unwrap();
    }
    stage.applies("ok");
    for host in stage.hosts() {
        assert!(installed(host, "app"), "{}", host.name());
        assert_eq!(host.sh(PLACES).unwrap().stdout, format!("0\n{FILE}\n"), "{}", host.name());
        // apt itself uses the login too.
        host.ask("apt-get -qq --error-on=any update").unwrap();
    }
    server.files().unwrap().write("/root/pattern", PASSWORD).unwrap();
    let found = server.sh(&PLACES.replace("rm /root/watch; cat /root/seen; ", "")).unwrap().stdout;
    assert_eq!(found, "0\n/etc/packages.conf\n");
    stage.declares(&json!({}));
    stage.applies("ok");
    for host in stage.hosts() {
        assert!(!host.files().unwrap().exists("/etc/apt/auth.conf.d/nixfleet-app.conf"));
        assert!(host.files().unwrap().exists(FILE));
    }
}
