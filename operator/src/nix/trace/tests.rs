use expect_test::expect;

use super::*;
use crate::flake::Tree;

/// The errors that Nix 2.26 and Nix 2.34 print for the same mistake with `--show-trace`. Trace steps that
/// name neither a file of the user nor code of NixFleet were removed from the stored errors.
macro_rules! both {
    ($name:literal) => {
        [
            include_str!(concat!("../../../tests/nix/2.26/", $name, ".txt")),
            include_str!(concat!("../../../tests/nix/2.34/", $name, ".txt")),
        ]
    };
}

/// Returns the problem that the user sees. Asserts that both versions of Nix lead to the same problem.
/// `files` are the files of the flake. The flake is a Git checkout, which the errors and the result call
/// `/home/ada/fleet`.
#[track_caller]
fn distilled_from_both(nix_error: [&str; 2], files: &[(&str, &str)]) -> String {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().canonicalize().unwrap();
    for (file, content) in files {
        std::fs::create_dir_all(path.join(file).parent().unwrap()).unwrap();
        std::fs::write(path.join(file), content).unwrap();
    }
    let here = path.to_str().unwrap();
    let flake = Flake { reference: here.into(), tree: Some(Tree::new(&path, &path, true)), is_file: false };
    let [older, newer] = nix_error.map(|nix_error| {
        distil(&nix_error.replace("/home/ada/fleet", here), &flake)
            .to_string()
            .replace(here, "/home/ada/fleet")
    });
    assert_eq!(older, newer);
    older
}

