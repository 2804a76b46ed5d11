//! Tests of the templates: each is initialised in an empty directory, checked, and applied to hosts.

use std::collections::BTreeMap;

use nixfleet_lab::command::Finished;
use nixfleet_lab::lab::{Lab, Plan};
use serde_json::Value;

use crate::stage::shared::Shared;
use crate::stage::{assert_says, outcomes, outcomes_of};

/// The NixOS host is a stand-in.
static LAB: Shared = Shared::new(|| Lab::boot(&Plan::of_test().nixos("web-2")).unwrap(), |_| {});

/// The inventory of a user of Ansible, with the hosts of the lab.
const INVENTORY: &str = "[web]\nweb-1\n\n[db]\ndb-1\n\n[all:vars]\nansible_user=deploy\n";

/// The outputs of the template `minimal`. Nix calls outputs that other programs read unknown.
const OUTPUTS_OF_TEMPLATE: &str = "\
apps.apply: app
apps.backups: app
apps.bootstrap: app
apps.check: app
apps.doctor: app
apps.forget: app
apps.gc: app
apps.history: app
apps.host: app
apps.hosts: app
apps.os-update: app
apps.plan: app
apps.reboot: app
apps.rollback: app
apps.run: app
apps.status: app
checks.nixfleet-web-1: derivation
colmena: unknown
nixfleet: unknown
nixfleetModules: unknown
nixosModules.fleet-deploy-user: nixos-module
nixosModules.fleet-hosts: nixos-module
";

/// The outputs of NixFleet itself.
const OUTPUTS_OF_NIXFLEET: &str = "\
checks.nix-formatting: derivation
checks.nix-lints: derivation
checks.nix-tests: derivation
checks.nixfleet: derivation
checks.nixfleet-activate: derivation
checks.rust-formatting: derivation
checks.shell-lints: derivation
flakeModules: unknown
formatter: derivation
lib: unknown
packages.default: derivation
packages.nixfleet: derivation
packages.nixfleet-activate: derivation
templates.default: template
templates.flake-parts: template
templates.from-ansible: template
templates.from-colmena: template
templates.from-deploy-rs: template
templates.minimal: template
templates.mixed: template
";

/// Types a line in the directory of a template.
fn types(lab: &Lab, template: &str, line: &str) -> Finished {
    lab.operator().unwrap().types(&format!("cd ../{template}\n{line}")).unwrap()
}

/// Initialises a template in a new directory and checks the fleet. There is no network, so this checkout and
/// stand-ins replace the published inputs.
fn initialises(lab: &Lab, template: &str) {
    let operator = lab.operator().unwrap();
    operator.types(&format!("mkdir ../{template}")).unwrap().success().unwrap();
    let init = types(lab, template, &format!("nix flake init -t path:/srv/nixfleet#{template}"));
    assert!(init.ok(), "{init}");
    assert!(init.stderr.contains("nixfleet plan") || init.stderr.contains("nix run .#plan"), "{init}");
    let lock = operator.offline_lock(template == "flake-parts").unwrap();
    operator.guest().files().unwrap().write(&format!("/home/ada/{template}/flake.lock"), lock).unwrap();
    let check = types(lab, template, "nix flake check");
    assert!(check.ok(), "{check}");
}

/// Returns the outputs that `nix flake show` lists, without those of other systems: a line with the path and
/// the type of each. Asserts that it warns of nothing but the outputs of other systems, which it leaves out.
fn shows(lab: &Lab, template: &str, flake: &str) -> String {
    let shown = types(lab, template, &format!("nix flake show --json --no-write-lock-file {flake}"));
    assert!(shown.ok(), "{shown}");
    let is_known = |line: &str| {
        line.contains("omitted (use '--all-systems'") || line.contains("not writing modified lock")
    };
    let mut warnings = shown.stderr.lines().filter(|line| line.starts_with("warning:"));
    assert!(warnings.all(is_known), "{shown}");
    let mut lines = Vec::new();
    collect(&serde_json::from_str(&shown.stdout).unwrap(), "", &mut lines);
    lines.concat()
}

