//! The journal of a transaction of apt: present while dpkg may change packages.

use std::collections::BTreeMap;

use nixfleet_contract::apt::FirstStart;
use nixfleet_contract::apt::plan::{AptPhase, AptPlan};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::PackageName;
use serde::{Deserialize, Serialize};

use crate::host::{HOME, Host};

/// The name of the journal under [`HOME`].
pub const RECORD: &str = "apt-journal.json";

/// The journal of a transaction of apt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AptJournal {
    /// The schema version, always [`AptJournal::SCHEMA`].
    pub schema: u32,
    /// The phase whose packages may have changed.
    pub phase: AptPhase,
    /// The plan that apt carries out.
    pub plan: AptPlan,
    /// When the units of packages start for the first time, if it is not the usual moment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub starts: BTreeMap<PackageName, FirstStart>,
    /// Whether the plan updates the operating system. New packages are then not owned, and their starts are
    /// not held: nothing that is declared configures them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_update: bool,
}

impl AptJournal {
    /// The schema that this activator writes and reads.
    pub const SCHEMA: u32 = 1;

    /// Reads the journal of a host. Returns `None` if no transaction of apt was interrupted.
    ///
    /// # Errors
    /// [`Code::State`] if the journal cannot be read.
    pub fn read(host: &Host) -> Result<Option<Self>, Problem> {
        let unreadable = |why: String| {
            Problem::new(Code::State, "the journal of apt cannot be read")
                .at(format!("{HOME}/{RECORD}"))
                .because(why)
                .help("run `dpkg --audit` on the host, complete what it lists, then move the journal away")
        };
        host.read_versioned(RECORD, Self::SCHEMA).map_err(unreadable)
    }

    /// Writes the journal to disk.
    ///
    /// # Errors
    /// [`Code::HostFile`] or [`Code::DiskFull`].
    pub fn write(&self, host: &Host) -> Result<(), Problem> {
        host.write_record(RECORD, self)
    }
}
