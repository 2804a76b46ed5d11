//! Backups: what hosts kept before it was replaced or removed. Lists, shows and drops them.

mod choice;
mod discard;
mod list;
mod show;

pub use choice::{BackupPaths, Choice, Chosen};
pub use discard::{DropBackups, DropBackupsRequest, PlannedDrop};
pub use list::ListBackupsRequest;
pub use show::{ShowBackupRequest, ShownBackup};
