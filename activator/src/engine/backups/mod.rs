//! Lists, shows and drops backups.

mod discard;
mod list;
mod show;

pub use discard::discard;
pub(in crate::engine) use list::is_ours;
pub use list::list;
pub use show::{BackupSelector, show};
