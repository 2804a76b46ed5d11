use std::fs;

use proptest::prelude::*;

use super::*;
use crate::import::{DraftHost, render};

/// Writes the files into a new directory, and imports the inventory at `path` in this directory.
fn import_of(files: &[(&str, &str)], path: &str) -> Result<Draft, Problem> {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let place = directory.path().join(name);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, text).unwrap();
    }
    import(&directory.path().join(path))
}

fn host<'d>(draft: &'d Draft, name: &str) -> &'d DraftHost {
    draft.hosts.iter().find(|host| host.name == name).unwrap()
}

fn texts(notes: &[Note]) -> Vec<&str> {
    notes.iter().map(|note| note.text.as_str()).collect()
}

#[test]
fn a_variable_of_a_child_takes_precedence_over_its_parents_and_a_host_over_all() {
    let inventory = "[all:vars]\nansible_user=all\n[top:children]\nbelow\n[top:vars]\nansible_user=top\n\
                     [below]\na\nb ansible_user=host\n[below:vars]\nansible_user=below\n[top]\nc\n[other]\nd\ne\n";
    let draft = parse_ini(inventory, "hosts").unwrap();
    let users = ["a", "b", "c", "d"].map(|name| host(&draft, name).user.as_deref());
    assert_eq!(users, [Some("below"), Some("host"), Some("top"), None]);
    assert_eq!(draft.defaults.user.as_deref(), Some("all"));
}

#[test]
fn later_names_and_priorities_decide_between_groups_of_the_same_depth() {
    let groups = "[a]\nx\n[a:vars]\nansible_port=1\n[b]\nx\n[b:vars]\nansible_port=2\n";
    assert_eq!(parse_ini(groups, "hosts").unwrap().hosts[0].port, Some(2));
    let groups = format!("{groups}[a:vars]\nansible_group_priority=10\n");
    assert_eq!(parse_ini(&groups, "hosts").unwrap().hosts[0].port, Some(1));
}

#[test]
fn files_of_variables_take_precedence_over_the_inventory() {
    let inventory = "web ansible_port=3\ndb ansible_port=3\n[a]\nweb\ndb\n[a:vars]\nansible_user=inline\n";
    let draft = import_of(
        &[
            ("hosts", inventory),
            (
                "group_vars/all.yml",
                "ansible_user: from-all\nansible_host: \"{{ inventory_hostname }}.lan\"\n",
            ),
            ("group_vars/a/10.yml", "ansible_user: from-a\nntp: x\n"),
            ("group_vars/b.yml", "x: 1\n"),
            ("host_vars/web.yaml", "---\nansible_port: 4\n"),
            ("host_vars/db/vault.yml", "$ANSIBLE_VAULT;1.1;AES256\n123\n"),
        ],
        "hosts",
    )
    .unwrap();
    let of = |name: &str| (host(&draft, name).addr.as_str(), host(&draft, name).port);
    assert_eq!((of("web"), of("db")), (("web.lan", Some(4)), ("db.lan", Some(3))));
    assert_eq!(draft.defaults.user.as_deref(), Some("from-a"));
    assert!(texts(&draft.notes).contains(&"group_vars of no group of the inventory, not read: b"));
    assert!(texts(&draft.notes).contains(&"host_vars/db/vault.yml (encrypted with Ansible Vault, not read)"));
    assert_eq!(texts(&draft.tags[0].notes), ["ntp = x (variable, not imported)"]);
}

/// Tried with Ansible 2.19.
#[test]
fn a_directory_of_variables_hides_a_file_of_the_same_name() {
    let draft = import_of(
        &[
            ("hosts", "a\nb.example.org\n"),
            ("group_vars/all.yml", "ansible_port: 1\n"),
            ("group_vars/all/x.yml", "ansible_user: dir\n"),
            ("group_vars/all/y.conf", "ansible_user: conf\n"),
            ("host_vars/b.example.org", "ansible_port: 2\n"),
            ("host_vars/b.example.org.yml", "ansible_port: 3\n"),
            ("host_vars/a.yaml", "ansible_port: 4\n"),
            ("host_vars/a.yml", "ansible_port: 5\n"),
        ],
        "hosts",
    )
    .unwrap();
    assert_eq!((host(&draft, "a").port, host(&draft, "b").port), (Some(5), Some(2)));
    assert_eq!(draft.defaults.user.as_deref(), Some("dir"));
    let hidden = texts(&draft.notes).into_iter().filter(|text| text.contains("hidden by")).count();
    assert_eq!(hidden, 3, "{:?}", draft.notes);
}

