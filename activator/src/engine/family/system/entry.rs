//! The journal entries of steps that change the NixOS system.

use nixfleet_contract::step::system::{ActivateSystem, BootOnce, SetBootDefault};
use nixfleet_contract::step::{Step, SystemStep};
use nixfleet_contract::values::AbsPath;
use serde::{Deserialize, Serialize};

use crate::engine::transaction::journal::written::{Facts, Mismatch, WrittenEntry};
use crate::host::nixos::Systems;

/// A step on the NixOS system, together with the information that is needed to undo it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SystemEntry {
    /// Activates a system.
    Activate(ActivateSystem),
    /// Makes a system the boot default.
    SetBootDefault(SetBootDefault, BootFacts),
    /// Tells the boot loader to boot a system once.
    BootOnce(BootOnce, BootFacts),
}

/// The native generations before a step that changes what the host boots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BootFacts {
    /// The number of the native generation of the new system.
    pub number: u64,
    /// Whether the step creates this generation.
    pub created: bool,
    /// The number of the boot default, if any.
    pub default: Option<u64>,
    /// The system of the boot default, if any.
    pub system: Option<AbsPath>,
}

impl BootFacts {
    /// `number`: the number of the generation that the transaction activates.
    fn of(to: &AbsPath, number: u64, systems: &Systems) -> Self {
        let known = systems.generation_of(to, number);
        let default = systems.default.as_ref();
        Self {
            number: known.unwrap_or_else(|| systems.new_number(number)),
            created: known.is_none(),
            default: default.map(|generation| generation.number),
            system: default.and_then(|generation| generation.closure.parse().ok()),
        }
    }

    /// Returns the number of the native generation if the step creates it.
    #[must_use]
    pub fn begun(&self) -> Option<u64> {
        self.created.then_some(self.number)
    }
}

impl SystemEntry {
    /// Creates the entry for a step that is about to run. `number`: the number of the generation that the
    /// transaction activates.
    #[must_use]
    pub fn open(step: &SystemStep, number: u64, systems: Option<&Systems>) -> Self {
        let none = Systems::default();
        let systems = systems.unwrap_or(&none);
        match step {
            SystemStep::ActivateSystem(step) => Self::Activate(step.clone()),
            SystemStep::SetBootDefault(step) => {
                Self::SetBootDefault(step.clone(), BootFacts::of(&step.to, number, systems))
            }
            SystemStep::BootOnce(step) => {
                Self::BootOnce(step.clone(), BootFacts::of(&step.to, number, systems))
            }
        }
    }

    /// Creates the entry from a step and its facts, which were read from a journal.
    pub(in crate::engine) fn read(step: SystemStep, facts: Facts) -> Result<Self, Mismatch> {
        Ok(match step {
            SystemStep::ActivateSystem(step) => {
                facts.nothing()?;
                Self::Activate(step)
            }
            SystemStep::SetBootDefault(step) => Self::SetBootDefault(step, facts.boot()?),
            SystemStep::BootOnce(step) => Self::BootOnce(step, facts.boot()?),
        })
    }

    /// Converts the entry to its form in the journal.
    pub(in crate::engine) fn write(self) -> WrittenEntry {
        let (step, facts) = match self {
            Self::Activate(step) => (SystemStep::ActivateSystem(step), Facts::Nothing),
            Self::SetBootDefault(step, facts) => (SystemStep::SetBootDefault(step), Facts::Boot(facts)),
            Self::BootOnce(step, facts) => (SystemStep::BootOnce(step), Facts::Boot(facts)),
        };
        WrittenEntry { step: Step::System(step), facts, backup: None }
    }

    /// Returns the activation, or `None` if the entry changes what the host boots.
    #[must_use]
    pub const fn activation(&self) -> Option<&ActivateSystem> {
        match self {
            Self::Activate(step) => Some(step),
            Self::SetBootDefault(..) | Self::BootOnce(..) => None,
        }
    }
}
