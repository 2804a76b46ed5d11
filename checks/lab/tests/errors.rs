//! Tests of the messages for mistakes in a fleet that end its evaluation or build. The messages must be the
//! same with the Nix version of Debian 13 and with a newer version. errors.txt has the expected messages.
//! With `UPDATE_EXPECT=1`, this test writes the current messages to errors.txt.

use std::fmt::Write as _;

use nixfleet_lab::lab::{Lab, Plan};
use nixfleet_lab::operator::Operator;
use nixfleet_lab::recipe::Recipe;
use nixfleet_lab::rootfs::Root;
use nixfleet_lab::upgrade::Upgrade;

use crate::stage::assert_says;

/// Mistakes in the role of db-1: the name of each mistake, and the text of the role.
const ROLES: [(&str, &str); 21] = [
    ("an argument that no module gets", "{ foo, ... }:\n{ nixfleet.files.\"/etc/x\".text = foo; }"),
    ("a value that throws", "{ nixfleet.files.\"/etc/x\".text = throw \"not written yet\"; }"),
    ("a role that throws", "{ ... }:\nthrow \"no role for now\""),
    (
        "a value that depends on itself",
        "{ config, ... }:\n{ nixfleet.files.\"/etc/x\".text = config.nixfleet.files.\"/etc/x\".text; }",
    ),
    (
        "options that depend on themselves",
        "{ config, lib, ... }:\n{ nixfleet = lib.mkIf (config.nixfleet.files ? \"/etc/x\") { files.\"/etc/y\".text = \"\"; }; }",
    ),
    (
        "imports that depend on options",
        "{ config, lib, ... }:\n{ imports = lib.optional (config.nixfleet.files ? \"/etc/x\") ./web.nix; }",
    ),
    ("a source that is missing", "{ nixfleet.files.\"/etc/x\".source = ./nope.txt; }"),
    (
        "a file that is read and is missing",
        "let\n  text = builtins.readFile ../nope.txt;\nin\n{ nixfleet.files.\"/etc/x\".text = text; }",
    ),
    ("an import that is missing", "{ imports = [\n  ./web.nix ./nope.nix\n]; }"),
    ("a number added to a string", "{ nixfleet.files.\"/etc/x\".text = \"a\" + 1; }"),
    (
        "a set where a list is needed",
        "{ lib, ... }:\n{ nixfleet.files.\"/etc/x\".text = lib.concatLines { }; }",
    ),
    ("an assertion", "{ hosts, ... }:\nassert hosts ? db-2;\n{ }"),
    ("an abortion", "{ nixfleet.users.db.home = abort \"stop\"; }"),
    ("a package that does not exist", "{ pkgs, ... }:\n{ nixfleet.packages = [ pkgs.ngnix ]; }"),
    (
        "a package that does not evaluate",
        "{ lib, pkgs, ... }:\n{ nixfleet.packages = [ (lib.extendDerivation (throw \"unfree\") { } pkgs.hello_1) ]; }",
    ),
    (
        "a setting of a unit that names a missing file",
        "{ nixfleet.systemd.units.\"x.service\".sections.Service.ExecStart = ./nope.sh; }",
    ),
    (
        "a validator that is missing",
        "{ nixfleet.files.\"/etc/x\" = { text = \"\"; validate = [ ./nope.sh \"%s\" ]; }; }",
    ),
    (
        "a wrong value of an option of the user's own",
        "{ lib, config, ... }:\n{\n  options.my.port = lib.mkOption { type = lib.types.port; };\n  config.my.port = \"http\";\n  \
         config.nixfleet.files.\"/etc/x\".text = toString config.my.port;\n}",
    ),
    (
        "something wrong deep in a unit",
        "{ lib, ... }:\n{ nixfleet.systemd.units.\"x.service\".sections.Service.ExecStart = lib.mkForce [ (throw \"later\") ]; }",
    ),
    ("a syntax error", "{ pkgs, ... }:\n{\n  nixfleet.packages = [ pkgs.hello ;\n}"),
    (
        "something wrong on one host of several",
        "{ name, ... }:\n{ nixfleet.files.\"/etc/x\".text = if name == \"web-2\" then throw \"not here\" else \"\"; }",
    ),
];