/// Adds a line for each output in a part of what `nix flake show --json` prints. `path` begins with a dot.
fn collect(shown: &Value, path: &str, lines: &mut Vec<String>) {
    if let Some(kind) = shown["type"].as_str() {
        return lines.push(format!("{}: {kind}\n", path.trim_start_matches('.')));
    }
    for (name, inner) in shown.as_object().into_iter().flatten() {
        match name.as_str() {
            "aarch64-darwin" | "aarch64-linux" | "x86_64-darwin" => {}
            "x86_64-linux" => collect(inner, path, lines),
            _ => collect(inner, &format!("{path}.{name}"), lines),
        }
    }
}

/// Applies the fleet of a template, and returns the outcomes. A second apply changes nothing.
fn applies(lab: &Lab, template: &str) -> BTreeMap<String, String> {
    let line = format!("cd ../{template}\nnixfleet apply --yes --json");
    let (finished, document) = lab.operator().unwrap().types_for_json(&line).unwrap();
    assert!(finished.ok(), "{finished}");
    let plan = types(lab, template, "nixfleet plan --json");
    let hosts: Value = serde_json::from_str(&plan.stdout).unwrap();
    assert!(outcomes(&hosts).values().all(|outcome| outcome == "unchanged"), "{plan}");
    outcomes(&document)
}

fn page(lab: &Lab, host: &str) -> String {
    let fetch = format!("curl --silent --show-error --max-time 5 http://{host}:8080/index.html");
    lab.operator().unwrap().types(&fetch).unwrap().line().to_owned()
}

#[test]
fn a_fleet_of_one_web_server() {
    let lab = LAB.turn();
    for template in ["minimal", "flake-parts"] {
        initialises(&lab, template);
        let plan = types(&lab, template, "nix run .#plan");
        assert!(plan.ok(), "{plan}");
    }
    assert_eq!(shows(&lab, "minimal", ""), OUTPUTS_OF_TEMPLATE);
    let own = "--override-input nixpkgs path:/srv/nixpkgs path:/srv/nixfleet";
    assert_eq!(shows(&lab, "minimal", own), OUTPUTS_OF_NIXFLEET);
    assert_eq!(applies(&lab, "minimal"), outcomes_of([("web-1", "ok")]));
    assert_eq!(page(&lab, "web-1"), "hello from web-1");
    // The same fleet in another flake: nothing is left to do.
    assert_eq!(applies(&lab, "flake-parts"), outcomes_of([("web-1", "unchanged")]));
}

#[test]
fn a_fleet_of_both_bases() {
    let lab = LAB.turn();
    initialises(&lab, "mixed");
    assert_eq!(applies(&lab, "mixed"), outcomes_of([("web-1", "ok"), ("web-2", "ok")]));
    for (host, base) in [("web-1", "ubuntu"), ("web-2", "nixos")] {
        assert_eq!(page(&lab, host), format!("hello from {host}, which runs {base}"));
    }
}

#[test]
fn a_fleet_in_place_of_playbooks() {
    let lab = LAB.turn();
    initialises(&lab, "from-ansible");
    let files = lab.operator().unwrap().guest().files().unwrap();
    files.write("/home/ada/inventory.ini", INVENTORY).unwrap();
    let import =
        types(&lab, "from-ansible", "nixfleet import ansible ../inventory.ini --out hosts.nix --force");
    assert_says(&import, 0, &["imported 2 hosts"]);
    assert_eq!(applies(&lab, "from-ansible"), outcomes_of([("db-1", "ok"), ("web-1", "ok")]));
    assert_eq!(page(&lab, "web-1"), "hello from web-1.example.org");
    assert_eq!(lab.guest("db-1").unwrap().ask("id -Gn maria; greet").unwrap(), "maria ops\nhello 2.0");
}

#[test]
fn a_fleet_in_place_of_a_hive_or_of_nodes() {
    let lab = LAB.turn();
    for template in ["from-colmena", "from-deploy-rs"] {
        initialises(&lab, template);
        assert_eq!(applies(&lab, template), outcomes_of([("web-2", "ok")]), "{template}");
    }
}
