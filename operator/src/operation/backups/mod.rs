//! Lists, shows and drops backups. A host makes a backup of an existing file or directory before NixFleet
//! replaces or removes it.

mod choice;
mod discard;
mod list;
mod show;

pub use choice::{BackupPaths, Choice, Chosen};
pub use discard::{DropBackups, DropBackupsRequest, PlannedDrop};
pub use list::ListBackupsRequest;
pub use show::{ShowBackupRequest, ShownBackup};