/// Mistakes in other files of the fleet: name, file, text to replace, and replacement.
const EDITS: [(&str, &str, &str, &str); 5] = [
    ("a role that is missing", "fleet.nix", "./roles/db.nix", "./roles/nope.nix"),
    ("an address that throws", "fleet.nix", "\"db-1\";\n    tags", "throw \"none yet\";\n    tags"),
    ("a tag that is no string", "fleet.nix", "[ \"db\" ];\n    roles", "[ (\"db\" + 1) ];\n    roles"),
    (
        "an argument that no fleet module gets",
        "prebuilt.nix",
        "{ inputs, ... }:\n{",
        "{ inputs, pkgs, ... }:\n{\n  defaults.ssh.user = pkgs.user;",
    ),
    ("an input that is missing", "flake.nix", "path:/srv/prebuilt", "path:/srv/nothing"),
];

/// Mistakes that are possible in a Git checkout: name, commands that make the mistake, and flags for
/// `nixfleet plan`.
const IN_GIT: [(&str, &str, &str); 6] = [
    (
        "a source that Git does not know",
        "echo x > roles/new.txt; echo '{ nixfleet.files.\"/etc/x\".source = ./new.txt; }' > roles/db.nix",
        "",
    ),
    (
        "an import that Git does not know",
        "mv roles/db.nix roles/new.nix; sed -i s/db.nix/new.nix/ fleet.nix",
        "",
    ),
    (
        "a source that is nowhere",
        "echo '{ nixfleet.files.\"/etc/x\".source = ./nope.txt; }' > roles/db.nix",
        "",
    ),
    (
        "a source in a submodule",
        "echo '{ nixfleet.files.\"/etc/x\".source = ../pages/page; }' > roles/db.nix",
        "",
    ),
    (
        "a source that the Git of a submodule does not know",
        "echo x > pages/new; echo '{ nixfleet.files.\"/etc/x\".source = ../pages/new; }' > roles/db.nix",
        "--flake '.?submodules=1'",
    ),
    (
        "a file outside of the directory of the flake",
        "mkdir infra && git mv flake.nix flake.lock fleet.nix prebuilt.nix roles infra; mv infra/roles/web.nix roles.nix; \
         sed -i s,./roles/web.nix,../roles.nix, infra/fleet.nix",
        "--flake '.?dir=infra'",
    ),
];

/// Boots a lab with only an operator's machine, which has the version `nix` of Nix.
fn lab(nix: &str, root: impl Into<Root>) -> Lab {
    let lab = Lab::boot(&Plan::new(format!("{}-errors-{nix}", std::process::id())).operator(root)).unwrap();
    let version = lab.operator().unwrap().types("nix --version").unwrap();
    assert!(version.stdout.contains(nix), "{version}");
    lab
}

/// Returns the output of `nixfleet plan` for each mistake.
fn all_errors(operator: Operator) -> String {
    let mut all = String::new();
    let mut say = |name: &str, flags: &str| {
        let finished = operator.types(&format!("nixfleet plan {flags}")).unwrap();
        assert_eq!(finished.code, 1, "{name}: {finished}");
        write!(all, "## {name}\n{}{}\n", finished.stdout, finished.stderr).unwrap();
    };
    let files = operator.guest().files().unwrap();
    // Nix prints the inputs that it locks, but only the first time. So it locks them here, before any output
    // counts.
    operator.types("nix flake lock").unwrap().success().unwrap();
    let lock = files.text("/home/ada/fleet/flake.lock").unwrap();
    let reset = || {
        operator.resets_fleet().unwrap();
        files.write("/home/ada/fleet/flake.lock", &lock).unwrap();
    };
    for (name, role) in ROLES {
        reset();
        operator
            .edits(
                "fleet.nix",
                "roles = [ \"web\" ];\n  };\n\n  hosts.db",
                "roles = [ \"db\" ];\n  };\n\n  hosts.db",
            )
            .unwrap();
        files.write("/home/ada/fleet/roles/db.nix", role).unwrap();
        say(name, "");
    }
    for (name, file, from, to) in EDITS {
        reset();
        operator.edits(file, from, to).unwrap();
        say(name, "");
    }
    let page = "git config --global protocol.file.allow always; git config --global user.email a@b; git config --global user.name a; \
                git init -q ~/pages; cd ~/pages; echo x > page; git add page; git commit -qm page";
    operator.types(page).unwrap().success().unwrap();
    for (name, before, flags) in IN_GIT {
        reset();
        let checkout = "rm -rf .git pages .gitmodules; git init -q; git add .; git submodule --quiet add ~/pages pages; git commit -qm fleet";
        operator.types(&format!("set -e; {checkout}; {before}")).unwrap().success().unwrap();
        say(name, flags);
    }
    all
}

