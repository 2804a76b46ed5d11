//! A test with nginx of Debian 13 and the role that the documentation publishes.

use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::{Lab, Plan};
use nixfleet_lab::recipe::Recipe;
use serde_json::Value;

use super::installed;
use crate::stage::{outcomes, outcomes_of};

/// The package source of the host is a directory with nginx and all packages on which it depends. A drop-in
/// of the administrator notes the enabled sites before each start of nginx.
const PREPARE: &str = "rm -f /etc/apt/sources.list.d/* && \
    echo 'deb [trusted=yes] file:///srv/debs ./' >/etc/apt/sources.list && apt-get -qq update && \
    mkdir /etc/systemd/system/nginx.service.d && \
    printf '[Service]\\nExecStartPre=/bin/sh -c \"echo start $(echo /etc/nginx/sites-enabled/*) >>/var/starts\"\\n' \
    >/etc/systemd/system/nginx.service.d/notes.conf";
/// Copies the role and its site from the checkout.
const ROLE: &str = "cd roles && cp /srv/nixfleet/checks/bench/nginx/site.nix web.nix && \
                    cp /srv/nixfleet/checks/bench/nginx/site.conf .";
const GET: &str =
    "curl --silent --fail --retry 50 --retry-connrefused --retry-delay 1 http://localhost:8080/";
/// The line that a start with the site alone leaves.
const START: &str = "start /etc/nginx/sites-enabled/site\n";

/// Applies the role, with this outcome.
#[track_caller]
fn applies(lab: &Lab, outcome: &str) -> Value {
    let line = "nixfleet apply --yes --json --host web-1";
    let (finished, document) = lab.operator().unwrap().types_for_json(line).unwrap();
    assert_eq!(outcomes(&document), outcomes_of([("web-1", outcome)]), "{finished}");
    document["hosts"][0].clone()
}

fn starts(web: &Guest) -> String {
    web.sh("cat /var/starts").unwrap().stdout
}

#[test]
fn nginx_of_debian_never_starts_without_the_site() {
    let plan = Plan::of_test().only("web-1").offers("web-1", &Recipe::host(), &["nginx"]);
    let lab = Lab::boot(&plan).unwrap();
    let (web, operator) = (lab.guest("web-1").unwrap(), lab.operator().unwrap());
    web.ask(PREPARE).unwrap();
    operator.types(ROLE).unwrap().success().unwrap();

    // nginx itself refuses a broken site. apt's part stays, and nginx does not start.
    operator.edits("roles/site.conf", "listen 8080;", "listens 8080;").unwrap();
    let entry = applies(&lab, "partial");
    assert_eq!(entry["reasonCode"], "apt-forward-only", "{entry:#}");
    assert!(entry["problem"].to_string().contains("unknown directive"), "{entry:#}");
    assert!(installed(web, "nginx"));
    assert_eq!(
        web.ask("ls /etc/nginx/sites-enabled /etc/nginx/sites-available /srv/site 2>/dev/null | xargs")
            .unwrap(),
        "/etc/nginx/sites-available: default /etc/nginx/sites-enabled: default"
    );
    web.ask("systemctl start nginx.service").unwrap();
    assert_ne!(web.sh("systemctl is-active nginx.service").unwrap().code, 0);
    assert_eq!(starts(web), "");

    operator.edits("roles/site.conf", "listens 8080;", "listen 8080;").unwrap();
    applies(&lab, "ok");
    assert_eq!(web.ask(GET).unwrap(), "site");
    assert_eq!(starts(web), START);
    assert_ne!(web.sh("curl --silent http://localhost:80/").unwrap().code, 0);
    assert_eq!(
        web.ask("systemctl is-enabled nginx.service; ls /etc/nginx/sites-enabled").unwrap(),
        "enabled\nsite"
    );
    applies(&lab, "unchanged");

    // A later site that is broken is undone. nginx runs on, with the site of before.
    let run =
        "systemctl show --value --property=InvocationID nginx.service; cat /etc/nginx/sites-available/site";
    let before = web.ask(run).unwrap();
    operator.edits("roles/site.conf", "root /srv/site;", "root;").unwrap();
    let entry = applies(&lab, "rolled-back");
    assert!(entry["problem"].to_string().contains("invalid number of arguments"), "{entry:#}");
    assert_eq!(web.ask(run).unwrap(), before);
    assert_eq!(web.ask(GET).unwrap(), "site");
    assert_eq!(starts(web), START);
}
