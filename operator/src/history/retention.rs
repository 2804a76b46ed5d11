//! How much is recorded.

use rusqlite::Connection;

/// How much of the history is kept. The newest command always is.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The most commands.
    pub commands: usize,
    /// How many hosts in all of them.
    pub hosts: usize,
}

/// About 50 MiB. Also said in docs/how-to/history.md.
pub const BOUNDS: Bounds = Bounds { commands: 5000, hosts: 200_000 };

/// Forgets the oldest commands beyond the bounds. The room they took is used again.
///
/// # Errors
/// The database cannot be written.
pub fn forget(connection: &Connection, bounds: Bounds) -> rusqlite::Result<usize> {
    connection.execute(include_str!("forget.sql"), (bounds.commands, bounds.hosts))
}
