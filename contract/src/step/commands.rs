//! The step that runs a command of changed files.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::text::{Line, Sign, Tone};
use crate::values::ManagedPath;

/// A step that runs a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "camelCase", tag = "step")]
#[strum(serialize_all = "camelCase")]
pub enum CommandStep {
    /// Run a command that changed files name in `onChange`.
    RunCommand(RunCommand),
}

/// A command that changed files name in `onChange`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunCommand {
    /// The absolute path of the program, and its arguments.
    pub command: Vec<String>,
    /// The changed files that name it.
    pub paths: BTreeSet<ManagedPath>,
}

impl CommandStep {
    /// The step in words, for people.
    #[must_use]
    pub fn line(&self) -> Line {
        match self {
            Self::RunCommand(RunCommand { command, paths }) => {
                Line::new(Sign::Changes, format!("run {}  ", command_line(command)))
                    .and(Tone::Quiet, why_it_runs(paths))
            }
        }
    }
}

/// A command as people would type it. Words that a shell would split are quoted.
#[must_use]
pub fn command_line(words: &[String]) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "-_./=:,@%+".contains(character);
    let shown = |word: &String| {
        if !word.is_empty() && word.chars().all(is_plain) { word.clone() } else { format!("{word:?}") }
    };
    words.iter().map(shown).collect::<Vec<_>>().join(" ")
}

/// The reason for the command, for people: which files changed.
fn why_it_runs(paths: &BTreeSet<ManagedPath>) -> String {
    match (paths.first(), paths.len()) {
        (None, _) => String::new(),
        (Some(path), 1) => format!("{path} changed"),
        (Some(path), several) => format!("{path} and {} more changed", several - 1),
    }
}
