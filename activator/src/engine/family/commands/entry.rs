//! A step that runs a command with what undoing it needs.

use std::collections::BTreeSet;

use nixfleet_contract::step::commands::RunCommand;
use nixfleet_contract::step::{CommandStep, Step};

use crate::engine::state::State;
use crate::engine::transaction::journal::written::{Facts, Mismatch, Written};

/// A step that runs a command with what undoing it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandEntry {
    /// A command that changed files name.
    RunCommand {
        /// The step.
        step: RunCommand,
        /// Commands that undoing runs once the old files are back: those that the files named before; for a file that named
        /// none, the new one.
        back: BTreeSet<Vec<String>>,
    },
}

impl CommandEntry {
    /// A step that is about to be done.
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

    /// Reads one of a journal.
    pub(in crate::engine) fn read(step: CommandStep, facts: Facts) -> Result<Self, Mismatch> {
        Ok(match step {
            CommandStep::RunCommand(step) => Self::RunCommand { step, back: facts.command()? },
        })
    }

    /// The same as a journal has it.
    pub(in crate::engine) fn write(self) -> Written {
        match self {
            Self::RunCommand { step, back } => Written {
                step: Step::Command(CommandStep::RunCommand(step)),
                facts: Facts::Command { back },
                kept: None,
            },
        }
    }
}
