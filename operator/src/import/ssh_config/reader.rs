//! Reads an SSH configuration and the files that it includes.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use nixfleet_contract::problem::Problem;

use super::include;
use super::line::Line;
use super::settings::{Block, Condition, Setting};
use crate::import::files::{self, bad};
use crate::import::note::{Note, NoteKind, Place};
use crate::import::secret::shown;

/// The maximum depth of files that include each other. `ssh` has the same limit.
const DEEPEST: usize = 16;
/// The maximum number of files that one import reads.
const MOST_FILES: usize = 512;

/// The system-wide directory of SSH configurations.
const SYSTEM: &str = "/etc/ssh";

/// The directories in which included files are searched for.
struct Root {
    /// The directory to which relative paths refer, as in `ssh`: `~/.ssh`, or `/etc/ssh` for a file there.
    /// `None` if the home directory is unknown.
    directory: Option<PathBuf>,
    /// The directory of the first file.
    beside: PathBuf,
    home: Option<PathBuf>,
}

/// Reads configuration files, and splits them into blocks.
pub struct Reader {
    /// The blocks that were read, in the order of the files.
    pub blocks: Vec<Block>,
    /// Notes on the lines that were not understood.
    pub notes: Vec<Note>,
    root: Option<Root>,
    files: usize,
    /// The conditions under which the current file is included.
    outer: Vec<Rc<Condition>>,
    /// The number of `Include` lines on the way from the first file to the current file.
    depth: usize,
}

impl Reader {
    /// Creates a reader that also reads the files that `Include` lines name. `file` is the configuration that
    /// is read first.
    pub fn with_files(file: &Path, home: Option<PathBuf>) -> Self {
        let beside = file.parent().unwrap_or(Path::new("")).to_owned();
        let of_home = || home.as_ref().map(|home| home.join(".ssh"));
        let directory = if beside.starts_with(SYSTEM) { Some(SYSTEM.into()) } else { of_home() };
        Self { root: Some(Root { directory, beside, home }), ..Self::without_files() }
    }

    /// Creates a reader that does not read the files that `Include` lines name, but adds notes on these
    /// lines.
    pub const fn without_files() -> Self {
        Self { blocks: Vec::new(), notes: Vec::new(), root: None, files: 0, outer: Vec::new(), depth: 0 }
    }

    /// Reads a configuration file, and the files that it includes.
    ///
    /// # Errors
    /// The file cannot be read or is wrong, or there are too many files.
    pub fn file(&mut self, path: &Path) -> Result<(), Problem> {
        let shown = path.to_string_lossy().into_owned();
        self.files += 1;
        if self.depth > DEEPEST || self.files > MOST_FILES {
            return Err(bad(&Place::file(&shown), "too many files include each other")
                .help("look for a file that includes itself"));
        }
        let text = files::read(path)?;
        self.text(&text, &shown)
    }

    /// Reads the text of a configuration file. `file` is the name of the file in messages.
    ///
    /// # Errors
    /// A line is wrong.
    pub fn text(&mut self, text: &str, file: &str) -> Result<(), Problem> {
        let mut conditions = self.outer.clone();
        for (index, line) in text.lines().enumerate() {
            let place = Place::line(file, index + 1);
            let Some(Line { keyword, arguments }) = Line::parse(line, &place)? else { continue };
            match keyword.to_ascii_lowercase().as_str() {
                "host" => {
                    conditions.clone_from(&self.outer);
                    conditions.push(Rc::new(Condition::Name(arguments)));
                    // A `Host` line without settings becomes a block as well, because it makes its hosts
                    // known.
                    self.blocks.push(Block { conditions: conditions.clone(), settings: Vec::new() });
                }
                "match" => {
                    conditions.clone_from(&self.outer);
                    conditions.extend(self.condition(&arguments, &place));
                }
                "include" => {
                    let outer = std::mem::replace(&mut self.outer, conditions.clone());
                    for path in &arguments {
                        self.include(path, &place)?;
                    }
                    self.outer = outer;
                }
                _ => {
                    let setting = Setting { keyword, value: arguments.join(" "), place };
                    let settings = vec![setting];
                    self.blocks.push(Block { conditions: conditions.clone(), settings });
                }
            }
        }
        Ok(())
    }

    /// Returns the conditions of a `Match` line.
    fn condition(&mut self, words: &[String], place: &Place) -> Vec<Rc<Condition>> {
        let mut conditions = Vec::new();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let patterns = || rest.clone().next().map(|list| list.split(',').map(str::to_owned).collect());
            let condition = match (word.to_ascii_lowercase().as_str(), patterns()) {
                ("all", _) => continue,
                ("host", Some(patterns)) => Condition::Address(patterns),
                ("originalhost", Some(patterns)) => Condition::GivenName(patterns),
                _ => {
                    let text =
                        format!("Match {} (its HostName, User and Port are not imported)", told(words));
                    self.notes.push(Note::new(NoteKind::Check, text).at(place));
                    conditions.push(Rc::new(Condition::Unknown(words.join(" "))));
                    return conditions;
                }
            };
            conditions.push(Rc::new(condition));
            rest.next();
        }
        conditions
    }

    fn include(&mut self, path: &str, place: &Place) -> Result<(), Problem> {
        let Some(found) = self.path(path).map(|path| include::find(&path)) else {
            self.missing(path, "its hosts are missing here", place);
            return Ok(());
        };
        if found.is_empty() && self.is_beside(path) {
            let text = "ssh does not search beside this file, but in ~/.ssh: its hosts are missing here";
            self.missing(path, text, place);
        }
        self.depth += 1;
        for file in found {
            self.file(&file)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn missing(&mut self, path: &str, why: &str, place: &Place) {
        self.notes.push(Note::new(NoteKind::Check, format!("Include {path} ({why})")).at(place));
    }

    /// Whether a relative path names files beside the first file, where `ssh` does not search for them.
    fn is_beside(&self, path: &str) -> bool {
        let root = self.root.as_ref().filter(|_| !path.starts_with('~'));
        root.is_some_and(|root| !include::find(&root.beside.join(path)).is_empty())
    }

    /// Returns the full path of an included file, or `None` if the path cannot be expanded here.
    fn path(&self, path: &str) -> Option<PathBuf> {
        let root = self.root.as_ref()?;
        if path.contains("${") || path.contains('%') {
            return None;
        }
        match path.strip_prefix("~/") {
            Some(rest) => root.home.as_ref().map(|home| home.join(rest)),
            None if path.starts_with('~') => None,
            None => {
                root.directory.as_ref().map_or_else(|| absolute(path), |directory| Some(directory.join(path)))
            }
        }
    }
}

fn absolute(path: &str) -> Option<PathBuf> {
    Some(PathBuf::from(path)).filter(|path| path.is_absolute())
}

/// Returns the conditions of a `Match` line for a message. The command of `exec`, and all words after it, are
/// left out, because a password may be part of the command.
fn told(words: &[String]) -> String {
    let exec = words.iter().position(|word| word.to_ascii_lowercase().contains("exec"));
    let known: Vec<&str> = words[..exec.unwrap_or(words.len())].iter().map(|word| shown(word)).collect();
    let exec = exec.map(|_| "exec");
    known.into_iter().chain(exec).collect::<Vec<_>>().join(" ")
}
