//! The journal entry of the step that activates a generation.

use nixfleet_contract::generation::Generation;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::step::profile::SwitchProfile;
use nixfleet_contract::step::{ProfileStep, Step};
use nixfleet_contract::values::AbsPath;

use crate::engine::transaction::journal::written::{Facts, Mismatch, WrittenEntry};
use crate::host::Host;
use crate::host::nixos;
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
        /// The NixOS system for which the step creates the native generation with the same number, or `None`
        /// if it creates no native generation.
        native: Option<AbsPath>,
    },
}

impl ProfileEntry {
    /// Creates the entry for a step that is about to run.
    #[must_use]
    pub fn open(step: &ProfileStep, profile: &Profile, native: Option<AbsPath>) -> Self {
        match step {
            ProfileStep::SwitchProfile(step) => {
                let created = profile.generation(step.to).is_none().then_some(step.to);
                Self::SwitchProfile { step: *step, created, native }
            }
        }
    }

    /// Creates the entry from a step and its facts, which were read from a journal.
    pub(in crate::engine) fn read(step: &ProfileStep, facts: Facts) -> Result<Self, Mismatch> {
        Ok(match step {
            ProfileStep::SwitchProfile(step) => {
                let (created, native) = facts.profile()?;
                Self::SwitchProfile { step: *step, created, native }
            }
        })
    }

    /// Converts the entry to its form in the journal.
    pub(in crate::engine) fn write(self) -> WrittenEntry {
        match self {
            Self::SwitchProfile { step, created, native } => WrittenEntry {
                step: Step::Profile(ProfileStep::SwitchProfile(step)),
                facts: Facts::Profile { created, native },
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
            Self::SwitchProfile { step, native, .. } => {
                if let Some(system) = native {
                    let generation = Generation { number: step.to, closure: system.to_string() };
                    profile::add(host, profile::NATIVE, &generation)?;
                }
                profile::switch(host, profile::DIRECTORY, after)
            }
        }
    }

    /// Activates the previous generation again.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::HostFile`].
    pub fn undo(&self, host: &Host, before: Option<&Generation>) -> Result<(), Problem> {
        match self {
            Self::SwitchProfile { step, created, native } => {
                if let Some(system) = native {
                    nixos::forget_created(host, step.to, system)?;
                }
                profile::switch_back(host, profile::DIRECTORY, before, *created)
            }
        }
    }
}
