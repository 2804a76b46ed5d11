use crate::import::ansible::{parse_ini, parse_yaml};
use crate::import::{Draft, DraftHost, render};

fn host<'d>(draft: &'d Draft, name: &str) -> &'d DraftHost {
    draft.hosts.iter().find(|host| host.name == name).unwrap()
}

#[test]
fn the_way_to_a_host_is_imported_or_told() {
    let text = "a ansible_host=10.0.0.1 ansible_ssh_common_args='-J ada@gate' ansible_become_method=su\n\
                b ansible_host='{{ lookup(\"x\") }}' ansible_port=x ansible_become_pass=hunter2 ansible_become=no\n\
                c ansible_ssh_host=c.lan ansible_host=old ansible_ssh_private_key_file=~/.ssh/key\n";
    let draft = parse_ini(text, "hosts").unwrap();
    assert_eq!(["a", "b", "c"].map(|name| host(&draft, name).addr.as_str()), ["10.0.0.1", "b", "c.lan"]);
    let blocks: Vec<String> = draft
        .ssh_config
        .iter()
        .map(|block| format!("{} {}", block.addrs.join(" "), block.settings[0].value))
        .collect();
    assert_eq!(blocks, ["c.lan ~/.ssh/key", "10.0.0.1 ada@gate"]);
    expect_test::expect![[r#"
        a: ansible_become_method = su (NixFleet becomes root with sudo -n only)
        b: ansible_host was not understood (a template)
        b: the port x was not understood: set ssh.port
        b: ansible_become = false (NixFleet always becomes root, with sudo -n)
        b: ansible_become_pass (secret, not copied: NixFleet needs a key, and sudo without a password)
    "#]]
    .assert_eq(
        &draft
            .hosts
            .iter()
            .flat_map(|h| h.notes.iter().map(|n| format!("{}: {}\n", h.name, n.text)))
            .collect::<String>(),
    );
}

#[test]
fn ssh_takes_the_first_value_in_the_order_of_ansible() {
    let text = "a ansible_host=10.0.0.1 ansible_user=var ansible_port=22 ansible_private_key_file='/a b/key' \
                ansible_ssh_args='-o User=first -i k1' ansible_ssh_common_args='-p 23 -i k2 -J gate' \
                ansible_ssh_extra_args='-p 24 -J other -o HostName=%h.lan'\n";
    let draft = parse_ini(text, "hosts").unwrap();
    let host = &draft.hosts[0];
    assert_eq!((host.addr.as_str(), host.user.as_deref(), host.port), ("10.0.0.1.lan", Some("first"), None));
    let settings: Vec<&str> = draft.ssh_config[0].settings.iter().map(|it| it.value.as_str()).collect();
    assert_eq!(settings, ["k1", "\"/a b/key\"", "k2", "gate"]);
}

/// Tried with Ansible 2.19: `null` is no value, but an empty text is one.
#[test]
fn null_does_not_hide_a_variable_and_an_empty_text_does() {
    let text = "all:\n  hosts:\n    a:\n      ansible_ssh_user:\n      ansible_user: deploy\n      \
                ansible_ssh_port: ~\n      ansible_port: 2222\n      ansible_ssh_host: null\n      \
                ansible_host: 10.0.0.1\n      ansible_ssh_private_key_file:\n      \
                ansible_private_key_file: key\n      ansible_become:\n      ansible_sudo: no\n";
    let draft = parse_yaml(text, "hosts.yml").unwrap();
    let a = &draft.hosts[0];
    assert_eq!((a.addr.as_str(), a.user.as_deref(), a.port), ("10.0.0.1", Some("deploy"), Some(2222)));
    assert_eq!(draft.ssh_config[0].settings[0].value, "key");
    assert!(a.notes[0].text.contains("ansible_become = false"), "{:?}", a.notes);
    let text =
        "[x]\na ansible_ssh_user= ansible_user=deploy\nb\n[x:vars]\nansible_ssh_user=\nansible_user=deploy\n";
    let draft = parse_ini(text, "hosts").unwrap();
    assert!(draft.hosts.iter().all(|host| host.user.is_none()) && draft.defaults.user.is_none(), "{draft:?}");
    let notes: Vec<&str> = draft.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(notes[0], "all hosts: ansible_ssh_user is empty, so Ansible ignores ansible_user");
    assert!(notes[1].starts_with("no host sets an SSH user"), "{notes:?}");
}

#[test]
fn tunnels_to_one_address_share_no_lines_for_ssh() {
    let text = "[all:vars]\nansible_host=127.0.0.1\n[x]\na ansible_port=2201 ansible_ssh_common_args='-J one'\n\
                b ansible_port=2202 ansible_ssh_common_args='-J two'\nc ansible_port=2203\n\
                d ansible_port=2201 ansible_ssh_common_args='-J three'\n";
    let draft = parse_ini(text, "hosts").unwrap();
    assert!(draft.ssh_config.is_empty() && !render(&draft).contains("#   Host"), "{draft:?}");
    assert_eq!(["a", "b", "c"].map(|name| host(&draft, name).notes.len()), [1, 1, 0]);
    assert!(draft.left_out[0].reason.contains("127.0.0.1, but other settings of ssh"), "{draft:?}");
}
