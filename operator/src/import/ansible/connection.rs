//! Reads the variables of a host that say how to reach the host, such as its address and its SSH user.

use std::collections::BTreeMap;

use super::template;
use super::variable::{Value, Variable};
use crate::import::found::FoundHost;
use crate::import::note::{Note, NoteKind};
use crate::import::secret::shown;
use crate::import::ssh_arguments;
use crate::import::ssh_options::SshOptions;

// If a variable is set under its old name and under its new name, Ansible uses the old name.
const ADDR: [&str; 2] = ["ansible_ssh_host", "ansible_host"];
const PORT: [&str; 2] = ["ansible_ssh_port", "ansible_port"];
const USER: [&str; 2] = ["ansible_ssh_user", "ansible_user"];
const KEY: [&str; 2] = ["ansible_ssh_private_key_file", "ansible_private_key_file"];

/// The variables that apply to a host, by name.
type Effective<'v> = BTreeMap<&'v str, &'v Variable>;

/// Adds the address, the port, the user and the SSH settings in `variables` to `host`.
pub fn read(variables: &Effective, host: &mut FoundHost) {
    if let Some((_, connection)) = text(&["ansible_connection"], variables, host)
        && !matches!(
            connection.as_str(),
            "ssh"
                | "smart"
                | "paramiko"
                | "paramiko_ssh"
                | "ansible.builtin.ssh"
                | "ansible.builtin.paramiko_ssh"
        )
    {
        host.refused = Some(match connection.as_str() {
            "local" | "ansible.builtin.local" => {
                "Ansible reaches it without SSH (ansible_connection = local)".to_owned()
            }
            other => format!("NixFleet connects with SSH only (ansible_connection = {})", shown(other)),
        });
        return;
    }
    if let Some((_, addr)) = text(&ADDR, variables, host) {
        host.addr = Some(addr);
    }
    let mut options = SshOptions::default();
    // This is the order in which Ansible passes the options to ssh, so that ssh takes the first value.
    arguments("ansible_ssh_args", variables, host, &mut options);
    if let Some((variable, port)) = text(&PORT, variables, host) {
        if port.trim().parse::<u16>().is_ok_and(|port| port > 0) {
            options.set("Port", &port, Some(&variable.place));
        } else {
            check(host, variable, format!("the port {} was not understood: set ssh.port", shown(&port)));
        }
    }
    if let Some((variable, key)) = text(&KEY, variables, host) {
        options.set_path("IdentityFile", &key, Some(&variable.place));
    }
    if let Some((variable, user)) = text(&USER, variables, host) {
        options.set("User", &user, Some(&variable.place));
    }
    arguments("ansible_ssh_common_args", variables, host, &mut options);
    arguments("ansible_ssh_extra_args", variables, host, &mut options);
    if let Some((variable, library)) = text(&["ansible_ssh_pkcs11_provider"], variables, host) {
        options.set_path("PKCS11Provider", &library, Some(&variable.place));
    }
    options.apply(host);
    root(variables, host);
}

/// Adds the arguments of ssh in a variable to `options`.
fn arguments(name: &str, variables: &Effective, host: &mut FoundHost, options: &mut SshOptions) {
    let Some((variable, arguments)) = text(&[name], variables, host) else { return };
    match shlex::split(&arguments) {
        Some(words) => ssh_arguments::read(&words, options, Some(&variable.place)),
        None => {
            check(host, variable, format!("{name} was not understood: it has an open quotation mark"));
        }
    }
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
        let text =
            format!("ansible_become_method = {} (NixFleet becomes root with sudo -n only)", shown(&method));
        check(host, variable, text);
    }
    if let Some((variable, user)) = text(&["ansible_become_user", "ansible_sudo_user"], variables, host)
        && user != "root"
    {
        check(host, variable, format!("ansible_become_user = {} (NixFleet becomes root)", shown(&user)));
    }
}

fn is_no(value: &str) -> bool {
    ["false", "no", "off", "0", "n", "f"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Returns the first variable in `names` that has a value, and its text with all templates filled in. As in
/// Ansible, `null` is no value, but an empty text is one, and hides the variables after it. Returns `None` if
/// the text is empty. If the value is not understood, adds a note to the host and returns `None`.
fn text<'v>(
    names: &[&str],
    variables: &Effective<'v>,
    host: &mut FoundHost,
) -> Option<(&'v Variable, String)> {
    let set = names.iter().filter_map(|name| Some((name, *variables.get(name)?)));
    let mut set = set.filter(|(_, variable)| variable.value != Value::Nothing);
    let (name, variable) = set.next()?;
    if variable.value == Value::Text(String::new()) {
        if let Some((hidden, _)) = set.next() {
            check(host, variable, format!("{name} is empty, so Ansible ignores {hidden}"));
        }
        return None;
    }
    let filled = match &variable.value {
        Value::Text(text) => template::fill(text, &host.name, variables),
        Value::Nothing | Value::List(_) | Value::Set(_) | Value::Encrypted => None,
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

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
