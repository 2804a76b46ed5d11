//! Answers to questions of debconf that change.

use serde::{Deserialize, Serialize};

use super::QuestionType;
use crate::values::PackageName;

/// The answer to a question of debconf that changes. It is set before dpkg configures any package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerChange {
    /// The package whose declaration has the answer.
    pub package: PackageName,
    /// The name of the question.
    pub question: String,
    /// The type of the question.
    #[serde(rename = "type")]
    pub kind: QuestionType,
    /// The answer that debconf has now; `None` if the question is unknown to debconf, or has no answer.
    pub from: Option<String>,
    /// The answer that debconf gets.
    pub to: String,
    /// Whether the package is installed already. Such a package uses the answer only when its scripts run
    /// again, at its next upgrade or by `dpkg-reconfigure`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_late: bool,
}
