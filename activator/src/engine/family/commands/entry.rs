//! A step that runs a command, with what its undo needs.

use std::collections::BTreeSet;

use nixfleet_contract::step::commands::RunCommand;
use nixfleet_contract::step::{CommandStep, Step};

use crate::engine::state::State;
use crate::engine::transaction::journal::written::{Facts, Mismatch, WrittenEntry};

/// A step that runs a command, with what its undo needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandEntry {
    /// A command that changed files name.
    RunCommand {
        /// The step.
        step: RunCommand,
        /// Commands to run when the old files are back: those that the files named before, or the new one for
        /// a file that named none.
        back: BTreeSet<Vec<String>>,
    },
}

impl CommandEntry {
    /// The entry for a step that is about to run.
    #[must_use]
    pub fn open(step: &CommandStep, state: &State) -> Self {
        match step {
            CommandStep::RunCommand(step) => {
                let before = |path| {
                    let owned = state.paths.get(path);
                    let named = owned.map(|owned| &owned.on_change).filter(|named| !named.is_empty());
                    named.unwrap_or(&step.command)
                };
                Self::RunCommand {
                    back: step.paths.iter().map(before).cloned().collect(),
                    step: step.clone(),
                }
            }
        }
    }

    /// Reads an entry from a journal.
    pub(in crate::engine) fn read(step: CommandStep, facts: Facts) -> Result<Self, Mismatch> {
        Ok(match step {
            CommandStep::RunCommand(step) => Self::RunCommand { step, back: facts.command()? },
        })
    }

    /// The entry in its journal form.
    pub(in crate::engine) fn write(self) -> WrittenEntry {
        match self {
            Self::RunCommand { step, back } => WrittenEntry {
                step: Step::Command(CommandStep::RunCommand(step)),
                facts: Facts::Command { back },
                backup: None,
            },
        }
    }
}
