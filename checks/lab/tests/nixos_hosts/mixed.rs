//! A fleet of three Debian hosts and two NixOS hosts that share one role.

use std::time::Duration;

use nixfleet_lab::command::{Finished, wait_until};
use nixfleet_lab::lab::{Lab, Plan};
use nixfleet_lab::snapshot::Snapshot;
use serde_json::Value;

use crate::stage::{assert_says, generation, outcomes, outcomes_of};

/// The time limit of each wait in this test. It is far longer than any wait takes.
const LIMIT: Duration = Duration::from_secs(30);

const DEBIAN: [&str; 3] = ["web-1", "web-2", "web-3"];
const NIXOS: [&str; 2] = ["db-1", "db-2"];

/// The fleet of the test. The first wave, the canaries, has one host of each base.
const FLEET: &str = r#"
let
  host = base: name: tags: { inherit base tags; addr = name; roles = [ "app" ]; };
  nixos = host "nixos";
  debian = host "ubuntu";
in
{
  defaults.ssh.user = "deploy";
  defaults.rollout = { canary = [ "@canary" ]; soak = "0s"; };
  roles.app = ./roles/app.nix;
  hosts.web-1 = debian "web-1" [ "canary" ];
  hosts.web-2 = debian "web-2" [ ];
  hosts.web-3 = debian "web-3" [ ];
  hosts.db-1 = nixos "db-1" [ "canary" ];
  hosts.db-2 = nixos "db-2" [ ];
}
"#;

/// The role of all hosts. It declares users, a package, files inside and outside of /etc, a service and a
/// health check, in the same way for both bases.
const ROLE: &str = r#"
let
  version = "1";
  program = "httpd -f -p 8080 -h /srv/app";
in
{ name, pkgs, ... }:
let
  busybox = "${pkgs.busybox}/bin/busybox";
in
{
  nixfleet.packages = [ pkgs."hello_${version}" ];

  nixfleet.groups.team = { };
  nixfleet.users.app = {
    description = "The application";
    extraGroups = [ "team" ];
  };

  nixfleet.directories."/var/lib/app" = {
    mode = "0750";
    owner = "root";
    group = "adm";
  };
  nixfleet.files."/etc/app/app.conf" = {
    text = "version ${version}\n";
    mode = "0640";
    group = "team";
    restartUnits = [ "app.service" ];
  };
  nixfleet.files."/srv/app/index.html" = {
    text = "version ${version} of ${name}\n";
    restartUnits = [ "app.service" ];
  };

  nixfleet.systemd.units."app.service".sections = {
    Unit.Description = "The application";
    Service = {
      ExecStartPre = "${busybox} cat /etc/app/app.conf";
      ExecStart = "${busybox} ${program}";
      User = "app";
    };
    Install.WantedBy = "multi-user.target";
  };

  nixfleet.healthChecks.page = {
    http.url = "http://localhost:8080/index.html";
    http.bodyContains = "version ${version} of";
    retries = 5;
  };
}
"#;

fn boot() -> Lab {
    let plan = Plan::of_test().host("web-3", "10.0.1.13").host("db-2", "10.0.1.22");
    let lab = Lab::boot(&NIXOS.into_iter().fold(plan, Plan::nixos)).unwrap();
    let files = lab.operator().unwrap().guest().files().unwrap();
    files.write("/home/ada/fleet/fleet.nix", FLEET).unwrap();
    files.write("/home/ada/fleet/roles/app.nix", ROLE).unwrap();
    lab
}

fn json(lab: &Lab, command: &str) -> (Finished, Value) {
    lab.operator().unwrap().types_for_json(&format!("nixfleet {command} --json")).unwrap()
}

/// Returns the hosts of each wave.
fn waves(document: &Value) -> Vec<Vec<&str>> {
    let waves = document["rollout"]["waves"].as_array().unwrap().iter();
    waves.map(|wave| wave.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()).collect()
}

/// Asserts that everything that the role declares has this version on each host.
#[track_caller]
fn assert_version(lab: &Lab, version: u32) {
    for host in lab.hosts() {
        let name = host.name();
        let page = format!("curl --silent --show-error --max-time 5 http://{name}:8080/index.html");
        let served =
            || Ok(lab.operator().unwrap().types(&page)?.line() == format!("version {version} of {name}"));
        wait_until("the page has the version", LIMIT, served).unwrap();
        let conf =
            host.ask("cat /etc/app/app.conf; stat -Lc '%a %U:%G' /etc/app/app.conf /var/lib/app").unwrap();
        assert_eq!(conf, format!("version {version}\n640 root:team\n750 root:adm"), "{name}");
        let service = host.unit("app.service").unwrap();
        let groups = format!(
            "ps -o user= -p {}; id -Gn app; bash -lc 'PATH=$PATH:/run/current-system/sw/bin; hello'",
            service.main_pid
        );
        assert_eq!(host.ask(&groups).unwrap(), format!("app\napp team\nhello {version}.0"), "{name}");
    }
}

/// Asserts that all five hosts have this outcome.
#[track_caller]
fn assert_all(document: &Value, finished: &Finished, outcome: &str) {
    let ended = outcomes(document);
    assert!(ended.len() == 5 && ended.values().all(|ended| ended == outcome), "{finished}");
}

