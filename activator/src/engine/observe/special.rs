//! Devices, sockets and pipes, which NixFleet neither creates nor removes.

use std::fmt;

use nixfleet_contract::values::Owner;
use rustix::fs::FileType;

use crate::host::file_type::name_of;

/// A device, socket or pipe, and its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Special {
    /// The type of the file.
    pub kind: FileType,
    /// The owner of the file.
    pub owner: Owner,
}

/// Formats the file for people, such as "a pipe of `ada`".
impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of `{}`", name_of(self.kind), self.owner)
    }
}
