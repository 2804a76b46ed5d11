//! Who runs on a host.

use serde::{Deserialize, Serialize};

use crate::run::RunId;

/// Who runs, as the lock file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// The person, `user@machine`.
    pub who: String,
    /// What they run, `apply` or `rollback`.
    pub command: String,
    /// The process on the host.
    pub pid: u32,
    /// Since when, in seconds since 1970-01-01 UTC.
    pub since: u64,
    /// The name of the run, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The revision of the flake that is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

impl Holder {
    /// The same, with the revision of the flake that is applied.
    #[must_use]
    pub fn of_revision(mut self, revision: Option<String>) -> Self {
        self.revision = revision;
        self
    }

    /// The same, as a run of this name.
    #[must_use]
    pub fn of_run(mut self, run: RunId) -> Self {
        self.run = Some(run);
        self
    }

    /// Who runs what, and for how long at a time in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn described(&self, now: u64) -> String {
        let Self { who, command, pid, since, .. } = self;
        format!("{who} has been running {command} (process {pid}) for {} s", now.saturating_sub(*since))
    }
}
