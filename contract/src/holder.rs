//! The run that holds the lock of a host.

use serde::{Deserialize, Serialize};

use crate::run_id::RunId;

/// A run that holds the lock of a host, as written in the lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// The operator who started the run, as `user@machine`.
    pub who: String,
    /// The command of the run: `apply`, `rollback` or `os-update`.
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

    /// Describes, in one sentence, the run that now holds the lock. `now` is the current time, in seconds
    /// since 1970-01-01 UTC.
    #[must_use]
    pub fn described(&self, now: u64) -> String {
        let Self { who, command, pid, .. } = self;
        format!("{who} has been running {command} (process {pid}) for {}", self.age(now))
    }

    /// Describes the run after it was interrupted, such as `apply by ada@desk, begun 5 min ago`. `now` is the
    /// current time, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn interrupted(&self, now: u64) -> String {
        let Self { who, command, .. } = self;
        format!("{command} by {who}, begun {} ago", self.age(now))
    }

    /// Returns the time since the start of the run, in a unit in which the number is small.
    fn age(&self, now: u64) -> String {
        match now.saturating_sub(self.since) {
            seconds @ ..120 => format!("{seconds} s"),
            seconds @ ..7_200 => format!("{} min", seconds / 60),
            seconds @ ..172_800 => format!("{} h", seconds / 3_600),
            seconds => format!("{} days", seconds / 86_400),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_a_run_is_a_small_number() {
        let (who, command) = ("ada@desk".to_owned(), "apply".to_owned());
        let holder = Holder { who, command, pid: 7, since: 1_000, run: None, revision: None };
        assert_eq!(holder.described(1_008), "ada@desk has been running apply (process 7) for 8 s");
        for (age, told) in [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_200, "2 h"), (200_000, "2 days")] {
            assert_eq!(holder.interrupted(1_000 + age), format!("apply by ada@desk, begun {told} ago"));
        }
        assert_eq!(holder.interrupted(0), "apply by ada@desk, begun 0 s ago", "the clock was set back");
    }
}