#[test]
fn a_directory_is_one_inventory() {
    let draft = import_of(
        &[
            ("inventory/01-hosts.ini", "[web]\nweb-1\n[all:children]\nprod\n"),
            ("inventory/02-groups.yaml", "prod:\n  children:\n    web:\n"),
            ("inventory/cloud.yml", "plugin: amazon.aws.aws_ec2\n"),
            ("inventory/README.md", "# not an inventory\n"),
            ("inventory/script.py", "#!/usr/bin/python3\n"),
            ("inventory/group_vars/prod.yml", "ansible_user: ada\n"),
        ],
        "inventory",
    )
    .unwrap();
    assert_eq!(host(&draft, "web-1").user.as_deref(), Some("ada"));
    assert_eq!(host(&draft, "web-1").tags.iter().collect::<Vec<_>>(), ["prod", "web"]);
    let dynamic =
        texts(&draft.notes).into_iter().filter(|text| text.contains("ansible-inventory -i")).count();
    assert_eq!(dynamic, 2);
}

#[test]
fn yaml_inventories_are_read_as_ini_ones() {
    let text = "
all:
  vars: &shared
    ansible_user: deploy
  hosts:
    mail.example.org:
  children:
    web:
      hosts:
        web-[1:2]:
          ansible_port: 2222
      vars:
        <<: *shared
        secret_key: !vault |
          $ANSIBLE_VAULT;1.1;AES256
          6162
        list: [1, 2]
      extra: 1
";
    let draft = parse_yaml(text, "hosts.yml").unwrap();
    let names: Vec<&str> = draft.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["mail", "web-1", "web-2"]);
    assert_eq!((draft.defaults.user.as_deref(), draft.defaults.port), (Some("deploy"), Some(2222)));
    assert_eq!(
        texts(&draft.tags[0].notes),
        ["list (a list of 2, not imported)", "secret_key (encrypted with Ansible Vault, not copied)"]
    );
    assert!(
        texts(&draft.notes).contains(&"group web: extra (only hosts, children and vars belong to a group)")
    );
}

#[test]
fn a_host_may_be_an_ipv6_address_with_a_port() {
    let draft = parse_ini("[web]\n[fd00::1]:2200 x=1\n[fd00::2]\n", "hosts").unwrap();
    let addrs: Vec<_> = draft.hosts.iter().map(|host| (host.addr.as_str(), host.port)).collect();
    assert_eq!(addrs, [("fd00::1", Some(2200)), ("fd00::2", None)]);
}

#[test]
fn quotes_inside_of_a_value_may_be_escaped() {
    let arguments = r#"ansible_ssh_common_args="-o ProxyCommand=\"ssh -W %h:%p -q jump@gate\"""#;
    for text in [format!("a {arguments}\n"), format!("[g]\na\n[g:vars]\n{arguments} # by the gate\n")] {
        let draft = parse_ini(&text, "hosts").unwrap();
        let settings: Vec<_> = draft.ssh_config[0].settings.iter().map(|one| one.value.as_str()).collect();
        assert_eq!(settings, ["jump@gate"], "{text}");
    }
    let draft = parse_ini("a ansible_user=\"'ada'\"\n", "hosts").unwrap();
    assert_eq!(draft.hosts[0].user.as_deref().or(draft.defaults.user.as_deref()), Some("ada"));
}