/// Asserts that `nixfleet status` has a row for each host, with the generation of its first apply and without
/// drift. The first system of a NixOS host is generation 1.
#[track_caller]
fn assert_managed(lab: &Lab) {
    let status = lab.operator().unwrap().types("nixfleet status").unwrap();
    assert_says(&status, 0, &["host", "state", "generation", "drift", "units down", "backups", "5 managed"]);
    let row = |host: &&str| {
        let rows = status.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        rows.filter(|row| row.first() == Some(host)).collect::<Vec<_>>()
    };
    for (hosts, generation) in [(DEBIAN.as_slice(), "1"), (NIXOS.as_slice(), "2")] {
        for host in hosts {
            assert_eq!(row(host), [[*host, "managed", generation, "0", "0", "0"]], "{status}");
        }
    }
}

#[test]
fn debian_and_nixos_hosts_share_a_role_and_every_verb() {
    let lab = boot();
    let operator = lab.operator().unwrap();
    let edits = |from: &str, to: &str| operator.edits("roles/app.nix", from, to).unwrap();
    let first = [["db-1", "web-1"].as_slice(), &["db-2", "web-2", "web-3"]];

    let plan = operator.types("nixfleet plan").unwrap();
    let sayings = [
        "web-1",
        "db-2",
        "first generation, 1",
        "first generation, 2",
        "wave",
        "hello 1.0",
        "app.service",
        "/srv/app/index.html",
        "~ NixOS ",
        "~ boot default ",
        "5 to change",
    ];
    assert_says(&plan, 0, &sayings);
    let (finished, document) = json(&lab, "apply --yes");
    assert!(finished.ok(), "{finished}");
    assert_eq!(waves(&document), first, "{finished}");
    assert_all(&document, &finished, "ok");
    for host in document["hosts"].as_array().unwrap() {
        assert_eq!(
            (&host["healthChecks"][0]["name"], &host["healthChecks"][0]["passed"]),
            (&"page".into(), &true.into())
        );
    }
    assert_version(&lab, 1);
    let (finished, document) = json(&lab, "apply --yes");
    assert_all(&document, &finished, "unchanged");
    assert_managed(&lab);
    let (finished, document) = json(&lab, "check @canary");
    assert_eq!(outcomes(&document), outcomes_of([("db-1", "ok"), ("web-1", "ok")]), "{finished}");
    let ran = operator.types("nixfleet run @canary -- sudo cat /etc/app/app.conf").unwrap();
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(lines.len() == 2 && lines.iter().all(|line| line.ends_with("version 1")), "{ran}");
    let backups = operator.types("nixfleet backups list @canary").unwrap();
    assert_says(&backups, 0, &["No backups."]);

    edits("version = \"1\"", "version = \"2\"");
    let (finished, document) = json(&lab, "apply --yes");
    assert_all(&document, &finished, "ok");
    assert_version(&lab, 2);
    let (finished, document) = json(&lab, "rollback --yes");
    assert_all(&document, &finished, "ok");
    assert_version(&lab, 1);
    assert_eq!(DEBIAN.map(|host| generation(lab.guest(host).unwrap())), [1; 3]);
    assert_eq!(NIXOS.map(|host| generation(lab.guest(host).unwrap())), [2; 2]);

    // In this version, the service starts on Debian and fails on NixOS, where /etc/NIXOS exists.
    edits("version = \"2\"", "version = \"3\"");
    edits("hello_${version}", "hello_1");
    edits("ExecStartPre = \"", "ExecStartPre = [ \"${busybox} test ! -e /etc/NIXOS\" ]; ExecReload = \"");
    let before: Vec<_> = lab
        .hosts()
        .filter(|host| host.name() != "web-1")
        .map(|host| (host, Snapshot::take(host).unwrap()))
        .collect();
    let (finished, document) = json(&lab, "apply --yes");
    assert_eq!(finished.code, 2, "{finished}");
    let expected = [
        ("db-1", "rolled-back"),
        ("db-2", "deferred"),
        ("web-1", "ok"),
        ("web-2", "deferred"),
        ("web-3", "deferred"),
    ];
    assert_eq!(outcomes(&document), outcomes_of(expected), "{finished}");
    assert_eq!(document["rollout"]["end"], "paused", "{finished}");
    let failed = document["hosts"].as_array().unwrap().iter().find(|host| host["host"] == "db-1").unwrap();
    assert!(failed["problem"]["why"].as_str().unwrap().contains("app.service"), "{failed:#}");
    for (host, before) in before {
        let difference = before.difference(&Snapshot::take(host).unwrap());
        let touched: Vec<&str> = difference.lines().filter(|line| !line.starts_with("+ store ")).collect();
        assert!(touched.is_empty(), "{} is not as it was:\n{}", host.name(), touched.join("\n"));
    }
    let (finished, document) = json(&lab, "rollback --yes --host web-1 --to 1");
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "ok")]), "{finished}");
    assert_version(&lab, 1);

    // The fleet declares the Debian host web-3 as a NixOS host.
    operator.edits("fleet.nix", "debian \"web-3\"", "nixos \"web-3\"").unwrap();
    let plan = operator.types("nixfleet plan --host web-3").unwrap();
    assert_says(&plan, 2, &["NF-424", "the host does not run NixOS, but its base is `nixos`"]);
}
