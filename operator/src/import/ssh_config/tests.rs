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
        [("web-1", None), ("db-1", Some(2222)), ("db-9", None)],
        "for the address db-1.lan, ssh would use db-1.lan.lan"
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
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let place = home.path().join(".ssh").join(name);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, text).unwrap();
    };
    write("config", "Include conf.d/*.conf\nInclude none\nHost web-1\n  Include web\nHost db-1\n");
    write("conf.d/a.conf", "Host a\n  User first\n");
    write("conf.d/b.conf", "Host a b\n  User second\n");
    write("conf.d/c.txt", "Host c\n");
    write("web", "Port 2222\n");
    let import = |name: &str| import_from(&home.path().join(name), Some(home.path().to_owned()));
    let draft = import(".ssh/config").unwrap();
    let names: Vec<&str> = draft.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "db-1", "web-1"]);
    assert_eq!(
        [host(&draft, "a"), host(&draft, "b")].map(|host| host.user.as_deref()),
        [Some("first"), Some("second")]
    );
    assert_eq!([host(&draft, "web-1").port, host(&draft, "db-1").port], [Some(2222), None]);
    write("config", "Host a\nInclude config\n");
    let problem = import(".ssh/config").unwrap_err();
    assert!(problem.to_string().contains("include each other"), "{problem}");

    // As in ssh, a relative path refers to ~/.ssh even if the file that includes it is in another directory.
    write("../other/config", "Include conf.d/* more\nInclude none\n");
    write("../other/more", "Host more\n");
    let draft = import("other/config").unwrap();
    assert_eq!(draft.hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(
        notes(&draft)[0],
        "Include more (ssh does not search beside this file, but in ~/.ssh: its hosts are missing here)"
    );
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
    assert_eq!(notes(&draft), ["Match exec (its HostName, User and Port are not imported)"]);
}

#[test]
fn the_first_proxy_and_all_keys_are_part_of_the_way() {
    let text = "Host a\n  HostName 10.0.0.1\n  ProxyCommand x\nHost b\n  HostName 10.0.0.2\n  IdentityFile own\n\
                Host c\n  HostName 10.0.0.3\nHost 10.0.0.1\n  ProxyJump gate\nHost *\n  IdentityFile key\n  \
                ProxyCommand x\n";
    let draft = parse(text, "config").unwrap();
    assert_eq!(["a", "b", "c"].map(|name| host(&draft, name).addr.as_str()), ["a", "b", "10.0.0.3"]);
    assert!(host(&draft, "b").notes[0].text.contains("IdentityFile own, IdentityFile key"), "{draft:?}");
}

#[test]
fn an_address_that_ssh_would_reach_in_another_way_is_not_used() {
    for more in [
        // ssh looks for no further HostName, but NixFleet would give it the address as a name.
        "Host 10.0.0.1\n  HostName 10.0.0.9\n",
        // NixFleet does not pass port 22 to ssh.
        "  Port 22\nHost *\n  Port 2222\n",
        "Match originalhost web exec \"true\"\n  User ada\n",
        "Match exec \"test %n = web\"\n  User ada\n",
        "  Tag inner\nMatch tagged inner\n  ProxyJump gate\n",
        "Host *\n  ProxyCommand tunnel %n\n",
    ] {
        let draft = parse(&format!("Host web\n  HostName 10.0.0.1\n{more}"), "config").unwrap();
        assert_eq!(host(&draft, "web").addr, "web", "{more}");
    }
    for more in ["  Port 22\n", "Host *\n  ProxyCommand tunnel %h\n", "Match exec \"true\"\n  User ada\n"] {
        let draft = parse(&format!("Host web\n  HostName 10.0.0.1\n{more}"), "config").unwrap();
        assert_eq!(host(&draft, "web").addr, "10.0.0.1", "{more}");
    }
}

#[test]
fn machines_behind_different_jump_hosts_are_not_names_of_one() {
    let text = "Host a\n  ProxyJump one\nHost b\n  ProxyJump two\nHost c d\n  ProxyCommand tunnel %n\n\
                Host a2\n  PROXYJUMP one\n  IdentityFile key\nHost *\n  HostName 10.0.0.1\n";
    let draft = parse(text, "config").unwrap();
    let addrs: Vec<&str> = draft.hosts.iter().map(|host| host.addr.as_str()).collect();
    assert_eq!(addrs, ["a", "b", "c", "d"]);
    assert_eq!(draft.left_out[0].reason, "it is another name of a");
}

#[test]
fn commands_and_secrets_are_not_copied() {
    let text = "Match host a exec \"check s3cr3t-1\"\n  User ada\nHost a\n  HostName 10.0.0.1\n  \
                ProxyCommand sshpass -p s3cr3t-2 ssh -W %h:%p gate\nHost b\n  HostName 10.0.0.2\n  \
                ProxyCommand nc -X 5 -P s3cr3t-3 %h %p\n  KnownHostsCommand keys s3cr3t-4\n  \
                LocalCommand x s3cr3t-5\n  RemoteCommand x s3cr3t-6\nHost c\n  HostName 10.0.0.3\n  \
                ProxyCommand ssh -W %h:%p ada@gate\n  PKCS11Provider token=s3cr3t-7\n";
    let draft = parse(text, "config").unwrap();
    let page = render(&draft);
    let json = serde_json::to_string(&draft).unwrap();
    assert!(!page.contains("s3cr3t") && !json.contains("s3cr3t"), "{page}\n{json}");
    let told = |name: &str| host(&draft, name).notes[0].text.clone();
    assert_eq!(notes(&draft)[0], "Match host a exec (its HostName, User and Port are not imported)");
    assert!(told("b").ends_with("(HostName 10.0.0.2, KnownHostsCommand, ProxyCommand)"), "{}", told("b"));
    assert!(told("c").contains("PKCS11Provider, ProxyCommand ssh -W %h:%p ada@gate"), "{}", told("c"));
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
