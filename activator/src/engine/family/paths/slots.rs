//! The locations of slots, originals and backups. A journal or state that names any other location is forged
//! or damaged, and is rejected.

use nixfleet_contract::values::AbsPath;
use rustix::fs::Stat;
use serde::{Deserialize, Serialize};

use crate::engine::state::FileStat;
use crate::host::HOME;

/// The name of the directory under [`HOME`] that contains slots. A slot is created in this directory if the
/// managed path is on the same filesystem and mount as [`HOME`].
pub const SLOTS: &str = "tx";
/// The name of the directory under [`HOME`] that contains originals, each in its own subdirectory.
pub const ORIGINALS: &str = "originals";
/// The name of an original in its subdirectory.
pub const CONTENT: &str = "content";
/// The name of the directory under [`HOME`] that contains the backups that are not originals.
pub const BACKUPS: &str = "kept";

/// A location at which a new file, link or directory is staged. It is then exchanged with what exists at the
/// managed path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The path of the slot. It contains the new file, link or directory before the exchange, and the
    /// replaced file, link or directory afterwards.
    pub place: AbsPath,
    /// The inode of the new file, link or directory, or `None` if nothing is staged yet.
    pub staged: Option<u64>,
    /// The attributes of what is replaced, or `None` if nothing exists at the managed path.
    pub replaced: Option<Replaced>,
}

/// The attributes of a file, link or directory that will be replaced. They show whether the file, link or
/// directory has changed since the change was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The length in bytes, or 0 for a directory.
    pub size: u64,
    /// The time of modification in nanoseconds since 1970-01-01, or 0 for a directory.
    pub mtime: i64,
    /// The file type and permission bits.
    pub mode: u32,
}

impl Replaced {
    /// Returns the attributes in a `stat` result. The inode is not included, since an overlay filesystem
    /// changes the inode number at the first write. For a directory, only the mode is included, since the
    /// removal of managed files from the directory changes its size and time.
    #[must_use]
    pub fn of(stat: &Stat) -> Self {
        let FileStat { size, mtime, .. } = FileStat::of(stat);
        let (size, mtime) = if stat.st_mode & 0o170_000 == 0o040_000 { (0, 0) } else { (size, mtime) };
        Self { size, mtime, mode: stat.st_mode }
    }
}

/// Returns the path of the slot of a journal entry, for a slot under [`HOME`]. `index` is the position of the
/// entry in the transaction.
#[must_use]
pub fn at_home(transaction: u64, index: usize) -> String {
    format!("{HOME}/{SLOTS}/{transaction}/{index}")
}

/// Returns the path of the slot of a journal entry, for a slot in `directory`, which is a directory above the
/// managed path. For the root directory, `directory` is empty.
#[must_use]
pub fn beside(directory: &str, transaction: u64, index: usize) -> String {
    format!("{directory}/.nixfleet-tx-{transaction}-{index}")
}

/// Whether `slot` is a location that NixFleet can have chosen as the slot of a journal entry. `path` is the
/// managed path of the entry.
#[must_use]
pub fn is_slot(slot: &str, transaction: u64, index: usize, path: &str) -> bool {
    let above = |directory: &str| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
    let directory = slot.strip_suffix(&beside("", transaction, index));
    slot == at_home(transaction, index) || directory.is_some_and(above)
}

/// Whether `path` can be the location of an original: the name [`CONTENT`] in a subdirectory of
/// [`ORIGINALS`].
#[must_use]
pub fn is_original(path: &str) -> bool {
    let inside = path.strip_prefix(HOME).and_then(|rest| rest.strip_prefix('/'));
    let names: Vec<&str> = inside.into_iter().flat_map(|inside| inside.split('/')).collect();
    matches!(names[..], [ORIGINALS, directory, CONTENT] if !directory.is_empty())
}

/// Whether `path` can be the location of a backup that is not an original.
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