/// Asserts that the messages are those in errors.txt.
fn assert_as_written(said: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/errors.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, said).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap();
    for (said, written) in said.split("\n## ").zip(written.split("\n## ")) {
        assert_eq!(said, written, "\n{said}\n--- is not ---\n{written}");
    }
    assert_eq!(said.len(), written.len());
}

/// Asserts the message for a package that only a builder for another system can build.
fn assert_needs_a_builder(operator: Operator) {
    operator.types("rm -rf .git .gitmodules pages infra *").unwrap();
    operator.resets_fleet().unwrap();
    let foreign = "{ nixfleet.packages = [ (derivation { name = \"foreign-1.0\"; system = \"riscv64-linux\"; builder = \"/bin/sh\"; }) ]; }";
    operator.guest().files().unwrap().write("/home/ada/fleet/roles/db.nix", foreign).unwrap();
    let finished = operator.types("nixfleet plan --host db-1").unwrap();
    let sayings = ["NF-202", "-foreign-1.0.drv'", "'riscv64-linux'", "configure a builder for that system"];
    assert_says(&finished, 1, &sayings);
}

/// Asserts the message for a package whose builder fails: the derivation, and the end of the log.
fn assert_tells_a_failed_build(operator: Operator) {
    operator.resets_fleet().unwrap();
    let broken = "{ pkgs, ... }: { nixfleet.packages = [ (derivation { name = \"broken-1.0\"; system = \"x86_64-linux\"; \
                  builder = \"${pkgs.busybox}/bin/sh\"; args = [ \"-c\" \"echo no such header >&2; exit 3\" ]; }) ]; }";
    operator.guest().files().unwrap().write("/home/ada/fleet/roles/db.nix", broken).unwrap();
    for command in ["plan", "apply --yes"] {
        let finished = operator.types(&format!("nixfleet {command} --host db-1")).unwrap();
        assert_says(&finished, 1, &["NF-202", "broken-1.0", "no such header", "nix log"]);
    }
}

/// Initialises a template, and makes one line of it wrong. Asserts that `nix flake check` accepts the
/// template, and that it then ends with the message of NixFleet.
fn assert_check_finds_wrong_lines(operator: Operator) {
    let types = |line: &str| operator.types(&format!("cd ../checked && {line}")).unwrap();
    operator.types("mkdir ../checked").unwrap().success().unwrap();
    types("nix flake init -t path:/srv/nixfleet#minimal").success().unwrap();
    let lock = operator.offline_lock(false).unwrap();
    operator.guest().files().unwrap().write("/home/ada/checked/flake.lock", lock).unwrap();
    assert_says(&types("nix flake check"), 0, &[]);
    types("sed -i 's/mode = \"0644\"/mode = \"0999\"/' roles/web.nix").success().unwrap();
    let sayings = [
        "1 mistake in the fleet",
        "where: nixfleet.files.\"/etc/web/index.html\".mode",
        "roles/web.nix",
        "host: web-1",
        "0999",
    ];
    assert_says(&types("nix flake check"), 1, &sayings);
    // A mistake in the rules of a rollout belongs to no host, and is found too.
    let canary = "sed -i 's/0999/0644/' roles/web.nix && \
                  sed -i 's/^  roles.web =/  defaults.rollout.canary = [ \"web-9\" ]; &/' fleet.nix";
    types(canary).success().unwrap();
    let sayings =
        ["the canary \"web-9\" is no host of this fleet", "where: defaults.rollout.canary", "fleet.nix"];
    assert_says(&types("nix flake check"), 1, &sayings);
}

/// Asserts the messages for all mistakes, on an operator's machine that has the version `nix` of Nix.
fn assert_errors(nix: &str, root: impl Into<Root>) {
    let lab = lab(nix, root);
    let operator = lab.operator().unwrap();
    assert_as_written(&all_errors(operator));
    assert_needs_a_builder(operator);
    assert_tells_a_failed_build(operator);
    assert_check_finds_wrong_lines(operator);
}

#[test]
fn every_error_has_its_place_with_the_nix_of_debian_13() {
    assert_errors("2.26", Recipe::host());
}

#[test]
fn every_error_has_its_place_with_a_newer_nix() {
    assert_errors("2.34", Upgrade::newer_nix());
}
