//! The run that holds the lock of a host.

use serde::{Deserialize, Serialize};

use crate::run_id::RunId;

/// A run that holds the lock of a host, as written in the lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// The operator who started the run, as `user@machine`.
    pub who: String,
    /// The command of the run, `apply` or `rollback`.
    pub command: String,
    /// The process id of the run on the host.
    pub pid: u32,
    /// The time at which the run started, in seconds since 1970-01-01 UTC.
    pub since: u64,
    /// The id of the run, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The revision of the flake that the run applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

impl Holder {
    /// Sets the revision of the flake that the run applies.
    #[must_use]
    pub fn of_revision(mut self, revision: Option<String>) -> Self {
        self.revision = revision;
        self
    }

    /// Sets the id of the run.
    #[must_use]
    pub fn of_run(mut self, run: RunId) -> Self {
        self.run = Some(run);
        self
    }

    /// Describes the run in one sentence. `now` is the current time, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn described(&self, now: u64) -> String {
        let Self { who, command, pid, since, .. } = self;
        format!("{who} has been running {command} (process {pid}) for {} s", now.saturating_sub(*since))
    }
}
