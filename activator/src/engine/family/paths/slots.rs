//! The places of slots, originals and backups. A record that names any other place was forged or damaged, and
//! is not followed.

use nixfleet_contract::values::AbsPath;
use rustix::fs::Stat;
use serde::{Deserialize, Serialize};

use crate::engine::state::FileStat;
use crate::host::HOME;

/// Directory of slots, under [`HOME`]; used if the destination is on the same filesystem and mount.
pub const SLOTS: &str = "tx";
/// Directory of originals, under [`HOME`]; each has a directory of its own.
pub const ORIGINALS: &str = "originals";
/// The name of an original in its directory.
pub const CONTENT: &str = "content";
/// Directory of backups of replaced content, under [`HOME`].
pub const BACKUPS: &str = "kept";

/// The place where a new thing and the one that it replaces are exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Holds the new thing before the exchange, the old one after it.
    pub place: AbsPath,
    /// Inode of the new thing, once it is staged.
    pub staged: Option<u64>,
    /// The thing that is replaced; `None` if nothing is there.
    pub replaced: Option<Replaced>,
}

/// Tells whether the thing at a path is still the one that the plan replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Length in bytes; zero for a directory.
    pub size: u64,
    /// Time of modification, nanoseconds since 1970-01-01; zero for a directory.
    pub mtime: i64,
    /// Type and permission bits.
    pub mode: u32,
}

impl Replaced {
    /// The data that identifies a `stat` result. Without the inode: an overlay filesystem changes it at the
    /// first write. For a directory only the mode: managed things in it are removed before.
    #[must_use]
    pub fn of(stat: &Stat) -> Self {
        let FileStat { size, mtime, .. } = FileStat::of(stat);
        let (size, mtime) = if stat.st_mode & 0o170_000 == 0o040_000 { (0, 0) } else { (size, mtime) };
        Self { size, mtime, mode: stat.st_mode }
    }
}

/// The slot of an entry under [`HOME`].
#[must_use]
pub fn at_home(transaction: u64, index: usize) -> String {
    format!("{HOME}/{SLOTS}/{transaction}/{index}")
}

/// The slot of an entry in a directory above its destination; the root directory is empty.
#[must_use]
pub fn beside(directory: &str, transaction: u64, index: usize) -> String {
    format!("{directory}/.nixfleet-tx-{transaction}-{index}")
}

/// Whether a place can be the slot of an entry for a path.
#[must_use]
pub fn is_slot(slot: &str, transaction: u64, index: usize, path: &str) -> bool {
    let above = |directory: &str| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
    let directory = slot.strip_suffix(&beside("", transaction, index));
    slot == at_home(transaction, index) || directory.is_some_and(above)
}

/// Whether a place can be an original: alone in its directory, which is removed with it.
#[must_use]
pub fn is_original(path: &str) -> bool {
    let inside = path.strip_prefix(HOME).and_then(|rest| rest.strip_prefix('/'));
    let names: Vec<&str> = inside.into_iter().flat_map(|inside| inside.split('/')).collect();
    matches!(names[..], [ORIGINALS, directory, CONTENT] if !directory.is_empty())
}

/// Whether a place can be a backup.
#[must_use]
pub fn is_copy(path: &str) -> bool {
    path.starts_with(&format!("{HOME}/{BACKUPS}/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_of_our_own_are_slots_originals_and_copies() {
        for slot in ["/var/lib/nixfleet/tx/7/2", "/.nixfleet-tx-7-2", "/srv/.nixfleet-tx-7-2"] {
            assert!(is_slot(slot, 7, 2, "/srv/a/b"), "{slot}");
        }
        for other in [
            "/etc/passwd",
            "/var/lib/nixfleet/tx/7/3",
            "/var/lib/nixfleet/tx/6/2",
            "/etc/.nixfleet-tx-7-2",
            "/sr/.nixfleet-tx-7-2",
            "/srv/a/b/.nixfleet-tx-7-2",
            "/srv/.nixfleet-tx-7-22",
            "/srv/x.nixfleet-tx-7-2",
        ] {
            assert!(!is_slot(other, 7, 2, "/srv/a/b"), "{other}");
        }
        assert!(is_original("/var/lib/nixfleet/originals/x/content"));
        for other in [
            "/var/lib/nixfleet/originals/content",
            "/var/lib/nixfleet/originals/x",
            "/var/lib/nixfleet/originals/x/y/content",
            "/var/lib/nixfleet/kept/x/content",
            "/etc/originals/x/content",
        ] {
            assert!(!is_original(other), "{other}");
        }
        assert!(is_copy("/var/lib/nixfleet/kept/1/etc/a") && !is_copy("/var/lib/nixfleet/keptx/1"));
    }
}
