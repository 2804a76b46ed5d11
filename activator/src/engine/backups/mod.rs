//! Backups: listed, shown, and dropped under the lock of the host.

mod discard;
mod list;
mod show;

pub use discard::discard;
pub(in crate::engine) use list::is_ours;
pub use list::list;
pub use show::{BackupSelector, show};
