//! The step that runs the `onChange` command of changed files.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::text::{Line, Sign, Tone};
use crate::values::ManagedPath;

/// A step that runs a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "camelCase", tag = "step")]
#[strum(serialize_all = "camelCase")]
pub enum CommandStep {
    /// Run the `onChange` command of one or several changed files.
    RunCommand(RunCommand),
}

/// The details of [`CommandStep::RunCommand`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunCommand {
    /// The command: the absolute path of a program, followed by its arguments.
    pub command: Vec<String>,
    /// The changed files that have this command as their `onChange` command.
    pub paths: BTreeSet<ManagedPath>,
}

impl CommandStep {
    /// Describes the step in one line, for people.
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

/// Formats a command line as it would be typed. Words that a shell would split are quoted.
#[must_use]
pub fn command_line(words: &[String]) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "-_./=:,@%+".contains(character);
    let shown = |word: &String| {
        if !word.is_empty() && word.chars().all(is_plain) { word.clone() } else { format!("{word:?}") }
    };
    words.iter().map(shown).collect::<Vec<_>>().join(" ")
}

/// Describes why the command runs: which files changed.
fn why_it_runs(paths: &BTreeSet<ManagedPath>) -> String {
    match (paths.first(), paths.len()) {
        (None, _) => String::new(),
        (Some(path), 1) => format!("{path} changed"),
        (Some(path), several) => format!("{path} and {} more changed", several - 1),
    }
}
