use expect_test::expect;

use super::*;

/// What a user is told, where a file of their flake has this content and Nix 2.26.3 says this.
fn distilled(file: &str, content: &str, stderr: &str) -> String {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join(file), content).unwrap();
    let flake = Flake { reference: "/fleet".into(), directory: Some(root.path().to_owned()) };
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
          help: see the whole trace of Nix with -v"#]]
    .assert_eq(&distilled("fleet.nix", fleet, include_str!("../../tests/nix/eval-attribute.txt")));
    let fleet = "{\n  hosts.web-1.addr = adress;\n}\n";
    expect![[r#"
        [NF-201] Nix could not evaluate the fleet
          where: fleet.nix:2:22
          why: undefined variable 'adress'

                 2 |   hosts.web-1.addr = adress;
                   |                      ^
          help: see the whole trace of Nix with -v"#]]
    .assert_eq(&distilled("fleet.nix", fleet, include_str!("../../tests/nix/eval-undefined.txt")));
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
          help: see the whole trace of Nix with -v"#]]
    .assert_eq(&distilled("fleet.nix", fleet, include_str!("../../tests/nix/eval-syntax.txt")));
}

#[test]
fn a_list_of_problems_is_shown_whole() {
    let said = include_str!("../../tests/nix/eval-problems.txt");
    expect![[r#"
        [NF-201] Nix could not evaluate the fleet
          where: /fleet
          why: the fleet has 2 problems:

                 1. hosts.web-1.addr is missing
                      in fleet.nix
                      write: hosts.web-1.addr = "10.0.1.11";

                 2. hosts.web-2.roles names the unknown role "ngnix"
                      error: did you mean nginx?
          help: see the whole trace of Nix with -v"#]]
    .assert_eq(&distilled("fleet.nix", "{ }", said));
}

#[test]
fn the_mistakes_of_a_fleet_are_told_as_they_were_collected() {
    let said = include_str!("../../tests/nix/eval-mistakes.txt");
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
    .assert_eq(&distilled("fleet.nix", "{ }", said));
}

#[test]
fn a_file_that_git_does_not_know_is_explained() {
    let said = include_str!("../../tests/nix/eval-untracked.txt");
    expect![[r#"
        [NF-201] Nix does not see a file of the flake
          where: hosts.nix
          why: path '/nix/store/mp7myiw0f871762nz5qfdi72b70midsn-source/hosts.nix' does not exist
                 in a Git checkout Nix sees only the files that Git knows
          help: git add :/hosts.nix"#]]
    .assert_eq(&distilled("hosts.nix", "{ }", said));
}

#[test]
fn a_flake_without_a_fleet_is_told_apart() {
    let said = include_str!("../../tests/nix/eval-no-output.txt");
    expect![[r#"
        [NF-102] the flake has no `nixfleet` output
          where: /fleet
          why: flake 'git+file:///home/ada/fleet' does not provide attribute 'packages.x86_64-linux.nothing.fleet', 'legacyPackages.x86_64-linux.nothing.fleet' or 'nothing.fleet'
          help: let its outputs come from nixfleet.lib.mkFleet { … }"#]].assert_eq(&distilled("flake.nix", "{ }", said));
}

#[test]
fn a_line_of_another_tree_is_not_taken_for_the_users() {
    let said = include_str!("../../tests/nix/eval-undefined.txt");
    expect![[r#"
        [NF-201] Nix could not evaluate the fleet
          where: /fleet
          why: undefined variable 'adress'
          help: see the whole trace of Nix with -v"#]]
    .assert_eq(&distilled("fleet.nix", "{\n  another = line;\n}\n", said));
}

#[test]
fn what_is_secret_in_a_reference_is_not_told() {
    let flake = Flake { reference: "git+https://hunter2@host/fleet".into(), directory: None };
    for said in ["does not provide attribute 'nixfleet.fleet'", "cannot be fetched"] {
        let stderr = format!("error: flake 'git+https://hunter2@host/fleet?ref=main' {said}\n");
        let told = distil(&stderr, &flake).to_string();
        assert!(told.contains("git+https://…@host/fleet") && !told.contains("hunter2"), "{told}");
    }
}
