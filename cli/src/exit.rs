//! The exit codes of the program, and how they follow from the outcomes of hosts.

use std::process::ExitCode;

use nixfleet_contract::outcome::Outcome;

use nixfleet_operator::host_result::HostResult;

/// The exit codes of `nixfleet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every host is ok, unchanged or deferred, or is partial with a reason code that does not count as a
    /// failure. Hosts that the inventory excludes are ignored.
    Good = 0,
    /// The command line, the flake or the inventory is wrong, or the user declined. Nothing was changed on
    /// any host.
    Refused = 1,
    /// At least one host is not as it should be, or standard output is incomplete.
    HostFailed = 2,
    /// The plan has changes, and the user requested this exit code for such a plan.
    Changes = 3,
    /// The user interrupted the command.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// Returns the exit code that follows from the results of all hosts. With `strict`, every deferred or
    /// partial host counts as failed.
    pub fn of(results: &[HostResult], interrupted: bool, strict: bool) -> Self {
        if interrupted {
            Self::Interrupted
        } else if results.iter().all(|result| is_success(result, strict)) {
            Self::Good
        } else {
            Self::HostFailed
        }
    }
}

/// Returns whether the result of a host allows the exit code 0.
fn is_success(result: &HostResult, strict: bool) -> bool {
    match result.outcome {
        Outcome::Ok | Outcome::Unchanged => true,
        Outcome::Deferred => !strict,
        Outcome::Partial => !strict && result.reason_code.is_some_and(|code| !code.is_failure()),
        Outcome::Skipped => result.is_excluded(),
        Outcome::Blocked | Outcome::Failed | Outcome::RolledBack | Outcome::Unreachable => false,
    }
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::outcome::ReasonCode;

    use super::*;

    fn exit(outcomes: &[Outcome], strict: bool) -> Exit {
        let results: Vec<HostResult> =
            outcomes.iter().map(|outcome| HostResult::new("h", *outcome)).collect();
        Exit::of(&results, false, strict)
    }

    #[test]
    fn hosts_that_are_well_or_wait_end_with_zero() {
        assert_eq!(exit(&[Outcome::Ok, Outcome::Unchanged, Outcome::Deferred], false), Exit::Good);
        for bad in [
            Outcome::Partial,
            Outcome::Blocked,
            Outcome::Skipped,
            Outcome::Failed,
            Outcome::RolledBack,
            Outcome::Unreachable,
        ] {
            assert_eq!(exit(&[Outcome::Ok, bad], false), Exit::HostFailed, "{bad}");
        }
        assert_eq!(exit(&[Outcome::Ok, Outcome::Deferred], true), Exit::HostFailed, "--fail-deferred");
        assert_eq!(Exit::of(&[], true, false), Exit::Interrupted);
        let reason = Some("maintenance: new disks".to_owned());
        let excluded = HostResult { reason, ..HostResult::new("h", Outcome::Skipped) };
        assert_eq!(Exit::of(&[excluded], false, true), Exit::Good);
    }

    #[test]
    fn what_is_left_of_a_partial_host_says_whether_it_failed() {
        let partial = |reason_code| HostResult { reason_code, ..HostResult::new("h", Outcome::Partial) };
        for code in [None, Some(ReasonCode::HealthChecks), Some(ReasonCode::Unknown)] {
            assert_eq!(Exit::of(&[partial(code)], false, false), Exit::HostFailed, "{code:?}");
        }
        let newer: ReasonCode = serde_json::from_str("\"reboot-on-tuesdays\"").unwrap();
        assert_eq!(newer, ReasonCode::Unknown, "what a newer host says is read, and never green");
    }
}
