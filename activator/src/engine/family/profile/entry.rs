//! The journal entry of the step that activates a generation.

use nixfleet_contract::generation::Generation;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::step::profile::SwitchProfile;
use nixfleet_contract::step::{ProfileStep, Step};

use crate::engine::transaction::journal::written::{Facts, Mismatch, WrittenEntry};
use crate::host::Host;
use crate::host::profile::{self, Profile};

/// The step that activates a generation, together with the information that is needed to undo it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileEntry {
    /// Switches the profile to another generation.
    SwitchProfile {
        /// The step from the plan.
        step: SwitchProfile,
        /// The number of the generation that the step creates, or `None` if the generation existed before
        /// this transaction.
        created: Option<u64>,
    },
}

impl ProfileEntry {
    /// Creates the entry for a step that is about to run.
    #[must_use]
    pub fn open(step: &ProfileStep, profile: &Profile) -> Self {
        match step {
            ProfileStep::SwitchProfile(step) => {
                let created = profile.generation(step.to).is_none().then_some(step.to);
                Self::SwitchProfile { step: *step, created }
            }
        }
    }

    /// Creates the entry from a step and its facts, which were read from a journal.
    pub(in crate::engine) fn read(step: &ProfileStep, facts: Facts) -> Result<Self, Mismatch> {
        Ok(match step {
            ProfileStep::SwitchProfile(step) => {
                Self::SwitchProfile { step: *step, created: facts.profile()? }
            }
        })
    }

    /// Converts the entry to its form in the journal.
    pub(in crate::engine) fn write(self) -> WrittenEntry {
        match self {
            Self::SwitchProfile { step, created } => WrittenEntry {
                step: Step::Profile(ProfileStep::SwitchProfile(step)),
                facts: Facts::Profile { created },
                backup: None,
            },
        }
    }

    /// Activates the new generation.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::HostFile`].
    pub fn perform(&self, host: &Host, after: &Generation) -> Result<(), Problem> {
        match self {
            Self::SwitchProfile { .. } => profile::switch(host, profile::DIRECTORY, after),
        }
    }

    /// Activates the previous generation again.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::HostFile`].
    pub fn undo(&self, host: &Host, before: Option<&Generation>) -> Result<(), Problem> {
        match self {
            Self::SwitchProfile { created, .. } => {
                let before = before.map(|generation| generation.number);
                profile::switch_back(host, profile::DIRECTORY, before, *created)
            }
        }
    }
}
