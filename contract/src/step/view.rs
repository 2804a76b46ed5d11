//! A file, link or directory as a plan shows it.

use serde::{Deserialize, Serialize};

use crate::manifest::Access;

/// A file, link or directory as a plan shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileView {
    /// SHA-256 of the content in hexadecimal; `None` if this is not a regular file.
    pub sha256: Option<String>,
    /// Length of the content, in bytes.
    pub size: u64,
    /// Mode, owner and group.
    pub access: Access,
    /// Target of the link; `None` if this is not a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Whether NixFleet has never managed this file, link or directory. If so, a change of this file, link or
    /// directory does not count as a hand edit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign: bool,
    /// The content, if it is text of at most [`FileView::TEXT_LIMIT`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether some users on the host cannot read the file. A plan shows the content of such a file only on
    /// request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
}

impl FileView {
    /// Maximum size, in bytes, of a file whose content a plan includes.
    pub const TEXT_LIMIT: u64 = 256 * 1024;

    /// Returns whether some users on the host cannot read the file. The mode is checked too, since an older
    /// NixFleet does not set [`FileView::private`].
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private || self.access.is_private()
    }
}
