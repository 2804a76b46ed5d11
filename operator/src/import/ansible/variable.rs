//! The variables of Ansible's hosts and groups.

use std::collections::BTreeMap;

use crate::import::note::{Note, NoteKind, Place};
use crate::import::secret;

/// Variables by name.
pub type Variables = BTreeMap<String, Variable>;

/// The maximum number of variables of one file that get a note each. If a file has more variables, a single
/// note lists their names.
const TOLD_ONE_BY_ONE: usize = 8;
/// The maximum number of variable names that one note lists.
const LISTED: usize = 40;

/// The value of a variable, and the place where the variable is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The value of the variable.
    pub value: Value,
    /// The place where the variable is set.
    pub place: Place,
}

/// The value of a variable. Of a list or set, only the size is kept, because an import does not need the
/// content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text, a number or a truth value.
    Text(String),
    /// The variable has no value.
    Nothing,
    /// A list with this number of items.
    List(usize),
    /// A set with this number of entries.
    Set(usize),
    /// A value that only Ansible Vault can decrypt.
    Encrypted,
}

/// The purpose of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The variable says how to reach a host, and is imported.
    Connection,
    /// The variable is a secret that is needed to log in, and is not imported.
    Login,
    /// The variable only concerns Ansible itself, and is not imported.
    Ansible,
    /// The variable is for roles and playbooks of the user, and is not imported.
    Own,
}

/// The variables that an import reads, because they say how to reach a host or how to become root on it, or
/// set the priority of a group.
const CONNECTION: [&str; 21] = [
    "ansible_become",
    "ansible_become_method",
    "ansible_become_user",
    "ansible_connection",
    "ansible_group_priority",
    "ansible_host",
    "ansible_port",
    "ansible_private_key_file",
    "ansible_ssh_args",
    "ansible_ssh_common_args",
    "ansible_ssh_extra_args",
    "ansible_ssh_host",
    "ansible_ssh_pkcs11_provider",
    "ansible_ssh_port",
    "ansible_ssh_private_key_file",
    "ansible_ssh_user",
    "ansible_sudo",
    "ansible_sudo_user",
    "ansible_su",
    "ansible_su_user",
    "ansible_user",
];

/// The variables that contain a password or a key for a login or for becoming root.
const LOGIN: [&str; 12] = [
    "ansible_become_pass",
    "ansible_become_password",
    "ansible_pass",
    "ansible_password",
    "ansible_private_key",
    "ansible_private_key_passphrase",
    "ansible_ssh_pass",
    "ansible_ssh_password",
    "ansible_ssh_private_key",
    "ansible_ssh_private_key_passphrase",
    "ansible_su_pass",
    "ansible_sudo_pass",
];

impl Variable {
    /// Creates a variable whose value is a text.
    pub fn text(text: &str, place: &Place) -> Self {
        Self { value: Value::Text(text.to_owned()), place: place.clone() }
    }
}

/// Returns the purpose of the variable with this name.
pub fn use_of(name: &str) -> Use {
    if CONNECTION.contains(&name) {
        Use::Connection
    } else if LOGIN.contains(&name) {
        Use::Login
    } else if name.starts_with("ansible_") {
        Use::Ansible
    } else {
        Use::Own
    }
}

/// Returns notes on all variables that are not imported. If a file has many variables, one note lists their
/// names.
pub fn notes<'v>(variables: impl Iterator<Item = (&'v String, &'v Variable)>) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut own: BTreeMap<&str, Vec<(&str, &Variable)>> = BTreeMap::new();
    for (name, variable) in variables {
        match use_of(name) {
            Use::Connection => {}
            Use::Login => {
                let text =
                    format!("{name} (secret, not copied: NixFleet needs a key, and sudo without a password)");
                notes.push(Note::new(NoteKind::Secret, text).at(&variable.place));
            }
            Use::Ansible => {
                let text = format!("{name} (NixFleet does not need it)");
                notes.push(Note::new(NoteKind::Needless, text).at(&variable.place));
            }
            Use::Own => own.entry(&variable.place.file).or_default().push((name, variable)),
        }
    }
    for (file, variables) in own {
        if variables.len() <= TOLD_ONE_BY_ONE {
            notes.extend(variables.iter().map(|(name, variable)| note(name, variable)));
            continue;
        }
        let names: Vec<&str> = variables.iter().map(|(name, _)| *name).take(LISTED).collect();
        let more = variables.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let text = format!(
            "{} variables of {}, not imported: {}{more}",
            variables.len(),
            short(file),
            names.join(", ")
        );
        notes.push(Note::new(NoteKind::Variable, text).at(&Place::file(file)));
    }
    notes
}

/// Returns a path without the directories before `group_vars` or `host_vars`. Returns the whole path if it
/// contains neither directory.
pub fn short(path: &str) -> &str {
    let start = ["group_vars/", "host_vars/"].iter().find_map(|name| path.rfind(name));
    start.map_or(path, |start| &path[start..])
}

fn note(name: &str, variable: &Variable) -> Note {
    let secret = || (NoteKind::Secret, format!("{name} (secret, its value is not copied)"));
    let (kind, text) = match &variable.value {
        Value::Encrypted => (NoteKind::Secret, format!("{name} (encrypted with Ansible Vault, not copied)")),
        _ if secret::is_secret_name(name) => secret(),
        Value::Nothing => (NoteKind::Variable, format!("{name} (without a value, not imported)")),
        Value::Text(text) if text.is_empty() => {
            (NoteKind::Variable, format!("{name} (without a value, not imported)"))
        }
        Value::Text(text) if secret::is_harmless(text) => {
            (NoteKind::Variable, format!("{name} = {text} (variable, not imported)"))
        }
        Value::Text(text) if text.contains("{{") => {
            (NoteKind::Variable, format!("{name} (a template, not imported)"))
        }
        Value::Text(_) => (NoteKind::Variable, format!("{name} (a text, not imported)")),
        Value::List(items) => (NoteKind::Variable, format!("{name} (a list of {items}, not imported)")),
        Value::Set(entries) => (NoteKind::Variable, format!("{name} (a set of {entries}, not imported)")),
    };
    Note::new(kind, text).at(&variable.place)
}
