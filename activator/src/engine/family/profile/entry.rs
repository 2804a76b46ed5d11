//! The step that puts a generation in force, with what its undo needs.

use nixfleet_contract::generation::Generation;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::step::profile::SwitchProfile;
use nixfleet_contract::step::{ProfileStep, Step};

use crate::engine::transaction::journal::written::{Facts, Mismatch, WrittenEntry};
use crate::host::Host;
use crate::host::profile::{self, Profile};

/// The step that puts a generation in force, with what its undo needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileEntry {
    /// Another generation.
    SwitchProfile {
        /// The step.
        step: SwitchProfile,
        /// The number of the generation, if this transaction creates it.
        created: Option<u64>,
    },
}

impl ProfileEntry {
    /// The entry for a step that is about to run.
    #[must_use]
    pub fn open(step: &ProfileStep, profile: &Profile) -> Self {
        match step {
            ProfileStep::SwitchProfile(step) => {
                let created = profile.generation(step.to).is_none().then_some(step.to);
                Self::SwitchProfile { step: *step, created }
            }
        }
    }

    /// Reads an entry from a journal.
    pub(in crate::engine) fn read(step: &ProfileStep, facts: Facts) -> Result<Self, Mismatch> {
        Ok(match step {
            ProfileStep::SwitchProfile(step) => {
                Self::SwitchProfile { step: *step, created: facts.profile()? }
            }
        })
    }

    /// The entry in its journal form.
    pub(in crate::engine) fn write(self) -> WrittenEntry {
        match self {
            Self::SwitchProfile { step, created } => WrittenEntry {
                step: Step::Profile(ProfileStep::SwitchProfile(step)),
                facts: Facts::Profile { created },
                backup: None,
            },
        }
    }

    /// Puts the new generation in force.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::HostFile`].
    pub fn perform(&self, host: &Host, after: &Generation) -> Result<(), Problem> {
        match self {
            Self::SwitchProfile { .. } => profile::switch(host, after),
        }
    }

    /// Puts the previous generation in force again.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::HostFile`].
    pub fn undo(&self, host: &Host, before: Option<&Generation>) -> Result<(), Problem> {
        match self {
            Self::SwitchProfile { created, .. } => profile::switch_back(host, before, *created),
        }
    }
}
