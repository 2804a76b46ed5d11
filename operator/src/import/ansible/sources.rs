//! Reads the files of an inventory: one file, or all files of a directory.

use std::path::{Path, PathBuf};

use nixfleet_contract::problem::Problem;

use super::inventory::Inventory;
use super::{ini, yaml};
use crate::import::files::{self, bad};
use crate::import::note::{Note, NoteKind, Place};

/// The advice for an inventory whose hosts come from a program or a plugin.
pub const EXPORT: &str = "let Ansible write the hosts, and import the result: \
                          ansible-inventory -i INVENTORY --list --yaml --export > hosts.yml";

/// The maximum number of files in an inventory directory.
const MOST_FILES: usize = 2_000;
/// The maximum number of nested directories in which inventory files are searched for.
const DEEPEST: usize = 8;

/// The endings of the names of files that Ansible ignores in an inventory directory.
const IGNORED: [&str; 13] =
    [".bak", ".cfg", ".md", ".orig", ".py~", ".pyc", ".pyo", ".retry", ".rpm", ".rst", ".swp", ".txt", "~"];
/// The directories with variable files, which contain no hosts.
const VARIABLES: [&str; 2] = ["group_vars", "host_vars"];

/// Adds the hosts and groups of a file, or of all files of a directory, to an inventory.
///
/// # Errors
/// A file cannot be read, or is wrong.
pub fn read(path: &Path, inventory: &mut Inventory, notes: &mut Vec<Note>) -> Result<(), Problem> {
    if !path.is_dir() {
        return one(path, inventory, notes);
    }
    let mut found = Vec::new();
    collect(path, DEEPEST, &mut found)?;
    if found.len() > MOST_FILES {
        let place = Place::file(&path.to_string_lossy());
        return Err(bad(&place, format!("the directory has more than {MOST_FILES} files"))
            .help("name the directory of the inventory alone"));
    }
    for file in &found {
        let text = files::read(file)?;
        if is_dynamic(&text, file) {
            let shown = file.to_string_lossy();
            let text =
                format!("{shown}: its hosts come from a program or a plugin, and are missing here; {EXPORT}");
            notes.push(Note::new(NoteKind::Check, text).at(&Place::file(&shown)));
        } else {
            parse(&text, file, inventory, notes)?;
        }
    }
    Ok(())
}

fn one(path: &Path, inventory: &mut Inventory, notes: &mut Vec<Note>) -> Result<(), Problem> {
    let text = files::read(path)?;
    if text.starts_with("#!") {
        let place = Place::file(&path.to_string_lossy());
        return Err(bad(&place, "the inventory is a program, which is not run").help(EXPORT));
    }
    parse(&text, path, inventory, notes)
}

/// Reads the text of an inventory file. As in Ansible, the ending of the file name determines the format.
fn parse(text: &str, path: &Path, inventory: &mut Inventory, notes: &mut Vec<Note>) -> Result<(), Problem> {
    let shown = path.to_string_lossy();
    if text.starts_with("$ANSIBLE_VAULT") {
        return Err(bad(&Place::file(&shown), "the inventory is encrypted with Ansible Vault")
            .help("decrypt a copy of it with ansible-vault, and import the copy"));
    }
    match extension(path) {
        "yml" | "yaml" | "json" => yaml::read(text, &shown, inventory, notes),
        "toml" => Err(bad(&Place::file(&shown), "inventories in TOML are not imported").help(EXPORT)),
        _ => ini::read(text, &shown, inventory, notes),
    }
}

/// Whether the file is a program or configures a plugin. Only Ansible can find the hosts of such a file.
fn is_dynamic(text: &str, path: &Path) -> bool {
    let is_yaml = matches!(extension(path), "yml" | "yaml");
    text.starts_with("#!") || is_yaml && text.lines().any(|line| line.starts_with("plugin:"))
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

fn collect(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Problem> {
    for path in files::entries(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if VARIABLES.contains(&&*name) || IGNORED.iter().any(|end| name.ends_with(end)) {
            continue;
        }
        if path.is_dir() && depth > 0 {
            collect(&path, depth - 1, found)?;
        } else if path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}
