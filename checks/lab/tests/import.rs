//! Tests of `nixfleet import`: a fleet.nix that was imported from the inventory of another tool evaluates
//! without further edits, and NixFleet can plan and change its hosts.

use std::collections::BTreeMap;
use std::fs;

use nixfleet_lab::command::Program;
use nixfleet_lab::lab::Lab;
use nixfleet_lab::nix_linters::NixLinters;
use serde_json::Value;

use crate::stage::shared::Shared;
use crate::stage::{applies, assert_says, fresh, outcomes, outcomes_of};

static LAB: Shared = Shared::new(fresh, |_| {});

/// An Ansible inventory of the lab's hosts. Other files of the inventory set variables, and some variables
/// cannot be imported.
const INVENTORY: &[(&str, &str)] = &[
    (
        "hosts",
        "[web]\nweb-[1:2] http_port=80\n\n[db]\nstorage_1 ansible_host=db-1 ansible_user=deploy\n\n\
         [prod:children]\nweb\ndb\n\n[prod:vars]\nansible_become=true\nansible_become_pass=hunter2\n",
    ),
    ("group_vars/web.yml", "ansible_user: deploy\ndb_password: hunter3\n"),
    ("host_vars/storage_1.yml", "ansible_port: 22\nnotes: \"${builtins.abort ''x''}\"\n"),
];

/// A fleet module with a role for all hosts. The role declares a file, so each host has a change to make.
const ROLES: &str = r#"{
  roles.imported = { nixfleet.files."/etc/imported".text = "yes\n"; };
  defaults.roles = [ "imported" ];
}
"#;

/// Writes files below the home directory of the operator.
fn writes(lab: &Lab, files: &[(&str, &str)]) {
    let operator = lab.operator().unwrap();
    let place = operator.guest().files().unwrap();
    for (path, text) in files {
        operator.types(&format!("mkdir -p \"$(dirname ~/'{path}')\"")).unwrap().success().unwrap();
        place.write(&format!("/home/ada/{path}"), text).unwrap();
    }
}

/// Checks that the formatter nixfmt would not change a file of the fleet, and returns its text.
fn formatted(lab: &Lab, file: &str) -> String {
    let text = lab.operator().unwrap().types(&format!("cat {file}")).unwrap().success().unwrap().stdout;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fleet.nix");
    fs::write(&path, &text).unwrap();
    let nixfmt = NixLinters::install().unwrap().nixfmt();
    Program::new(nixfmt).arg("--check").arg(&path).run().unwrap().success().unwrap();
    text
}

/// Returns the hosts that `nixfleet hosts` lists, by name.
fn hosts(lab: &Lab) -> BTreeMap<String, Value> {
    let (finished, document) = lab.operator().unwrap().types_for_json("nixfleet hosts --json").unwrap();
    assert_eq!(finished.code, 0, "{finished}");
    let hosts = document["hosts"].as_array().unwrap().iter();
    hosts.map(|host| (host["host"].as_str().unwrap().to_owned(), host.clone())).collect()
}

/// Removes the fleet.nix of the demo, and adds the module [`ROLES`] to the flake.
fn makes_room(lab: &Lab) {
    let line = "rm fleet.nix && sed -i 's|./fleet.nix|./fleet.nix ./roles.nix|' flake.nix";
    lab.operator().unwrap().types(line).unwrap().success().unwrap();
    writes(lab, &[("fleet/roles.nix", ROLES)]);
}

#[test]
fn an_inventory_of_ansible_becomes_a_fleet_that_is_applied() {
    let lab = LAB.turn();
    let operator = lab.operator().unwrap();
    for (path, text) in INVENTORY {
        writes(&lab, &[(&format!("inventory/{path}"), text)]);
    }
    let import = "nixfleet import ansible ../inventory/hosts --out fleet.nix";
    let refused = operator.types(import).unwrap();
    assert_says(&refused, 1, &["NF-101", "the file exists already", "--force"]);
    makes_room(&lab);
    let finished = operator.types(import).unwrap();
    assert_says(&finished, 0, &["imported 3 hosts", "3 groups became tags", "2  not copied: secrets"]);
    let text = formatted(&lab, "fleet.nix");
    assert!(!text.contains("hunter"), "{text}");
    assert!(text.contains("# ansible: http_port = 80 (variable, not imported)"), "{text}");

    let found = hosts(&lab);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["storage-1", "web-1", "web-2"]);
    assert_eq!(found["storage-1"]["addr"], "db-1");
    assert_eq!(found["web-1"]["tags"], serde_json::json!(["prod", "web"]));
    assert_eq!(found["web-1"]["ssh"]["user"], "deploy");
    let (finished, document) = operator.types_for_json("nixfleet plan --json").unwrap();
    assert_eq!(finished.code, 0, "{finished}");
    assert_eq!(document["hosts"].as_array().unwrap().len(), 3, "{finished}");
    let all = outcomes_of([("storage-1", "ok"), ("web-1", "ok"), ("web-2", "ok")]);
    assert_eq!(applies(&lab, ""), all);
    assert_eq!(lab.guest("db-1").unwrap().ask("cat /etc/imported").unwrap().trim(), "yes");

    // The JSON output of the import has the same hosts, and also what was not imported.
    let (_, document) = operator.types_for_json("nixfleet import ansible ../inventory/hosts --json").unwrap();
    assert_eq!((&document["schema"], &document["command"]), (&Value::from(1), &Value::from("import")));
    assert_eq!(document["nix"], text.as_str());
    assert_eq!(document["hosts"][0]["original"], "storage_1");
    assert_eq!(document["tags"][2]["notes"][0]["kind"], "secret", "{document:#}");
}

