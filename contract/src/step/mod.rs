//! The steps of a plan, by family. A family is a kind of thing that a transaction can change and undo.

pub mod accounts;
pub mod commands;
pub mod paths;
pub mod profile;
mod reading;
mod text;
pub mod units;
mod view;

use serde::{Deserialize, Deserializer, Serialize};

use crate::values::ManagedPath;

pub use accounts::AccountStep;
pub use commands::CommandStep;
pub use paths::{BackupKind, PathStep};
pub use profile::ProfileStep;
pub use text::{Line, Sign, Tone};
pub use units::UnitStep;
pub use view::FileView;

/// One step of a plan: the smallest unit of work and of undo. In JSON, the field `step` names it, whatever
/// its family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Step {
    /// Users and groups.
    Account(AccountStep),
    /// Files, links and directories.
    Path(PathStep),
    /// The package profile and the generation.
    Profile(ProfileStep),
    /// Commands that changed files name.
    Command(CommandStep),
    /// Systemd's units.
    Unit(UnitStep),
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        reading::step(deserializer)
    }
}

impl Step {
    /// The step, if it is about an account.
    #[must_use]
    pub const fn as_account(&self) -> Option<&AccountStep> {
        if let Self::Account(step) = self { Some(step) } else { None }
    }

    /// The step, if it is about a path.
    #[must_use]
    pub const fn as_path(&self) -> Option<&PathStep> {
        if let Self::Path(step) = self { Some(step) } else { None }
    }

    /// The step, if it is about the profile.
    #[must_use]
    pub const fn as_profile(&self) -> Option<&ProfileStep> {
        if let Self::Profile(step) = self { Some(step) } else { None }
    }

    /// The step, if it is about a unit.
    #[must_use]
    pub const fn as_unit(&self) -> Option<&UnitStep> {
        if let Self::Unit(step) = self { Some(step) } else { None }
    }

    /// Whether it creates or changes an account: such steps come before any swap.
    #[must_use]
    pub const fn makes_account(&self) -> bool {
        if let Self::Account(step) = self { step.makes_account() } else { false }
    }

    /// The files before and after the step, if it shows any.
    #[must_use]
    pub const fn views_mut(&mut self) -> (Option<&mut FileView>, Option<&mut FileView>) {
        if let Self::Path(step) = self { step.views_mut() } else { (None, None) }
    }

    /// The path it is about, if it is about one.
    #[must_use]
    pub const fn path(&self) -> Option<&ManagedPath> {
        if let Self::Path(step) = self { Some(step.path()) } else { None }
    }

    /// The step in words, for people.
    #[must_use]
    pub fn line(&self) -> Line {
        match self {
            Self::Account(step) => step.line(),
            Self::Path(step) => step.line(),
            Self::Profile(step) => step.line(),
            Self::Command(step) => step.line(),
            Self::Unit(step) => step.line(),
        }
    }
}
