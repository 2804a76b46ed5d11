//! The lines of a fleet's files that name a host.

use std::fs;
use std::path::{Path, PathBuf};

use nixfleet_contract::fleet::Host;

use crate::flake::Flake;

/// The most files that are read.
const FILES: usize = 5000;
/// The most levels of directories below the flake that are searched.
const DEPTH: usize = 8;
/// The maximum size of a file that is read, in bytes.
const SIZE: u64 = 1 << 20;
/// The most lines that are returned for a host.
const LINES: usize = 20;
/// The maximum length of a line that is returned, in characters.
const WIDTH: usize = 100;

/// The files of a fleet that may name hosts.
#[derive(Clone, Debug, Default)]
pub struct Mentions {
    /// The directory of the flake, if it is on this machine.
    directory: Option<PathBuf>,
}

impl Mentions {
    /// Finds the files of a flake.
    #[must_use]
    pub fn of(flake: &Flake) -> Self {
        Self { directory: flake.tree.as_ref().map(|tree| tree.directory.clone()) }
    }

    /// Returns what to delete once a host is forgotten: the lines of Nix and JSON files that name it, and its
    /// key in the `known_hosts` of the user.
    #[must_use]
    pub fn lines(&self, host: &Host) -> Vec<String> {
        let mut lines = self.directory.as_deref().map(|top| mentions(top, &host.name)).unwrap_or_default();
        if lines.is_empty() {
            lines.push(format!("hosts.{} in the inventory", host.name));
        }
        let address = if host.ssh.port == 22 {
            host.addr.clone()
        } else {
            format!("'[{}]:{}'", host.addr, host.ssh.port)
        };
        lines.push(format!("the key in your known_hosts, if any: ssh-keygen -R {address}"));
        lines
    }
}

/// Returns the lines of files below a directory that have a name as a whole word.
fn mentions(top: &Path, name: &str) -> Vec<String> {
    let mut files = Vec::new();
    collect(top, DEPTH, &mut files);
    let mut lines = Vec::new();
    for file in files {
        if fs::metadata(&file).is_ok_and(|metadata| metadata.len() > SIZE) {
            continue;
        }
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let shown = file.strip_prefix(top).unwrap_or(&file).display();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| has_word(line, name)) {
            let line: String = line.trim().chars().take(WIDTH).collect();
            lines.push(format!("{shown}:{}: {line}", number + 1));
        }
    }
    lines.truncate(LINES);
    lines
}

/// Collects the Nix and JSON files below a directory, in the order of their names. Links are not followed.
fn collect(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut entries: Vec<_> =
        entries.filter_map(|entry| Some((entry.path(), entry.file_type().ok()?))).collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (path, kind) in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_read = path.extension().is_some_and(|extension| extension == "nix" || extension == "json");
        if kind.is_dir() && depth > 0 && !name.starts_with('.') && name != "target" {
            collect(&path, depth - 1, files);
        } else if kind.is_file() && is_read && files.len() < FILES {
            files.push(path);
        }
    }
}

fn has_word(line: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_the_whole_name() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("fleet.nix", "{\n  hosts.web-1.addr = \"a\";\n  hosts.web-10 = { };\n  my-web-1 = 1;\n}\n");
        write("host-keys.json", "{\n  \"web-1\": \"ssh-ed25519 AAAA\"\n}\n");
        write("README.md", "web-1\n");
        write(".git/x.nix", "web-1\n");
        assert_eq!(
            mentions(directory.path(), "web-1"),
            ["fleet.nix:2: hosts.web-1.addr = \"a\";", "host-keys.json:2: \"web-1\": \"ssh-ed25519 AAAA\""]
        );
    }
}