#[test]
fn the_hosts_of_an_ssh_configuration_are_reached_as_before() {
    let lab = LAB.turn();
    let operator = lab.operator().unwrap();
    let config = "Include conf.d/*\nHost *\n  User deploy\n";
    let more =
        "Host web-1\nHost github.com\n  User git\nHost inner\n  HostName web-2\n  ProxyJump deploy@web-1\n";
    writes(&lab, &[(".ssh/config", config), (".ssh/conf.d/lab", more)]);
    makes_room(&lab);
    let finished = operator.types("nixfleet import ssh-config --out fleet.nix").unwrap();
    let left = "not imported: the host github.com: it is a Git server";
    assert_says(&finished, 0, &["imported 2 hosts", left]);
    formatted(&lab, "fleet.nix");
    assert_eq!(hosts(&lab)["inner"]["addr"], "inner");
    let (finished, document) = operator.types_for_json("nixfleet run --json -- hostname").unwrap();
    assert_eq!(outcomes(&document), outcomes_of([("inner", "ok"), ("web-1", "ok")]), "{finished}");
    assert_eq!(document["hosts"][0]["run"]["stdout"], "web-2\n", "{finished}");
    operator.types("rm -r ../.ssh/config ../.ssh/conf.d").unwrap().success().unwrap();
}

/// A flake with a hive, the format in which colmena expects the hosts. Its package set is a stand-in for
/// nixpkgs.
const HIVE: &str = r#"{
  inputs.nixpkgs.url = "path:/srv/nixpkgs";
  outputs = { nixpkgs, ... }: {
    colmena = {
      meta.nixpkgs = nixpkgs.legacyPackages.x86_64-linux // { inherit (nixpkgs) lib; };
      defaults = { lib, ... }: { deployment.targetUser = lib.mkDefault "deploy"; services.x.enable = true; };
      web-1 = { name, nodes, pkgs, ... }: {
        deployment.targetHost = "web-1";
        deployment.tags = [ "web" ];
        deployment.keys."db.key".text = throw "a secret is read";
        environment.systemPackages = [ (throw "a package is evaluated") ];
      };
      web-2 = [
        { deployment.targetHost = "web-2"; services.x.enable = true; }
        ({ name, ... }: { deployment.tags = [ "web" name ]; })
      ];
      "db.1" = { deployment = { targetHost = "db-1"; targetPort = 2222; }; nixpkgs.system = "aarch64-linux"; };
      laptop.deployment = { targetHost = null; allowLocalDeployment = true; };
      broken.deployment.targetHost = { }.missing;
    };
  };
}
"#;

/// A flake with a stand-in for the output `colmenaHive`, in which colmena has evaluated the hive already.
const EVALUATED_HIVE: &str = r#"{
  outputs = _: {
    colmenaHive.nodes.web-1.config = {
      deployment = {
        targetHost = "web-1"; targetPort = null; targetUser = "deploy"; tags = [ ]; keys = { };
        privilegeEscalationCommand = [ "sudo" "-H" "--" ]; allowLocalDeployment = false;
      };
      nixpkgs.hostPlatform.system = "x86_64-linux";
    };
  };
}
"#;

