//! The space on a filesystem that a transaction of apt needs.

use serde::{Deserialize, Serialize};

/// The space that a transaction needs on a filesystem, and the space that is free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpaceNeed {
    /// The mount point of the filesystem, such as `/var`.
    pub path: String,
    /// The space that the transaction needs at most at one time, in bytes. It is an estimate: package sources
    /// state the size of a package, but not where its files go.
    pub bytes: u64,
    /// The space that users other than root can use, in bytes.
    pub free_bytes: u64,
    /// The number of files that the transaction creates, estimated from the sizes.
    pub files: u64,
    /// The number of files that the filesystem still has room for; `None` if it has no fixed number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_files: Option<u64>,
}

impl SpaceNeed {
    /// Returns whether the filesystem has room for the bytes.
    #[must_use]
    pub const fn has_bytes(&self) -> bool {
        self.bytes <= self.free_bytes
    }

    /// Returns whether the filesystem has room for the number of files.
    #[must_use]
    pub fn has_files(&self) -> bool {
        self.free_files.is_none_or(|free| self.files <= free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_files_are_compared_with_what_is_free() {
        let path = "/var".to_owned();
        let need = SpaceNeed { path, bytes: 10, free_bytes: 10, files: 3, free_files: Some(3) };
        assert!(need.has_bytes() && need.has_files());
        assert!(!SpaceNeed { bytes: 11, ..need.clone() }.has_bytes());
        assert!(!SpaceNeed { files: 4, ..need.clone() }.has_files());
        assert!(SpaceNeed { files: 4, free_files: None, ..need }.has_files());
    }
}