#[test]
fn a_mistake_in_the_syntax_of_an_inventory_file_has_the_file() {
    expect![[r#"
        [NF-201] Nix could not evaluate the fleet
          where: inventory/prod.toml
          why: while parsing TOML: [error] toml::parse_basic_string: invalid string format
                  --> fromTOML
                    |
                  2 | addr = "web-1
                    |              ^-- expected "
          help: run the command again with -v to see the whole trace of Nix"#]]
    .assert_eq(&distilled_from_both(both!("inventory"), &[]));
}

#[test]
fn an_error_has_file_line_option_and_host_in_both_versions() {
    expect![[r#"
        [NF-201] Nix could not evaluate the fleet
          where: roles/db.nix:3:34, nixfleet.files."/etc/x".text, host db-1
          why: not written yet

                 3 |   nixfleet.files."/etc/x".text = throw "not written yet";
                   |                                  ^
          help: run the command again with -v to see the whole trace of Nix"#]]
    .assert_eq(&distilled_from_both(both!("throw"), &[]));
    expect![[r#"
        [NF-201] Nix could not evaluate the fleet
          where: roles/db.nix:5:50, my.port, host db-1
          why: A definition for option `my.port' is not of type `16 bit unsigned integer; between 0 and 65535 (both inclusive)'. Definition values:
                 - In `roles/db.nix': "http"

                 5 |   config.nixfleet.files."/etc/x".text = toString config.my.port;
                   |                                                  ^
          help: run the command again with -v to see the whole trace of Nix"#]]
    .assert_eq(&distilled_from_both(both!("wrong-value"), &[]));
    expect![[r#"
        [NF-201] Nix could not evaluate the fleet
          where: flake.nix, inputs.prebuilt
          why: path '//srv/nothere' does not exist
          help: run the command again with -v to see the whole trace of Nix"#]]
    .assert_eq(&distilled_from_both(both!("input"), &[]));
}

#[test]
fn failed_assertions_are_told_whole() {
    expect![[r#"
        [NF-201] Nix could not evaluate the fleet
          where: host db-1
          why: Failed assertions:
                 - The port of the database must be above 1024.
                 - services.x needs a user.
                   Set services.x.user.
          help: run the command again with -v to see the whole trace of Nix"#]]
    .assert_eq(&distilled_from_both(both!("assertions"), &[]));
    for (stderr, message) in [
        ("error:\n       Failed assertions:\n       - no good\n", "Failed assertions:\n- no good"),
        ("error:\n\n\n       no good\n\n       at all\n", "no good\n\nat all"),
        ("error:\n       … while x\n\n       error:\n\n       no good\n", "no good"),
        ("error:\n", "Nix gives no message"),
        ("error:\n       … while x\n", "Nix gives no message"),
        ("error:\n       … while x\n\n       error:\n", "Nix gives no message"),
    ] {
        assert_eq!(NixError::parse(stderr).message, message, "{stderr:?}");
    }
}

#[test]
fn a_value_used_on_the_way_does_not_lengthen_the_name_of_an_option() {
    expect![[r#"
        [NF-201] Nix could not evaluate the fleet
          where: roles/db.nix:3:34, nixfleet.files."/etc/x".text, host db-1
          why: infinite recursion encountered

                 3 |   nixfleet.files."/etc/x".text = config.nixfleet.files."/etc/x".text + "a";
                   |                                  ^
          help: remove the dependency of the value on itself: use `config` in the values of options, not in `imports` or in conditions that decide which options are set"#]].assert_eq(&distilled_from_both(both!("recursion"), &[]));
}

#[test]
fn an_argument_that_no_module_gets_is_found_in_its_file() {
    let role = "# Not this foo.\n{ food, foo, ... }:\n{ }\n";
    expect![[r#"
        [NF-201] a module has the argument `foo`, which NixFleet does not pass to modules
          where: roles/db.nix:2:9, nixfleet.files."/etc/x".text, host db-1
          why: NixFleet passes the arguments config, host, hosts, inputs, lib, name, options and pkgs

                 2 | { food, foo, ... }:
                   |         ^
          help: remove `foo` from the arguments of the module; to use a value of the flake, take it from the argument `inputs`"#]]
    .assert_eq(&distilled_from_both(both!("argument"), &[("roles/db.nix", role)]));
}

#[test]
fn a_missing_file_has_the_line_that_names_it() {
    let files = [
        ("fleet.nix", "{\n  roles.db = ./roles/db.nix;\n}\n"),
        ("roles/db.nix", "{\n  nixfleet.files.\"/etc/x\".source = ./nope.txt;\n}\n"),
    ];
    expect![[r#"
        [NF-201] the file roles/nope.txt does not exist
          where: roles/db.nix:2:36, nixfleet.files."/etc/x".source, host db-1
          why: the flake refers to this file

                 2 |   nixfleet.files."/etc/x".source = ./nope.txt;
                   |                                    ^
          help: create the file, or correct its name"#]]
    .assert_eq(&distilled_from_both(both!("source"), &files));
}

#[test]
fn a_file_that_git_does_not_know_is_told_alike_by_both_versions() {
    let role = "{ ... }: { nixfleet.files.\"/etc/x\".source = ./new.txt; }\n";
    let files = [("roles/db.nix", role), ("roles/new.txt", "hi\n")];
    expect![[r#"
        [NF-201] Nix does not see the file roles/new.txt
          where: roles/db.nix:1:45, nixfleet.files."/etc/x".source, host db-1
          why: in a Git checkout, Nix sees only the files that Git tracks

                 1 | { ... }: { nixfleet.files."/etc/x".source = ./new.txt; }
                   |                                             ^
          help: add the file to Git: git add :/roles/new.txt"#]]
    .assert_eq(&distilled_from_both(both!("untracked"), &files));
}

#[test]
fn a_file_of_a_submodule_asks_for_the_submodules() {
    let role = "{ ... }: { nixfleet.files.\"/etc/x\".source = ../pages/page.txt; }\n";
    let modules = "[submodule \"pages\"]\n\tpath = pages\n";
    let files = [(".gitmodules", modules), ("pages/page.txt", "hi\n"), ("roles/db.nix", role)];
    expect![[r#"
        [NF-201] Nix does not see the file pages/page.txt
          where: roles/db.nix:1:45, nixfleet.files."/etc/x".source, host db-1
          why: the file belongs to the submodule pages, and Nix ignores submodules by default

                 1 | { ... }: { nixfleet.files."/etc/x".source = ../pages/page.txt; }
                   |                                             ^
          help: include submodules in the flake reference: --flake '/home/ada/fleet?submodules=1'; or, with Nix 2.27 or later, set `inputs.self.submodules = true;` in flake.nix"#]].assert_eq(&distilled_from_both(both!("submodule"), &files));
}

#[test]
fn files_of_a_flake_that_is_elsewhere_are_told_too() {
    let flake = Flake { reference: "git+file:///home/ada/fleet?ref=main".into(), tree: None, is_file: false };
    for nix_error in both!("commit") {
        let location = distil(nix_error, &flake).location.unwrap();
        assert_eq!(location, "roles/db.nix:3:34, nixfleet.files.\"/etc/x\".text, host db-1");
    }
}

/// Returns the problem that the user sees for an error of Nix 2.26.3 if a file of the flake has this content.
fn distilled(file: &str, content: &str, stderr: &str) -> String {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join(file), content).unwrap();
    let tree = Tree::new(root.path(), root.path(), true);
    let flake = Flake { reference: "/fleet".into(), tree: Some(tree), is_file: false };
    distil(stderr, &flake).to_string()
}

#[test]
fn the_users_own_line_is_shown() {
    let fleet = "{\n  schema = 1;\n  hosts = { a = { tags = (import ./roles.nix).web; }; };\n}\n";
    expect![[r#"
        [NF-201] Nix could not evaluate the fleet
          where: fleet.nix:3:26
          why: attribute 'web' missing
                 Did you mean db?

                 3 |   hosts = { a = { tags = (import ./roles.nix).web; }; };
                   |                          ^
          help: run the command again with -v to see the whole trace of Nix"#]]
    .assert_eq(&distilled("fleet.nix", fleet, include_str!("../../../tests/nix/eval-attribute.txt")));
    let fleet = "{\n  hosts.web-1.addr = adress;\n}\n";
    expect![[r#"
        [NF-201] Nix could not evaluate the fleet
          where: fleet.nix:2:22
          why: undefined variable 'adress'

                 2 |   hosts.web-1.addr = adress;
                   |                      ^
          help: run the command again with -v to see the whole trace of Nix"#]]
    .assert_eq(&distilled("fleet.nix", fleet, include_str!("../../../tests/nix/eval-undefined.txt")));
}

#[test]
fn a_file_that_is_broken_off_is_named() {
    let fleet = "{\n  hosts = {\n}\n\n";
    expect![[r#"
        [NF-201] Nix could not evaluate the fleet
          where: fleet.nix:4:1
          why: syntax error, unexpected end of file, expecting ';'

                 4 |
                   | ^
          help: run the command again with -v to see the whole trace of Nix"#]]
    .assert_eq(&distilled("fleet.nix", fleet, include_str!("../../../tests/nix/eval-syntax.txt")));
}

#[test]
fn a_list_of_problems_is_shown_whole() {
    let nix_error = include_str!("../../../tests/nix/eval-problems.txt");
    expect![[r#"
        [NF-201] Nix could not evaluate the fleet
          where: /fleet
          why: the fleet has 2 problems:

                 1. hosts.web-1.addr is missing
                      in fleet.nix
                      write: hosts.web-1.addr = "10.0.1.11";

                 2. hosts.web-2.roles names the unknown role "ngnix"
                      error: did you mean nginx?
          help: run the command again with -v to see the whole trace of Nix"#]]
    .assert_eq(&distilled("fleet.nix", "{ }", nix_error));
}

#[test]
fn the_mistakes_of_a_fleet_are_told_as_they_were_collected() {
    let nix_error = include_str!("../../../tests/nix/eval-mistakes.txt");
    expect![[r#"
        [NF-201] 3 mistakes in the fleet
          where: /fleet
          why: 1. hosts.web-2.addr must be a host name or an IP address, but is the number 5
                    where: hosts.web-2.addr, in fleet.nix:16
                    write: hosts.web-2.addr = "10.0.1.11";

                 2. the option hosts.web-2.rols does not exist
                    where: hosts.web-2.rols, in fleet.nix:16
                    why: hosts.web-2 can have addr, base, modules, roles, ssh, system, tags
                    write: hosts.web-2.roles = …;

                 3. the name in nixfleet.files."etc/motd" must be an absolute path in quotes, without "..", without a slash at the end, and outside /nix, /proc, /sys and /dev
                    where: nixfleet.files."etc/motd", in roles/web.nix:51
                    hosts: web-1, web-2
                    write: nixfleet.files."/etc/motd" = …;"#]]
    .assert_eq(&distilled("fleet.nix", "{ }", nix_error));
}

#[test]
fn a_file_that_git_does_not_know_is_explained() {
    let nix_error = include_str!("../../../tests/nix/eval-untracked.txt");
    expect![[r#"
        [NF-201] Nix does not see the file hosts.nix
          where: /fleet
          why: in a Git checkout, Nix sees only the files that Git tracks
          help: add the file to Git: git add :/hosts.nix"#]]
    .assert_eq(&distilled("hosts.nix", "{ }", nix_error));
}

#[test]
fn a_flake_without_a_fleet_is_told_apart() {
    let nix_error = include_str!("../../../tests/nix/eval-no-output.txt");
    expect![[r#"
        [NF-102] the flake has no `nixfleet` output
          where: /fleet
          why: flake 'git+file:///home/ada/fleet' does not provide attribute 'packages.x86_64-linux.nothing.fleet', 'legacyPackages.x86_64-linux.nothing.fleet' or 'nothing.fleet'
          help: create the outputs of the flake with nixfleet.lib.mkFleet { … }"#]]
    .assert_eq(&distilled("flake.nix", "{ }", nix_error));
}

#[test]
fn a_line_of_another_tree_is_not_taken_for_the_users() {
    let nix_error = include_str!("../../../tests/nix/eval-undefined.txt");
    expect![[r#"
        [NF-201] Nix could not evaluate the fleet
          where: /fleet
          why: undefined variable 'adress'
          help: run the command again with -v to see the whole trace of Nix"#]]
    .assert_eq(&distilled("fleet.nix", "{\n  another = line;\n}\n", nix_error));
}

#[test]
fn what_is_secret_in_a_reference_is_not_told() {
    let flake = Flake { reference: "git+https://hunter2@host/fleet".into(), tree: None, is_file: false };
    for nix_error in ["does not provide attribute 'nixfleet.fleet'", "cannot be fetched"] {
        let stderr = format!("error: flake 'git+https://hunter2@host/fleet?ref=main' {nix_error}\n");
        let told = distil(&stderr, &flake).to_string();
        assert!(told.contains("git+https://…@host/fleet") && !told.contains("hunter2"), "{told}");
    }
}

/// Code of the flake can put any path into the trace, so a file outside of the flake is never quoted.
#[test]
fn no_line_is_quoted_of_a_file_outside_of_the_flake() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().canonicalize().unwrap();
    let fleet = path.join("fleet");
    std::fs::create_dir(&fleet).unwrap();
    std::fs::write(path.join("netrc"), "password hunter2\n").unwrap();
    std::os::unix::fs::symlink("../netrc", fleet.join("link.nix")).unwrap();
    std::fs::write(fleet.join("own.nix"), "{ password, ... }: { }\n").unwrap();
    let flake = Flake {
        reference: fleet.display().to_string(),
        tree: Some(Tree::new(&fleet, &fleet, false)),
        is_file: false,
    };
    let told = |file: &str| {
        let stderr = format!(
            "error:\n       … while evaluating the module argument `password' in \"/nix/store/x-source/{file}\":\n\n       \
             error: attribute 'password' missing\n"
        );
        distil(&stderr, &flake).to_string()
    };
    assert!(told("own.nix").contains("1 | { password, ... }"));
    for outside in ["../netrc", "link.nix", "own.nix/../../netrc"] {
        assert!(!told(outside).contains("hunter2"), "{}", told(outside));
    }
}
