//! Reads the variables of a host that say how to reach the host, such as its address and its SSH user.

use std::collections::BTreeMap;

use super::template;
use super::variable::{Value, Variable};
use crate::import::found::FoundHost;
use crate::import::note::{Note, NoteKind};
use crate::import::ssh_arguments;

/// The variables that apply to a host, by name.
type Effective<'v> = BTreeMap<&'v str, &'v Variable>;

/// Adds the address, the port, the user and the SSH settings in `variables` to `host`.
pub fn read(variables: &Effective, host: &mut FoundHost) {
    if let Some((_, connection)) = text(&["ansible_connection"], variables, host)
        && !matches!(
            connection.as_str(),
            "ssh" | "smart" | "paramiko" | "paramiko_ssh" | "ansible.builtin.ssh"
        )
    {
        host.refused = Some(match connection.as_str() {
            "local" => "Ansible reaches it without SSH (ansible_connection = local)".to_owned(),
            other => format!("NixFleet connects with SSH only (ansible_connection = {other})"),
        });
        return;
    }
    // The arguments of ssh are read first, because the variables that are read later take precedence over the
    // arguments.
    for name in ["ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"] {
        if let Some((variable, arguments)) = text(&[name], variables, host) {
            match shlex::split(&arguments) {
                Some(words) => ssh_arguments::read(&words, host, Some(&variable.place)),
                None => {
                    check(
                        host,
                        variable,
                        format!("{name} was not understood: it has an open quotation mark"),
                    );
                }
            }
        }
    }
    // If a variable is set under its old name and under its new name, Ansible uses the old name.
    if let Some((_, addr)) = text(&["ansible_ssh_host", "ansible_host"], variables, host) {
        host.addr = Some(addr);
    }
    if let Some((_, user)) = text(&["ansible_ssh_user", "ansible_user"], variables, host) {
        host.user = Some(user);
    }
    if let Some((variable, port)) = text(&["ansible_ssh_port", "ansible_port"], variables, host) {
        match port.trim().parse() {
            Ok(port) if port > 0 => host.port = Some(port),
            Ok(_) | Err(_) => {
                check(host, variable, format!("the port {port} was not understood: set ssh.port"));
            }
        }
    }
    let keys = ["ansible_ssh_private_key_file", "ansible_private_key_file"];
    if let Some((variable, key)) = text(&keys, variables, host) {
        ssh_arguments::keyword_value("IdentityFile", &key, host, Some(&variable.place));
    }
    root(variables, host);
}

/// Adds a note if Ansible becomes root on the host in another way than `NixFleet`, which uses `sudo -n`.
fn root(variables: &Effective, host: &mut FoundHost) {
    let become_root = text(&["ansible_become", "ansible_sudo"], variables, host);
    if let Some((variable, value)) = &become_root
        && is_no(value)
        && host.user.as_deref() != Some("root")
    {
        check(
            host,
            variable,
            "ansible_become = false (NixFleet always becomes root, with sudo -n)".to_owned(),
        );
    }
    if let Some((variable, method)) = text(&["ansible_become_method"], variables, host)
        && !matches!(method.as_str(), "sudo" | "ansible.builtin.sudo")
    {
        let text = format!("ansible_become_method = {method} (NixFleet becomes root with sudo -n only)");
        check(host, variable, text);
    }
    if let Some((variable, user)) = text(&["ansible_become_user", "ansible_sudo_user"], variables, host)
        && user != "root"
    {
        check(host, variable, format!("ansible_become_user = {user} (NixFleet becomes root)"));
    }
}

fn is_no(value: &str) -> bool {
    ["false", "no", "off", "0", "n", "f"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Returns the first variable in `names` that is set, and its text with all templates filled in. If the value
/// is not understood, adds a note to the host and returns `None`.
fn text<'v>(
    names: &[&str],
    variables: &Effective<'v>,
    host: &mut FoundHost,
) -> Option<(&'v Variable, String)> {
    let (name, variable) = names.iter().find_map(|name| Some((name, *variables.get(name)?)))?;
    let filled = match &variable.value {
        Value::Text(text) => template::fill(text, &host.name, variables),
        Value::Nothing => return None,
        Value::List(_) | Value::Set(_) | Value::Encrypted => None,
    };
    if filled.is_none() {
        let why = match &variable.value {
            Value::Text(_) => "a template",
            Value::Encrypted => "encrypted with Ansible Vault",
            Value::Nothing | Value::List(_) | Value::Set(_) => "not a text",
        };
        let kind = if variable.value == Value::Encrypted { NoteKind::Secret } else { NoteKind::Check };
        host.notes.push(Note::new(kind, format!("{name} was not understood ({why})")).at(&variable.place));
    }
    Some((variable, filled?)).filter(|(_, text)| !text.is_empty())
}

fn check(host: &mut FoundHost, variable: &Variable, text: String) {
    host.notes.push(Note::new(NoteKind::Check, text).at(&variable.place));
}