/// A flake with nodes of deploy-rs. An evaluation of their systems fails, because the import must not
/// evaluate them.
const NODES: &str = r#"{
  outputs = _: {
    deploy.sshUser = "deploy";
    deploy.nodes.web-1 = {
      hostname = "web-1";
      sshOpts = [ "-p" "2222" "-J" "gate" ];
      profiles.system = { user = "root"; path = throw "the system is evaluated"; };
      profiles.home = { user = "ada"; path = throw "the profile is evaluated"; };
    };
    deploy.nodes.web-2 = { hostname = "web-2"; profiles.system.path = throw "the system is evaluated"; };
  };
}
"#;

/// A module for all imported hosts, as the comment in the imported file suggests. It declares what NixOS
/// needs to boot. Any file can replace the activator for aarch64-linux, because nothing is built.
const MODULES: &str = r#"{ inputs, ... }: {
  activator.aarch64-linux = "${inputs.prebuilt}/bin/nixfleet-activate";
  defaults.modules = [ { boot.loader.systemd-boot.enable = true; nixfleet.files."/etc/imported".text = "yes"; } ];
}
"#;

/// Asserts that the fleet in `fleet.nix` has a NixOS configuration and a closure for each of these hosts.
/// Both are evaluated with the stand-in for NixOS, and not built.
#[track_caller]
fn assert_has_systems(lab: &Lab, hosts: &[&str]) {
    let systems = "nix eval --json .#nixosConfigurations --apply \
                   'builtins.mapAttrs (_: host: host.config.system.build.toplevel.drvPath)'";
    let closures =
        "nix eval --json .#nixfleet.hosts --apply 'builtins.mapAttrs (_: host: host.toplevel.drvPath)'";
    for (line, name) in [(systems, "nixos-system-"), (closures, "nixfleet-")] {
        let (finished, found) = lab.operator().unwrap().types_for_json(line).unwrap();
        let found = found.as_object().unwrap_or_else(|| panic!("{finished}"));
        assert_eq!(found.keys().collect::<Vec<_>>(), hosts, "{finished}");
        for (host, path) in found {
            let path = path.as_str().unwrap();
            assert!(
                path.contains(&format!("-{name}{host}")) && path.strip_suffix(".drv").is_some(),
                "{path}"
            );
        }
    }
}

#[test]
fn the_nodes_of_other_flakes_become_nixos_hosts_without_their_systems_being_evaluated() {
    let lab = LAB.turn();
    let operator = lab.operator().unwrap();
    writes(
        &lab,
        &[("hive/flake.nix", HIVE), ("evaluated/flake.nix", EVALUATED_HIVE), ("nodes/flake.nix", NODES)],
    );
    writes(&lab, &[("fleet/modules.nix", MODULES)]);
    let line = "sed -i 's|./fleet.nix|./fleet.nix ./modules.nix|' flake.nix";
    operator.types(line).unwrap().success().unwrap();
    let imports = |kind: &str, flake: &str| {
        operator.types(&format!("nixfleet import {kind} ../{flake} --out fleet.nix --force")).unwrap()
    };
    let finished = imports("colmena", "hive");
    let left = [
        "imported 3 hosts",
        "the host laptop: it has no targetHost, and is deployed on its own machine",
        "the host broken: its deployment data cannot be evaluated: attribute 'missing' missing",
        "1  not copied: secrets",
    ];
    assert_says(&finished, 0, &left);
    formatted(&lab, "fleet.nix");
    let found = hosts(&lab);
    let db = &found["db"];
    assert_eq!((&db["base"], &db["system"]), (&Value::from("nixos"), &Value::from("aarch64-linux")));
    assert_eq!((&db["ssh"]["port"], &db["ssh"]["user"]), (&Value::from(2222), &Value::from("deploy")));
    assert_eq!(found["web-1"]["tags"], serde_json::json!(["web"]));
    assert_eq!(found["web-2"]["addr"], "web-2");
    assert_eq!(found["web-2"]["tags"], serde_json::json!(["web", "web-2"]));
    assert_has_systems(&lab, &["db", "web-1", "web-2"]);

    assert_says(&imports("colmena", "evaluated"), 0, &["imported 1 host"]);
    formatted(&lab, "fleet.nix");
    assert_eq!(hosts(&lab)["web-1"]["base"], "nixos");
    assert_has_systems(&lab, &["web-1"]);

    let finished = imports("deploy-rs", "nodes");
    assert_says(
        &finished,
        0,
        &["imported 2 hosts", "1  not imported", "1  to add to your SSH configuration"],
    );
    assert!(formatted(&lab, "fleet.nix").contains("#     ProxyJump gate"));
    let found = hosts(&lab);
    assert_eq!(
        (&found["web-1"]["ssh"]["port"], &found["web-2"]["base"]),
        (&Value::from(2222), &Value::from("nixos"))
    );
    assert_has_systems(&lab, &["web-1", "web-2"]);

    for (kind, saying) in [("colmena", "no hive of colmena"), ("deploy-rs", "no nodes of deploy-rs")] {
        let (finished, document) =
            operator.types_for_json(&format!("nixfleet import {kind} path:/srv/nixpkgs --json")).unwrap();
        assert_eq!(finished.code, 1, "{finished}");
        assert_eq!(document["problem"]["code"], "NF-106", "{finished}");
        assert!(document["problem"]["what"].as_str().unwrap().contains(saying), "{finished}");
    }
}

