//! The packages of apt in the intent of a host. Strings are not checked yet, as in the rest of the intent.

use serde::{Deserialize, Serialize};

use super::{FirstStart, QuestionType};

/// What `nixfleet.apt` declares, apart from files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AptIntent {
    /// Packages to install or to remove.
    pub packages: Vec<PackageIntent>,
    /// Names and patterns of packages to hold.
    pub holds: Vec<String>,
    /// Keys of package sources, each with the fingerprint that it must have.
    pub keys: Vec<KeyIntent>,
    /// How long to wait for the locks of apt and dpkg, in seconds.
    #[serde(default)]
    pub lock_timeout: Option<u64>,
}

/// A package to install or to remove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PackageIntent {
    /// The name, with or without an architecture.
    pub name: String,
    /// Whether the package should be installed.
    pub state: PackageState,
    /// A version, or a pattern for one; any version if `None`.
    pub version: Option<String>,
    /// Whether apt keeps the package at its version.
    pub hold: bool,
    /// Whether to install the packages that this package recommends; as the host says if `None`.
    pub recommends: Option<bool>,
    /// When the units of the package start for the first time.
    pub start: FirstStart,
    /// Answers to questions of debconf.
    pub debconf: Vec<AnswerIntent>,
}

/// Whether a package should be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageState {
    /// The package should be installed.
    Present,
    /// The package should not be installed. Its configuration files stay.
    Absent,
    /// The package should not be installed, and its configuration files should not exist.
    Purged,
}

/// The answer to a question of debconf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnswerIntent {
    /// The name of the question, such as `postfix/main_mailer_type`.
    pub question: String,
    /// The type of the question.
    #[serde(rename = "type")]
    pub kind: QuestionType,
    /// The answer.
    pub value: String,
}

/// The key of a package source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyIntent {
    /// The option that declares the key.
    pub option: String,
    /// The path of the file with the key on the host. The intent declares a file at this path.
    pub path: String,
    /// The fingerprint of the key, in hexadecimal digits.
    pub fingerprint: String,
}
