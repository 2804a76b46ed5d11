//! The files of a local flake.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// The source tree of a local flake, as Nix reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The root of all files that Nix reads: the Git checkout around the flake, or the directory that Nix
    /// copies.
    pub root: PathBuf,
    /// The directory that contains `flake.nix`.
    pub directory: PathBuf,
    /// Whether Nix reads only the files that Git tracks.
    pub git: bool,
}

impl Tree {
    /// Creates the tree at `root`, with the flake in `directory`.
    #[must_use]
    pub fn new(root: &Path, directory: &Path, git: bool) -> Self {
        Self { root: root.to_owned(), directory: directory.to_owned(), git }
    }

    /// Returns the root of the Git checkout that contains a directory.
    #[must_use]
    pub fn checkout(directory: &Path) -> Option<&Path> {
        directory.ancestors().find(|each| each.join(".git").exists())
    }

    /// Converts a path relative to the root into a path relative to the flake's directory, for messages to
    /// the user.
    #[must_use]
    pub fn shown(&self, file: &str) -> String {
        let file = self.root.join(file);
        let directory = self.directory.ancestors().find(|each| file.starts_with(each)).unwrap_or(&self.root);
        let up = self.directory.strip_prefix(directory).map_or(0, |below| below.components().count());
        let below = file.strip_prefix(directory).unwrap_or(&file);
        format!("{}{}", "../".repeat(up), below.display())
    }

    /// Returns the path of the submodule that contains a file, according to `.gitmodules`.
    pub fn submodule_of(&self, file: &str) -> Option<String> {
        let modules = fs::read_to_string(self.root.join(".gitmodules")).ok()?;
        let mut paths = modules.lines().filter_map(|line| {
            let (name, path) = line.split_once('=')?;
            (name.trim() == "path").then(|| path.trim())
        });
        let inside = |path: &&str| Path::new(file).strip_prefix(path).is_ok_and(|rest| rest != Path::new(""));
        paths.find(inside).map(str::to_owned)
    }
}

/// Resolves `.` and `..` in a path. Returns `None` if the path leads above its starting point.
#[must_use]
pub fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => normal.pop().then_some(())?,
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    Some(normal)
}
