//! The process that holds the lock for which a run waits.

use serde::{Deserialize, Serialize};

/// A process that holds a lock of apt or dpkg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LockHolder {
    /// The id of the process.
    pub process: i32,
    /// The name of the program, such as `unattended-upgr`; empty if the process has ended.
    pub name: String,
    /// The start of the process, in seconds since 1970-01-01 UTC; `None` if it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
}
