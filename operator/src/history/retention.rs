//! The limits on the size of the history.

use rusqlite::Connection;

/// The limits on the size of the history. The newest command is always kept.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The maximum number of commands.
    pub commands: usize,
    /// The maximum number of hosts over all commands.
    pub hosts: usize,
}

/// The limits in use, which amount to about 50 MiB. They are repeated in docs/how-to/history.md.
pub const BOUNDS: Bounds = Bounds { commands: 5000, hosts: 200_000 };

/// Deletes the oldest commands beyond the limits. The database reuses the freed space.
///
/// # Errors
/// Fails if the database cannot be written.
pub fn forget(connection: &Connection, bounds: Bounds) -> rusqlite::Result<usize> {
    connection.execute(include_str!("forget.sql"), (bounds.commands, bounds.hosts))
}
