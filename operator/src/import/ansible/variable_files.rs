//! Reads the variables of hosts and groups from the directories `host_vars` and `group_vars` next to an
//! inventory.

use std::collections::BTreeMap;
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
/// The endings of the names of variable files, in the order in which Ansible looks for them.
const ENDINGS: [&str; 3] = [".yml", ".yaml", ".json"];

/// Reads the variable files next to the inventory at `path`, and adds the variables to the groups and hosts
/// of `inventory`.
///
/// # Errors
/// A file cannot be read, or is not a set of variables.
pub fn read(path: &Path, inventory: &mut Inventory, notes: &mut Vec<Note>) -> Result<(), Problem> {
    let beside = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
    let (mut no_groups, mut no_hosts) = (Vec::new(), Vec::new());
    for (owner, files) in owners(&beside.join("group_vars"), notes)? {
        let known = owner == "all" || owner == "ungrouped" || inventory.groups.contains_key(&owner);
        if known {
            inventory.define(&owner).from_files.extend(variables(&files, notes)?);
        } else {
            no_groups.push(owner);
        }
    }
    for (owner, files) in owners(&beside.join("host_vars"), notes)? {
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
/// directory need not exist. As in Ansible, a directory or a file without an ending hides files with the same
/// name and an ending, and `.yml` hides `.yaml`. A hidden file becomes a note.
fn owners(directory: &Path, notes: &mut Vec<Note>) -> Result<Vec<(String, Vec<PathBuf>)>, Problem> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let mut owners: BTreeMap<String, Vec<(usize, PathBuf)>> = BTreeMap::new();
    for path in files::entries(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ending =
            ENDINGS.iter().enumerate().find_map(|(rank, end)| Some((rank + 1, name.strip_suffix(end)?)));
        let (rank, owner) = ending.filter(|_| !path.is_dir()).unwrap_or((0, name.as_str()));
        if path.is_dir() || is_variable_file(&name) {
            owners.entry(owner.to_owned()).or_default().push((rank, path));
        }
    }
    let mut found = Vec::new();
    for (owner, mut paths) in owners {
        paths.sort();
        let mut paths = paths.into_iter().map(|(_, path)| path);
        let Some(first) = paths.next() else { continue };
        for hidden in paths {
            let (hidden, first) = (hidden.to_string_lossy(), first.to_string_lossy());
            let text = format!("{} (hidden by {}, not read)", short(&hidden), short(&first));
            notes.push(Note::new(NoteKind::Check, text).at(&Place::file(&hidden)));
        }
        let mut files = Vec::new();
        if first.is_dir() {
            collect(&first, DEEPEST, &mut files)?;
        } else {
            files.push(first);
        }
        found.push((owner, files));
    }
    Ok(found)
}

/// Whether a file with this name may belong to a group or host. Only some endings are excluded, because host
/// names may contain dots: `web-1.example.org` is a file name without an ending.
fn is_variable_file(name: &str) -> bool {
    !["~", ".bak", ".md", ".orig", ".swp", ".txt", ".rst", ".j2"].iter().any(|end| name.ends_with(end))
}

/// Adds the files of the directory of a group or host. As in Ansible, a file has one of [`ENDINGS`] or none.
fn collect(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Problem> {
    for path in files::entries(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let has_ending = ENDINGS.iter().any(|end| name.ends_with(end));
        if path.is_dir() && depth > 0 {
            collect(&path, depth - 1, found)?;
        } else if path.is_file() && (has_ending || !name.contains('.')) {
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
