//! Explains why Nix does not find a file in the source tree of a flake.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use nixfleet_contract::problem::{Code, Problem};

use super::place::{FlakeSource, UserLocation};
use crate::flake::{Tree, normal};

/// The maximum number of files and directories searched for the line that names a missing file.
const ENTRIES: usize = 20_000;

/// A file that the flake names but that Nix does not find.
pub struct MissingFile<'a> {
    /// The path of the file, relative to the root of the tree.
    file: String,
    source: &'a FlakeSource<'a>,
}

impl<'a> MissingFile<'a> {
    /// Returns the file that a message of Nix reports as missing, if the file would be a part of the user's
    /// flake.
    pub fn find(message: &str, source: &'a FlakeSource<'a>) -> Option<Self> {
        let first = message.lines().next()?;
        let mut quoted = first.split(['\'', '"']).skip(1).step_by(2);
        let named = quoted.next()?;
        // Nix 2.34 writes one of these messages if a file is missing in a Git checkout.
        let in_git = first.starts_with("Path ")
            && ["does not exist in Git repository", "is not tracked by Git"]
                .iter()
                .any(|words| first.contains(words));
        let file = if in_git {
            let repository = Path::new(quoted.next()?);
            let tree = source.flake.tree.as_ref()?;
            // For a file in a submodule, Nix names the repository of the submodule.
            repository.strip_prefix(&tree.root).ok()?.join(named).to_str()?.to_owned()
        } else if first.contains("does not exist") || first.contains("No such file") {
            source.relative(named)?.to_owned()
        } else {
            return None;
        };
        Some(Self { file, source })
    }

    /// Explains why Nix does not find the file and what to do about it.
    pub fn problem(&self) -> Problem {
        let shown = self.source.shown(&self.file);
        let absent = || {
            Problem::new(Code::Evaluation, format!("the file {shown} does not exist"))
                .because("the flake refers to this file")
                .help("create the file, or correct its name")
        };
        let Some(tree) = self.source.flake.tree.as_ref().filter(|tree| tree.git) else { return absent() };
        let exists = fs::symlink_metadata(tree.root.join(&self.file)).is_ok();
        match tree.submodule_of(&self.file) {
            Some(submodule) if exists || !tree.root.join(&submodule).join(".git").exists() => {
                self.in_submodule(&submodule, exists)
            }
            None if exists => Problem::new(Code::Evaluation, format!("Nix does not see the file {shown}"))
                .because("in a Git checkout, Nix sees only the files that Git tracks")
                .help(format!("add the file to Git: git add {}", shell(&format!(":/{}", self.file)))),
            Some(_) | None => absent(),
        }
    }

    fn in_submodule(&self, submodule: &str, exists: bool) -> Problem {
        let shown = self.source.shown(&self.file);
        let problem = Problem::new(Code::Evaluation, format!("Nix does not see the file {shown}"));
        let of_submodule = format!("the file belongs to the submodule {submodule}");
        match self.source.flake.with_submodules() {
            Some(reference) => problem
                .because(format!("{of_submodule}, and Nix ignores submodules by default"))
                .help(format!(
                    "include submodules in the flake reference: --flake {}; or, with Nix 2.27 or later, \
                     set `inputs.self.submodules = true;` in flake.nix",
                    shell(&reference)
                )),
            None if exists => {
                let below = self.file[submodule.len()..].trim_start_matches('/');
                problem.because(format!("{of_submodule}, whose Git repository does not track the file")).help(
                    format!(
                        "add the file to Git: git -C {} add {}",
                        shell(&self.source.shown(submodule)),
                        shell(below)
                    ),
                )
            }
            None => problem.because(format!("{of_submodule}, which is not checked out")).help(format!(
                "check out the submodule: git submodule update --init {}",
                shell(&format!(":/{submodule}"))
            )),
        }
    }

    /// Returns the line of the flake that names the file.
    pub fn named(&self) -> Option<UserLocation> {
        let tree = self.source.flake.tree.as_ref()?;
        let mut left = ENTRIES;
        let (file, line, column, text) = search(tree, &tree.root, Path::new(&self.file), &mut left)?;
        Some(UserLocation::new(&self.source.shown(&file), line, column, &text))
    }
}

/// Quotes a word for a shell.
fn shell(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), Cow::into_owned)
}

/// Searches the files below a directory for the first line that contains a relative path to the missing file.
/// Returns the file that contains the line, and the line's number, column and text.
fn search(
    tree: &Tree,
    directory: &Path,
    missing: &Path,
    left: &mut usize,
) -> Option<(String, usize, usize, String)> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        *left = left.checked_sub(1)?;
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let kind = fs::symlink_metadata(&path).ok()?.file_type();
        let found = if kind.is_dir() && !hidden {
            search(tree, &path, missing, left)
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "nix") {
            let here = directory.strip_prefix(&tree.root).ok()?;
            let text = fs::read_to_string(&path).unwrap_or_default();
            let file = path.strip_prefix(&tree.root).ok()?.to_str()?.to_owned();
            let mut lines = text.lines().enumerate();
            lines.find_map(|(number, line)| {
                let column = column_of(line, here, missing)?;
                Some((file.clone(), number + 1, column, line.to_owned()))
            })
        } else {
            None
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Returns the column at which a line contains a relative path that leads from the directory `here` to the
/// missing file.
fn column_of(line: &str, here: &Path, missing: &Path) -> Option<usize> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '/');
    let mut begin = 0;
    while let Some(at) = line[begin..].find('.').map(|at| begin + at) {
        let path: &str = line[at..].split(|c| !is_part(c)).next().unwrap_or_default();
        let begins = !line[..at].ends_with(is_part) && (path.starts_with("./") || path.starts_with("../"));
        if begins && normal(&here.join(path)).is_some_and(|path| path == missing) {
            return Some(at);
        }
        begin = at + path.len().max(1);
    }
    None
}
