//! Contents of files that came with a manifest, held in memory: the closure may not be on this machine yet.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;

use rustix::fs::MemfdFlags;

use crate::digest;
use crate::engine::recovery_unit;
use crate::host::disk::Writer;

/// Contents by their SHA-256. Each is a file without a name, gone with this process.
#[derive(Debug, Default)]
pub struct Contents(BTreeMap<String, File>);

impl Contents {
    /// Holds those of NixFleet's own files too, which no closure has to bring. Where the machine has no
    /// memory for them, they are missing like any other.
    #[must_use]
    pub fn with_own(mut self) -> Self {
        let own = Self::hold(recovery_unit::contents());
        self.0.extend(own.unwrap_or_default().0);
        self
    }

    /// Holds these.
    ///
    /// # Errors
    /// The machine has no memory for them.
    pub fn hold<'c>(contents: impl IntoIterator<Item = &'c [u8]>) -> io::Result<Self> {
        let held = contents.into_iter().map(|content| {
            let file = File::from(rustix::fs::memfd_create("nixfleet-content", MemfdFlags::CLOEXEC)?);
            Writer(&file).write_all(content)?;
            Ok((digest::of(content), file))
        });
        held.collect::<io::Result<_>>().map(Self)
    }

    /// Where a content can be read, by this process and by those that it starts.
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
