//! Reads the variables of hosts and groups from the directories `host_vars` and `group_vars` next to an
//! inventory.

use std::path::{Path, PathBuf};

use nixfleet_contract::problem::Problem;

use super::inventory::Inventory;
use super::node;
use super::variable::{Variables, short};
use super::yaml;
use crate::import::files::{self, bad};
use crate::import::note::{Note, NoteKind, Place};

/// The maximum number of nested directories in which variable files are searched for.
const DEEPEST: usize = 8;

/// Reads the variable files next to the inventory at `path`, and adds the variables to the groups and hosts
/// of `inventory`.
///
/// # Errors
/// A file cannot be read, or is not a set of variables.
pub fn read(path: &Path, inventory: &mut Inventory, notes: &mut Vec<Note>) -> Result<(), Problem> {
    let beside = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
    let (mut no_groups, mut no_hosts) = (Vec::new(), Vec::new());
    for (owner, files) in owners(&beside.join("group_vars"))? {
        let known = owner == "all" || owner == "ungrouped" || inventory.groups.contains_key(&owner);
        if known {
            inventory.define(&owner).from_files.extend(variables(&files, notes)?);
        } else {
            no_groups.push(owner);
        }
    }
    for (owner, files) in owners(&beside.join("host_vars"))? {
        match inventory.hosts.get_mut(&owner) {
            Some(host) => host.from_files.extend(variables(&files, notes)?),
            None => no_hosts.push(owner),
        }
    }
    for (names, noun) in [(no_groups, "group"), (no_hosts, "host")] {
        if !names.is_empty() {
            let text = format!("{noun}_vars of no {noun} of the inventory, not read: {}", names.join(", "));
            notes.push(Note::new(NoteKind::Check, text));
        }
    }
    Ok(())
}

/// Returns the files in a directory of variables, by the name of the group or host to which they belong. The
/// directory need not exist.
fn owners(directory: &Path) -> Result<Vec<(String, Vec<PathBuf>)>, Problem> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let mut owners = Vec::new();
    for path in files::entries(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            let mut found = Vec::new();
            collect(&path, DEEPEST, &mut found)?;
            owners.push((name, found));
        } else if is_variable_file(&name) {
            let ends = [".yml", ".yaml", ".json"];
            let stem = ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
            owners.push((stem.to_owned(), vec![path]));
        }
    }
    Ok(owners)
}

/// Whether a file with this name has variables. Only some endings are excluded, because host names may
/// contain dots: `web-1.example.org` is a file name without an ending.
fn is_variable_file(name: &str) -> bool {
    !["~", ".bak", ".md", ".orig", ".swp", ".txt", ".rst", ".j2"].iter().any(|end| name.ends_with(end))
}

fn collect(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Problem> {
    for path in files::entries(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && depth > 0 {
            collect(&path, depth - 1, found)?;
        } else if path.is_file() && is_variable_file(&name) {
            found.push(path);
        }
    }
    Ok(())
}

/// Reads the variables of one group or host from its files. If several files set a variable, the last file
/// takes precedence.
fn variables(files: &[PathBuf], notes: &mut Vec<Note>) -> Result<Variables, Problem> {
    let mut variables = Variables::new();
    for path in files {
        let shown = path.to_string_lossy();
        let text = files::read(path)?;
        if text.starts_with("$ANSIBLE_VAULT") {
            let text = format!("{} (encrypted with Ansible Vault, not read)", short(&shown));
            notes.push(Note::new(NoteKind::Secret, text).at(&Place::file(&shown)));
            continue;
        }
        let root = node::parse(&text, &shown)?;
        match &root.kind {
            node::NodeKind::Set(_) | node::NodeKind::Null => variables.extend(yaml::variables(&root, &shown)),
            node::NodeKind::List(_) | node::NodeKind::Scalar(_) | node::NodeKind::Encrypted => {
                let place = Place::line(&shown, root.line);
                return Err(bad(&place, "the file is not a set of variables")
                    .help("write each variable as name: value"));
            }
        }
    }
    Ok(variables)
}
