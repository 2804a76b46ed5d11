//! Keeps file contents that were sent with a manifest in memory. The contents are needed if the closure is
//! not on this machine yet.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;

use rustix::fs::MemfdFlags;

use crate::digest;
use crate::engine::recovery_unit;
use crate::host::disk::Writer;

/// File contents by their SHA-256. Each content is in an anonymous file, which exists as long as this
/// process.
#[derive(Debug, Default)]
pub struct Contents(BTreeMap<String, File>);

impl Contents {
    /// Adds the contents of NixFleet's own files, which a closure need not contain. If the machine has no
    /// memory for these contents, they are missing, like contents that were not sent.
    #[must_use]
    pub fn with_own(mut self) -> Self {
        let own = Self::hold(recovery_unit::contents());
        self.0.extend(own.unwrap_or_default().0);
        self
    }

    /// Stores contents in anonymous files.
    ///
    /// # Errors
    /// Fails if the machine has no memory for the contents.
    pub fn hold<'c>(contents: impl IntoIterator<Item = &'c [u8]>) -> io::Result<Self> {
        let held = contents.into_iter().map(|content| {
            let file = File::from(rustix::fs::memfd_create("nixfleet-content", MemfdFlags::CLOEXEC)?);
            Writer(&file).write_all(content)?;
            Ok((digest::of(content), file))
        });
        held.collect::<io::Result<_>>().map(Self)
    }

    /// Returns a path from which this process and its children can read the content that has this digest.
    #[must_use]
    pub fn path(&self, sha256: &str) -> Option<PathBuf> {
        let file = self.0.get(sha256)?;
        Some(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_found_by_its_digest_and_read_from_its_beginning() {
        let contents = Contents::hold([&b"one"[..], b"two"]).unwrap();
        let path = contents.path(&digest::of(b"two")).unwrap();
        for _ in 0..2 {
            assert_eq!(std::fs::read(&path).unwrap(), b"two");
        }
        assert_eq!(contents.path(&digest::of(b"three")), None);
    }
}
