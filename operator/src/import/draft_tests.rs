use super::*;

fn host(name: &str, addr: &str) -> FoundHost {
    FoundHost { addr: Some(addr.to_owned()), ..FoundHost::named(name) }
}

fn draft(hosts: Vec<FoundHost>) -> Draft {
    Draft::of(FoundInventory { hosts, ..FoundInventory::new(Tool::Ansible, "hosts") }).unwrap()
}

fn names(draft: &Draft) -> Vec<&str> {
    draft.hosts.iter().map(|host| host.name.as_str()).collect()
}

#[test]
fn hosts_are_in_natural_order() {
    let draft = draft(vec![host("web-10", "a"), host("web-2", "b"), host("db-1", "c")]);
    assert_eq!(names(&draft), ["db-1", "web-2", "web-10"]);
}

#[test]
fn no_two_hosts_have_the_same_address_and_port() {
    let at = |name: &str, port| FoundHost { port, ..host(name, "10.0.0.1") };
    let draft = draft(vec![at("a", None), at("b", Some(2222)), at("c", Some(22))]);
    assert_eq!(names(&draft), ["a", "b"]);
    assert_eq!(draft.left_out[0].original, "c");
    assert_eq!(draft.left_out[0].reason, "it has the same address as a: 10.0.0.1");
}

#[test]
fn what_all_hosts_have_in_common_is_a_default() {
    let groups = |words: &str| words.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
    let with = |name: &str, user: &str, port, tags: &str| FoundHost {
        user: Some(user.to_owned()),
        port: Some(port),
        groups: groups(tags),
        ..host(name, name)
    };
    let mut found = FoundInventory::new(Tool::Ansible, "hosts");
    found.groups = ["prod", "web", "db"].map(|name| (name.to_owned(), Vec::new())).into();
    found.hosts = vec![
        with("a", "ada", 2222, "prod web"),
        with("b", "ada", 2222, "prod web"),
        with("c", "root", 22, "prod db"),
    ];
    let draft = Draft::of(found).unwrap();
    assert_eq!(draft.defaults.user.as_deref(), Some("ada"));
    assert_eq!(draft.defaults.port, Some(2222));
    assert_eq!(draft.defaults.tags, groups("prod"));
    let rest: Vec<_> =
        draft.hosts.iter().map(|host| (host.user.as_deref(), host.port, host.tags.len())).collect();
    assert_eq!(rest, [(None, None, 1), (None, None, 1), (Some("root"), Some(22), 1)]);
}

#[test]
fn a_group_without_an_imported_host_becomes_no_tag() {
    let of = |groups: &[&str], host: FoundHost| FoundHost {
        groups: groups.iter().map(ToString::to_string).collect(),
        user: Some("root".to_owned()),
        ..host
    };
    let refused = FoundHost { refused: Some("WinRM".to_owned()), ..FoundHost::named("win") };
    let mut found = FoundInventory::new(Tool::Ansible, "hosts");
    found.groups = ["office", "win_hosts"].map(|name| (name.to_owned(), Vec::new())).into();
    found.groups.insert("win hosts".to_owned(), vec![Note::new(NoteKind::Variable, "x = 1")]);
    found.hosts = vec![of(&["office"], host("a", "a")), of(&["office", "win hosts", "win_hosts"], refused)];
    let draft = Draft::of(found).unwrap();
    assert_eq!(draft.tags.iter().map(|tag| tag.tag.as_str()).collect::<Vec<_>>(), ["office"]);
    let notes: Vec<&str> = draft.notes.iter().map(|note| note.text.as_str()).collect();
    let groups = "groups without imported hosts, not imported: win hosts, win_hosts";
    assert_eq!(notes, [groups, "group win hosts: x = 1"]);
}

#[test]
fn a_user_that_not_every_host_sets_is_no_default() {
    let with =
        |name: &str, user: Option<&str>| FoundHost { user: user.map(str::to_owned), ..host(name, name) };
    let draft = draft(vec![with("a", Some("ada")), with("b", Some("ada")), with("c", None)]);
    assert_eq!(draft.defaults.user, None);
    assert!(draft.notes[0].text.starts_with("c sets no SSH user"), "{:?}", draft.notes);
}

#[test]
fn a_wrong_value_is_left_out_and_told() {
    let wrong = FoundHost {
        user: Some("-oProxyCommand=id".to_owned()),
        system: Some("x86_64-darwin".to_owned()),
        ..host("a", "-oProxyCommand=id")
    };
    let told = &draft(vec![wrong, host("b", "b")]).hosts[0];
    assert_eq!((told.addr.as_str(), told.user.as_deref(), told.system.as_deref()), ("a", None, None));
    assert_eq!(told.notes.len(), 3);
    let empty = Draft::of(FoundInventory {
        hosts: vec![host("-a", "$(id)")],
        ..FoundInventory::new(Tool::Ansible, "hosts")
    });
    assert!(empty.unwrap_err().to_string().contains("its address was not understood: $(id)"));
}

#[test]
fn notes_of_all_hosts_are_told_once() {
    let with = |name: &str, texts: &[(NoteKind, &str)]| FoundHost {
        user: Some("root".to_owned()),
        notes: texts.iter().map(|(kind, text)| Note::new(*kind, text)).collect(),
        ..host(name, name)
    };
    let (check, needless) = (NoteKind::Check, NoteKind::Needless);
    let draft = draft(vec![
        with("a", &[(check, "x"), (needless, "python")]),
        with("b", &[(check, "x"), (needless, "python")]),
        with("c", &[(check, "x"), (check, "y")]),
    ]);
    let notes: Vec<&str> = draft.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(notes, ["all hosts: x", "2 hosts: python"]);
    assert_eq!(draft.hosts[2].notes.len(), 1);
}
