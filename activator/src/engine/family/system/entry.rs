//! The journal entries of steps that change the NixOS system.

use nixfleet_contract::generation::Generation;
use nixfleet_contract::step::system::{ActivateSystem, BootOnce, SetBootDefault};
use nixfleet_contract::step::{Step, SystemStep};
use nixfleet_contract::values::AbsPath;
use serde::{Deserialize, Serialize};

use crate::engine::state::{PendingBoot, State};
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

/// Facts about the native profile before a step that changes what the host boots. The undo of the step needs
/// these facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BootFacts {
    /// The number of the native generation of the new system.
    pub number: u64,
    /// Whether the step creates the native generation of the new system.
    pub created: bool,
    /// The number of the native generation that is the boot default before the step, if any.
    pub default: Option<u64>,
    /// The system that is the boot default before the step, if any.
    pub system: Option<AbsPath>,
    /// The one-time boot that the boot loader has already been told to make before the step, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingBoot>,
}

impl BootFacts {
    /// Collects the facts for a step to the system `to`. `number`: the number of the generation that the
    /// transaction activates.
    fn of(to: &AbsPath, number: u64, systems: &Systems, state: &State) -> Self {
        // The system may already have a native generation with an earlier number. If `number` is greater than
        // all native numbers, the step nevertheless creates another native generation with this number. So
        // the generation has the same number in both profiles, and no other tool can use the number.
        let known = systems
            .generation_of(to, number)
            .filter(|known| *known == number || !systems.is_above_all(number));
        let pending = state.nixos.as_ref().and_then(|applied| applied.boot_once.clone());
        let default = systems.default.as_ref();
        Self {
            number: known.unwrap_or_else(|| systems.new_number(number)),
            created: known.is_none(),
            default: default.map(|generation| generation.number),
            system: default.and_then(|generation| generation.closure.parse().ok()),
            pending: pending.filter(|pending| pending.boot_id == systems.boot_id),
        }
    }

    /// Returns the native generation that is the boot default before the step, if any.
    #[must_use]
    pub fn default_generation(&self) -> Option<Generation> {
        let closure = self.system.as_ref().map(ToString::to_string).unwrap_or_default();
        Some(Generation { number: self.default?, closure })
    }

    /// Returns the number of the native generation of the new system if the step creates this generation.
    #[must_use]
    pub fn begun(&self) -> Option<u64> {
        self.created.then_some(self.number)
    }
}

impl SystemEntry {
    /// Creates the entry for a step that is about to run. `number`: the number of the generation that the
    /// transaction activates.
    #[must_use]
    pub fn open(step: &SystemStep, number: u64, systems: Option<&Systems>, state: &State) -> Self {
        let none = Systems::default();
        let systems = systems.unwrap_or(&none);
        match step {
            SystemStep::ActivateSystem(step) => Self::Activate(step.clone()),
            SystemStep::SetBootDefault(step) => {
                Self::SetBootDefault(step.clone(), BootFacts::of(&step.to, number, systems, state))
            }
            SystemStep::BootOnce(step) => {
                Self::BootOnce(step.clone(), BootFacts::of(&step.to, number, systems, state))
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

    /// Returns the facts about the native profile before the step, or `None` if the step does not change what
    /// the host boots.
    #[must_use]
    pub const fn boot_facts(&self) -> Option<&BootFacts> {
        match self {
            Self::Activate(_) => None,
            Self::SetBootDefault(_, facts) | Self::BootOnce(_, facts) => Some(facts),
        }
    }
}
