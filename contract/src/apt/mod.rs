//! Packages that apt installs and removes.
//!
//! - [`intent`]: what the backend passes to the builder
//! - [`declared`]: the part of the manifest
//! - [`plan`]: the transaction that apt would carry out
//! - [`answer`], [`running`], [`space`]: the answers to debconf, the running units and the space in a plan
//! - [`downloaded`]: the answer of a host that has downloaded its packages
//! - [`lock`]: the process that holds the lock for which a run waits
//! - [`report`]: the result of such a transaction

pub mod answer;
pub mod declared;
pub mod downloaded;
pub mod intent;
pub mod lock;
pub mod plan;
pub mod report;
pub mod running;
pub mod space;

use serde::{Deserialize, Serialize};

/// When the units of a package start for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstStart {
    /// After the files and units of the host are in place.
    #[default]
    AfterActivation,
    /// Only when something other than the installation starts them.
    Never,
    /// While apt installs the package.
    Distribution,
}

/// The type of a question of debconf. Passwords are missing on purpose: everybody can read the Nix store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuestionType {
    /// `true` or `false`.
    Boolean,
    /// Any text.
    String,
    /// One of several words.
    Select,
    /// Several words, separated by commas.
    Multiselect,
}

impl QuestionType {
    /// Returns the word that debconf uses for the type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Select => "select",
            Self::Multiselect => "multiselect",
        }
    }
}
