//! The steps of a plan, grouped by family. A family contains all steps on one kind of object, such as
//! accounts, paths or units.

pub mod accounts;
pub mod commands;
pub mod paths;
pub mod profile;
mod reading;
pub mod system;
mod text;
pub mod units;
mod view;

use serde::{Deserialize, Deserializer, Serialize};

use crate::values::ManagedPath;

pub use accounts::AccountStep;
pub use commands::CommandStep;
pub use paths::{BackupKind, PathStep};
pub use profile::ProfileStep;
pub use system::SystemStep;
pub use text::{Line, Sign, Tone};
pub use units::UnitStep;
pub use view::FileView;

/// A step of a plan: the smallest part of a change that is executed and undone. In JSON, the field `step`
/// contains the name of the step, without its family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Step {
    /// A change of a user or group.
    Account(AccountStep),
    /// A change of a file, link or directory.
    Path(PathStep),
    /// A change of the package profile and the generation.
    Profile(ProfileStep),
    /// A run of the `onChange` command of changed files.
    Command(CommandStep),
    /// A change of a systemd unit.
    Unit(UnitStep),
    /// A change of the NixOS system.
    System(SystemStep),
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        reading::step(deserializer)
    }
}

impl Step {
    /// Returns the step if it changes an account; `None` for a step of another family.
    #[must_use]
    pub const fn as_account(&self) -> Option<&AccountStep> {
        if let Self::Account(step) = self { Some(step) } else { None }
    }

    /// Returns the step if it changes a path; `None` for a step of another family.
    #[must_use]
    pub const fn as_path(&self) -> Option<&PathStep> {
        if let Self::Path(step) = self { Some(step) } else { None }
    }

    /// Returns the step if it changes the profile; `None` for a step of another family.
    #[must_use]
    pub const fn as_profile(&self) -> Option<&ProfileStep> {
        if let Self::Profile(step) = self { Some(step) } else { None }
    }

    /// Returns the step if it changes a unit; `None` for a step of another family.
    #[must_use]
    pub const fn as_unit(&self) -> Option<&UnitStep> {
        if let Self::Unit(step) = self { Some(step) } else { None }
    }

    /// Returns the step if it changes the NixOS system; `None` for a step of another family.
    #[must_use]
    pub const fn as_system(&self) -> Option<&SystemStep> {
        if let Self::System(step) = self { Some(step) } else { None }
    }

    /// Returns whether the step creates or changes a managed account. Such steps are executed before any path
    /// is changed.
    #[must_use]
    pub const fn makes_account(&self) -> bool {
        if let Self::Account(step) = self { step.makes_account() } else { false }
    }

    /// Returns the descriptions of the file, link or directory at the path before and after the step, if the
    /// step contains them.
    #[must_use]
    pub const fn views_mut(&mut self) -> (Option<&mut FileView>, Option<&mut FileView>) {
        if let Self::Path(step) = self { step.views_mut() } else { (None, None) }
    }

    /// Returns the path that the step changes; `None` for a step of another family.
    #[must_use]
    pub const fn path(&self) -> Option<&ManagedPath> {
        if let Self::Path(step) = self { Some(step.path()) } else { None }
    }

    /// Describes the step in one line, for people.
    #[must_use]
    pub fn line(&self) -> Line {
        match self {
            Self::Account(step) => step.line(),
            Self::Path(step) => step.line(),
            Self::Profile(step) => step.line(),
            Self::Command(step) => step.line(),
            Self::Unit(step) => step.line(),
            Self::System(step) => step.line(),
        }
    }
}
