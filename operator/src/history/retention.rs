//! The limits on the size of the history.

use rusqlite::Connection;

/// The limits on the size of the history. The newest command is always kept.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The maximum number of commands.
    pub commands: usize,
    /// The maximum number of host records of all commands together.
    pub hosts: usize,
}

/// The limits that NixFleet uses. A history of this size takes about 50 MiB. docs/how-to/history.md states
/// the same limits.
pub const BOUNDS: Bounds = Bounds { commands: 5000, hosts: 200_000 };

/// Deletes the oldest commands until the history is within the limits. The database reuses the freed space.
///
/// # Errors
/// Fails if the database cannot be written.
pub fn forget(connection: &Connection, bounds: Bounds) -> rusqlite::Result<usize> {
    connection.execute(include_str!("forget.sql"), (bounds.commands, bounds.hosts))
}