#[test]
fn what_apt_has_on_a_host_becomes_a_module_that_changes_nothing() {
    let lab = LAB.turn();
    let (operator, host) = (lab.operator().unwrap(), lab.guest("web-2").unwrap());
    let fleet = |modules: &str| {
        let text = format!(
            "{{\n  defaults.ssh.user = \"deploy\";\n  hosts.web-2 = {{ addr = \"web-2\"; modules = [ {modules} ]; }};\n}}\n"
        );
        operator.guest().files().unwrap().write("/home/ada/fleet/fleet.nix", text).unwrap();
    };
    fleet("");
    operator.types("nixfleet apply web-2 --yes").unwrap().success().unwrap();
    host.ask("apt-mark hold curl").unwrap();
    let import = "nixfleet import apt web-2 --out apt.nix";
    assert_says(
        &operator.types(import).unwrap(),
        0,
        &["imported from web-2:", "1 hold,", "written to apt.nix"],
    );
    assert_says(&operator.types(import).unwrap(), 1, &["NF-101", "the file exists already"]);
    let (finished, document) = operator.types_for_json("nixfleet import apt web-2 --json").unwrap();
    assert_eq!((finished.code, &document["command"]), (0, &Value::from("import")), "{finished}");
    assert_eq!(document["nix"], operator.types("cat apt.nix").unwrap().stdout, "{finished}");
    assert_eq!(document["holds"], serde_json::json!(["curl"]), "{finished}");
    let finished = operator.types("nixfleet import apt web-2 --out same.nix --events").unwrap();
    let last: Value = serde_json::from_str(finished.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["exitCode"]), (&"commandEnded".into(), &0.into()), "{finished}");
    assert_says(&operator.types("cmp apt.nix same.nix && rm same.nix").unwrap(), 0, &[]);
    let module = formatted(&lab, "apt.nix");
    for line in ["    \"openssh-server\"\n", "  nixfleet.apt.holds = [ \"curl\" ];\n"] {
        assert!(module.contains(line), "{line}: {module}");
    }
    // The installer of the distribution installs this package.
    assert!(!module.contains("\"dpkg\""), "{module}");
    operator.types("git add apt.nix 2>/dev/null; true").unwrap();
    fleet("./apt.nix");
    let planned = || {
        let (finished, document) = operator.types_for_json("nixfleet plan web-2 --json").unwrap();
        assert_eq!(finished.code, 0, "{finished}");
        (document["hosts"][0]["plan"].clone(), finished.to_string())
    };
    // The new closure becomes a generation, and nothing else changes.
    let (plan, said) = planned();
    assert_eq!(plan["steps"].as_array().unwrap().len(), 1, "{said}");
    assert_eq!(
        (&plan["steps"][0]["step"], &plan["apt"]),
        (&Value::from("switchProfile"), &Value::Null),
        "{said}"
    );

    // Other sources and pins move to the fleet.
    host.ask(
        "echo 'deb [signed-by=/usr/share/keyrings/tools.gpg] http://10.0.1.2:9/debian trixie main' \
         >/etc/apt/sources.list.d/tools.list; \
         printf 'Package: curl\\nPin: release n=trixie\\nPin-Priority: 900\\n' >/etc/apt/preferences.d/curl",
    )
    .unwrap();
    assert_says(&operator.types(&format!("{import} --force")).unwrap(), 0, &["1 source, 1 pin"]);
    let module = formatted(&lab, "apt.nix");
    assert!(
        module.contains("nixfleet.apt.sources.tools = {") && module.contains("nixfleet.apt.pins.curl = {"),
        "{module}"
    );
    let (_, said) = planned();
    host.ask("rm /etc/apt/sources.list.d/tools.list /etc/apt/preferences.d/curl; apt-mark unhold curl")
        .unwrap();
    for path in ["/etc/apt/sources.list.d/tools.list", "/etc/apt/sources.list.d/nixfleet-tools.sources"] {
        assert!(said.contains(path), "{path}: {said}");
    }
}
