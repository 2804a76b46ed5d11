//! Imports inventories of Ansible: files in its INI and YAML formats, or directories of such files, with the
//! variables of `group_vars` and `host_vars`.
//!
//! Plugins and scripts that make an inventory are not run. Users can import the output of
//! `ansible-inventory --list --yaml` instead, which is an inventory in the YAML format.

mod connection;
mod host_range;
mod ini;
mod inventory;
mod layers;
mod literal;
mod node;
mod sources;
mod template;
mod variable;
mod variable_files;
mod yaml;

use std::path::Path;

use nixfleet_contract::problem::Problem;

use super::draft::Draft;
use super::found::{FoundHost, FoundInventory, Tool};
use super::note::{Note, NoteKind};
use inventory::Inventory;
use layers::Layers;

/// Imports an inventory: a file, or a directory of files.
///
/// # Errors
/// A file cannot be read or is wrong, or the inventory has no host that can be imported.
pub fn import(path: &Path) -> Result<Draft, Problem> {
    let mut found = FoundInventory::new(Tool::Ansible, path.to_string_lossy());
    let mut inventory = Inventory::default();
    sources::read(path, &mut inventory, &mut found.notes)?;
    inventory.check()?;
    variable_files::read(path, &mut inventory, &mut found.notes)?;
    Draft::of(finished(&inventory, found))
}

/// Parses the text of an inventory in Ansible's INI format. Variables in other files are not read. `file` is
/// the name of the inventory in messages.
///
/// # Errors
/// The text is wrong, or the inventory has no host that can be imported.
pub fn parse_ini(text: &str, file: &str) -> Result<Draft, Problem> {
    parse(text, file, ini::read)
}

/// Parses the text of an inventory in Ansible's YAML format, like [`parse_ini`].
///
/// # Errors
/// As for [`parse_ini`].
pub fn parse_yaml(text: &str, file: &str) -> Result<Draft, Problem> {
    parse(text, file, yaml::read)
}

type Reader = fn(&str, &str, &mut Inventory, &mut Vec<Note>) -> Result<(), Problem>;

fn parse(text: &str, file: &str, read: Reader) -> Result<Draft, Problem> {
    let mut found = FoundInventory::new(Tool::Ansible, file);
    let mut inventory = Inventory::default();
    read(text, file, &mut inventory, &mut found.notes)?;
    inventory.check()?;
    Draft::of(finished(&inventory, found))
}

/// Determines how each host is reached, and collects the notes on variables that are not imported.
fn finished(inventory: &Inventory, mut found: FoundInventory) -> FoundInventory {
    let layers = Layers::of(inventory);
    for (name, host) in &inventory.hosts {
        let mut made = FoundHost { groups: layers.groups_of(name), ..FoundHost::named(name) };
        connection::read(&layers.variables_of(name), &mut made);
        made.notes.extend(variable::notes(host.inline.iter().chain(&host.from_files)));
        found.hosts.push(made);
    }
    let mut empty = Vec::new();
    for (name, group) in &inventory.groups {
        let notes = variable::notes(group.inline.iter().chain(&group.from_files));
        match name.as_str() {
            // Every host is in the group `all`, so the notes on its variables begin with `all hosts`.
            "all" => {
                let text = |note: Note| Note { text: format!("all hosts: {}", note.text), ..note };
                found.notes.extend(notes.into_iter().map(text));
            }
            "ungrouped" => found.notes.extend(notes),
            name if layers.is_empty(name) => empty.push(name),
            _ => _ = found.groups.insert(name.clone(), notes),
        }
    }
    if !empty.is_empty() {
        let text = format!("groups without hosts, not imported: {}", empty.join(", "));
        found.notes.push(Note::new(NoteKind::Needless, text));
    }
    found
}

#[cfg(test)]
mod tests;
