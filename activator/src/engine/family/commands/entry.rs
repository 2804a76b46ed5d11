//! The journal entry of a step that runs a command.

use std::collections::BTreeSet;

use nixfleet_contract::step::commands::RunCommand;
use nixfleet_contract::step::{CommandStep, Step};

use crate::engine::state::State;
use crate::engine::transaction::journal::written::{Facts, Mismatch, WrittenEntry};

/// A step that runs a command, together with the information that is needed to undo it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandEntry {
    /// Runs the `onChange` command of changed files.
    RunCommand {
        /// The step from the plan.
        step: RunCommand,
        /// The commands to run after an undo has restored the old files: for each file, the command in the
        /// recorded state, or the command of the step if the recorded state has none.
        back: BTreeSet<Vec<String>>,
    },
}

impl CommandEntry {
    /// Creates the entry for a step that is about to run.
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

    /// Creates the entry from a step and its facts, which were read from a journal.
    pub(in crate::engine) fn read(step: CommandStep, facts: Facts) -> Result<Self, Mismatch> {
        Ok(match step {
            CommandStep::RunCommand(step) => Self::RunCommand { step, back: facts.command()? },
        })
    }

    /// Converts the entry to its form in the journal.
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
