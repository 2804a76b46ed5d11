//! Lists, shows and drops backups, which hosts make before NixFleet replaces or removes an existing path.

mod choice;
mod discard;
mod list;
mod show;

pub use choice::{BackupPaths, Choice, Chosen};
pub use discard::{DropBackups, DropBackupsRequest, PlannedDrop};
pub use list::ListBackupsRequest;
pub use show::{ShowBackupRequest, ShownBackup};
