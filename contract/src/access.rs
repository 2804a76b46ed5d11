//! The mode and the owners of a path.

use serde::{Deserialize, Serialize};

use crate::values::{Mode, Owner};

/// Mode, owner and group of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// Octal permission bits, such as `0640`.
    pub mode: Mode,
    /// Name of the owner.
    pub owner: Owner,
    /// Name of the group.
    pub group: Owner,
    /// Whether a file on the host has an access control list in addition to its mode. NixFleet itself never
    /// sets such a list.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub list: bool,
}

impl Access {
    /// Returns the mode, owner and group of a directory that is created only because a managed path is in it.
    #[must_use]
    pub fn of_implicit_directory() -> Self {
        Self { mode: Mode::DIRECTORY, owner: Owner::root(), group: Owner::root(), list: false }
    }

    /// Returns whether users other than the owner and the group cannot read a file with this mode.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.mode.bits() & 0o004 == 0
    }

    /// Returns whether only root and the owner of a directory can replace files in it. This is the case if
    /// neither the group nor other users may write to the directory, or if the directory is sticky and owned
    /// by root.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let bits = self.mode.bits();
        bits & 0o022 == 0 || (bits & 0o1000 != 0 && *self.owner == *"root")
    }
}
