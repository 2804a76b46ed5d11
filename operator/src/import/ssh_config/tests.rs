use std::fs;

use proptest::prelude::*;

use super::*;
use crate::import::{DraftHost, render};

fn host<'d>(draft: &'d Draft, name: &str) -> &'d DraftHost {
    draft.hosts.iter().find(|host| host.name == name).unwrap()
}

fn notes(draft: &Draft) -> Vec<String> {
    draft.all_notes().map(|note| note.text.clone()).collect()
}

#[test]
fn the_first_value_applies_and_patterns_give_defaults() {
    let text = "Host web-1\n  HostName 10.0.0.1\n  User ada\nHost db-* !db-9\n  Port 2222\nHost db-1 db-9\n\
                Host *\n  User deploy\n  HostName %h.lan\n  Port 22\n";
    let draft = parse(text, "config").unwrap();
    let of = |name: &str| (host(&draft, name).addr.as_str(), host(&draft, name).port);
    assert_eq!(
        [of("web-1"), of("db-1"), of("db-9")],
        [("10.0.0.1", None), ("db-1.lan", Some(2222)), ("db-9.lan", None)]
    );
    assert_eq!(host(&draft, "web-1").user.as_deref(), Some("ada"));
    assert_eq!(draft.defaults.user.as_deref(), Some("deploy"));
    assert_eq!(draft.hosts.len(), 3);
}

#[test]
fn a_host_that_only_ssh_can_reach_keeps_its_name_as_address() {
    let text = "Host inner\n  HostName 10.8.0.1\n  ProxyJump gate\n  ForwardAgent yes\n\
                Host plain\n  HostName 10.0.0.2\n  ForwardAgent yes\nHost *\n  IdentityFile ~/.ssh/key\n  User ada\n";
    let draft = parse(text, "config").unwrap();
    assert_eq!(host(&draft, "inner").addr, "inner");
    assert_eq!(host(&draft, "plain").addr, "10.0.0.2");
    assert_eq!(
        notes(&draft),
        [
            "addr is the name of the Host entry, so that ssh applies its settings (HostName 10.8.0.1, IdentityFile \
          ~/.ssh/key, ProxyJump gate)"
        ]
    );
}

#[test]
fn other_names_of_a_host_and_git_servers_are_left_out() {
    let text = "Host web-1 web\n  HostName 10.0.0.1\nHost github.com\n  User git\nHost same\n  HostName 10.0.0.1\n  Port 23\n";
    let draft = parse(text, "config").unwrap();
    let names: Vec<&str> = draft.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["same", "web-1"]);
    let left: Vec<String> =
        draft.left_out.iter().map(|host| format!("{}: {}", host.original, host.reason)).collect();
    assert_eq!(left, ["web: it is another name of web-1", "github.com: it is a Git server"]);
}

#[test]
fn included_files_are_read_under_the_conditions_of_their_line() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let place = directory.path().join(name);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, text).unwrap();
    };
    write("config", "Include conf.d/*.conf\nInclude none\nHost web-1\n  Include web\nHost db-1\n");
    write("conf.d/a.conf", "Host a\n  User first\n");
    write("conf.d/b.conf", "Host a b\n  User second\n");
    write("conf.d/c.txt", "Host c\n");
    write("web", "Port 2222\n");
    let draft = import(Some(&directory.path().join("config"))).unwrap();
    let names: Vec<&str> = draft.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "db-1", "web-1"]);
    assert_eq!(
        [host(&draft, "a"), host(&draft, "b")].map(|host| host.user.as_deref()),
        [Some("first"), Some("second")]
    );
    assert_eq!([host(&draft, "web-1").port, host(&draft, "db-1").port], [Some(2222), None]);
    write("config", "Host a\nInclude config\n");
    let problem = import(Some(&directory.path().join("config"))).unwrap_err();
    assert!(problem.to_string().contains("include each other"), "{problem}");
}

#[test]
fn match_is_understood_or_told() {
    let text = "Host a b\nMatch originalhost a\n  User ada\nMatch host b,c\n  User bob\nMatch all\n  Port 2222\n\
                Match exec \"true\"\n  User eve\n";
    let draft = parse(text, "config").unwrap();
    assert_eq!(
        draft.hosts.iter().map(|host| host.user.as_deref()).collect::<Vec<_>>(),
        [Some("ada"), Some("bob")]
    );
    assert_eq!(draft.defaults.port, Some(2222));
    assert_eq!(notes(&draft), ["Match exec true (its HostName, User and Port are not imported)"]);
}

#[test]
fn wrong_values_are_told_and_wrong_lines_refused() {
    let draft = parse("Host a\n  Port x\n  HostName %k\nHost b\n  User 1\n", "config").unwrap();
    assert_eq!(host(&draft, "a").addr, "a");
    assert_eq!(
        notes(&draft).iter().filter(|text| text.contains("not understood")).count(),
        3,
        "{:?}",
        notes(&draft)
    );
    for text in ["Host a\n[web]\n", "Host a\n  User\n", "Host a\n  User \"x\n"] {
        assert!(parse(text, "config").unwrap_err().to_string().contains("where: config:2"), "{text}");
    }
    assert!(parse("Host *\n  User a\n", "config").unwrap_err().to_string().contains("no host to import"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_makes_the_importer_panic(text in ".{0,200}", words in prop::collection::vec(word(), 0..40)) {
        for text in [text, words.concat()] {
            if let Ok(draft) = parse(&text, "config") {
                prop_assert!(render(&draft).starts_with("# The hosts of"));
            }
        }
    }
}

/// Generates a piece of the text of an SSH configuration.
fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "\n",
        "\n",
        "\n",
        "Host ",
        "web-1 ",
        "* ",
        "!db ",
        "?",
        "HostName ",
        "10.0.0.1",
        "%h",
        "User ",
        "ada",
        "Port ",
        "22",
        "Match ",
        "host ",
        "all",
        "exec ",
        "\"",
        "'",
        "\\",
        "#",
        "=",
        "Include ",
        "ProxyJump ",
        "gate",
        "é",
        ",",
    ])
}
