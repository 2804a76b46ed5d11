//! A file as a step shows it.

use serde::{Deserialize, Serialize};

use crate::manifest::Access;

/// A file as a plan shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileView {
    /// SHA-256 of the content, hexadecimal; `None` if it is not a regular file.
    pub sha256: Option<String>,
    /// Length in bytes.
    pub size: u64,
    /// Mode, owner, group.
    pub access: Access,
    /// The target, if it is a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// It was never managed, so an edit of it does not count as a hand edit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign: bool,
    /// The content, if it is text of at most [`FileView::TEXT_LIMIT`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Others on the host cannot read it. A plan shows its content only on request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
}

impl FileView {
    /// Maximum size of a content that a plan carries, in bytes.
    pub const TEXT_LIMIT: u64 = 256 * 1024;

    /// Whether others on the host cannot read it. An older NixFleet does not mark such files.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private || self.access.is_private()
    }
}