#[test]
fn wrong_yaml_is_refused_with_its_line() {
    for (text, saying) in [
        ("- hosts: all\n", "a playbook is a list"),
        ("all:\n  hosts:\n    - web\n", "must be a set, but it is a list"),
        ("all:\n  hosts:\n   a:\n  b: [\n", "not valid YAML"),
        ("plugin: aws_ec2\n", "ansible-inventory -i INVENTORY --list --yaml"),
        ("all:\n  hosts:\n    web[3:1]:\n", "ends before it begins"),
        ("a: 1\n---\nb: 2\n", "several YAML documents"),
        ("a:\n  children:\n    b:\n      children:\n        a:\n", "also contains"),
        ("x\n", "not a set of groups"),
        ("", "no host to import"),
    ] {
        let problem = parse_yaml(text, "hosts.yml").unwrap_err().to_string();
        assert!(problem.contains("where: hosts.yml") && problem.contains(saying), "{text:?}:\n{problem}");
    }
    let deep = "[".repeat(100_000);
    assert!(parse_yaml(&deep, "hosts.yml").is_err());
    let alias = |n: usize| format!("k{n}: &a{n} [*a{}]\n", n - 1);
    let aliases = (1..500).map(alias).collect::<Vec<_>>().concat();
    let problem = parse_yaml(&format!("k0: &a0 [x]\n{aliases}"), "hosts.yml").unwrap_err();
    assert!(problem.to_string().contains("levels deep"), "{problem}");
}

#[test]
fn files_that_are_no_text_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("hosts");
    assert!(import(&place).unwrap_err().to_string().contains("cannot be read"));
    fs::write(&place, b"web-1\n\xff\n").unwrap();
    assert!(import(&place).unwrap_err().location.unwrap().ends_with("hosts:2"));
    for (text, saying) in [("#!/bin/sh\n", "is a program"), ("$ANSIBLE_VAULT;1.1\n", "encrypted")] {
        fs::write(&place, text).unwrap();
        assert!(import(&place).unwrap_err().to_string().contains(saying));
    }
}

#[test]
fn secrets_never_reach_the_page() {
    let text = "a ansible_password=s3cr3t-1 db_password=s3cr3t-2 url=https://ada:s3cr3t-3@example.org\n\
                [all:vars]\napi_token=s3cr3t-4\nansible_ssh_common_args=-o ProxyCommand=\"sshpass -p s3cr3t-5 ssh x\"\n\
                blob=s3cr3tABCDEF123456789\nansible_ssh_private_key_passphrase=s3cr3t-7\nrun='x -p s3cr3t-8'\n\
                ansible_ssh_extra_args=-o SetEnv=TOKEN=s3cr3t-9 ncat --proxy-auth ada:s3cr3t-10 s3cr3t-11\n\
                ansible_ssh_args=-o 'ProxyCommand connect -H ada:s3cr3t-12@proxy %h'\nansible_become_pass={{ vault }}\nvault_x=s3cr3t-6\n";
    let draft = parse_ini(text, "hosts").unwrap();
    let page = render(&draft);
    assert!(!page.contains("s3cr3t"), "{page}");
    let json = serde_json::to_string(&draft).unwrap();
    assert!(!json.contains("s3cr3t"), "{json}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_makes_the_importer_panic(text in ".{0,200}", words in prop::collection::vec(word(), 0..40)) {
        for text in [text, words.concat()] {
            for draft in [parse_ini(&text, "hosts"), parse_yaml(&text, "hosts.yml")].into_iter().flatten() {
                let page = render(&draft);
                prop_assert!(page.starts_with("# The hosts of"));
            }
        }
    }
}

/// Generates a piece of the text of an Ansible inventory.
fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "\n",
        "\n",
        "\n",
        "[",
        "]",
        "web",
        "[web]",
        "[web:vars]",
        "[db:children]",
        ":vars",
        "[1:3]",
        "[a:c:2]",
        " ansible_host=",
        "10.0.0.1",
        "=",
        "ansible_port=",
        "22",
        " ",
        "#",
        "'",
        "\"",
        "\\",
        "{{ x }}",
        "é",
        "ansible_ssh_common_args='-J a'",
        "all:\n",
        "  hosts:\n",
        "  children:\n",
        "    a:\n",
        ": ",
        "&a ",
        "*a",
        "<<: ",
        "!vault ",
        "- ",
        "{",
        "}",
        "all",
        "ubuntu",
        "-o",
        "ProxyCommand=ssh -W %h:%p b",
    ])
}
