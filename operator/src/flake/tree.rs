//! The files of a local flake.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// A source tree as Nix takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Everything that Nix looks at lies below: the Git checkout around the flake, or else its directory.
    pub root: PathBuf,
    /// Where `flake.nix` stands.
    pub directory: PathBuf,
    /// Whether Nix sees only the files that Git knows.
    pub git: bool,
}

impl Tree {
    /// A tree with a flake in it.
    #[must_use]
    pub fn new(root: &Path, directory: &Path, git: bool) -> Self {
        Self { root: root.to_owned(), directory: directory.to_owned(), git }
    }

    /// The Git checkout around a directory.
    #[must_use]
    pub fn checkout(directory: &Path) -> Option<&Path> {
        directory.ancestors().find(|each| each.join(".git").exists())
    }

    /// A file, given relative to the root, as somebody in the flake's directory would name it.
    #[must_use]
    pub fn shown(&self, file: &str) -> String {
        let file = self.root.join(file);
        let directory = self.directory.ancestors().find(|each| file.starts_with(each)).unwrap_or(&self.root);
        let up = self.directory.strip_prefix(directory).map_or(0, |below| below.components().count());
        let below = file.strip_prefix(directory).unwrap_or(&file);
        format!("{}{}", "../".repeat(up), below.display())
    }

    /// The submodule that a file would be in.
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

/// A path without `.` and `..`; nothing where it leads out of where it began.
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
