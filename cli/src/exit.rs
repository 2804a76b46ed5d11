//! How a command ends: the outcome of a problem, and the exit code of outcomes, in one place.

use std::process::ExitCode;

use nixfleet_activate::problem::{Code, Problem};
use nixfleet_activate::report::Outcome;

use crate::document::HostResult;

/// The exit codes of `nixfleet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every host is ok or unchanged, but for those that the inventory leaves out.
    Good = 0,
    /// The command line, the flake or the inventory is wrong; nothing was touched.
    Refused = 1,
    /// Some host is not as it should be, or nobody was told that they are.
    HostFailed = 2,
    /// A plan has changes, and the user asked to be told.
    Changes = 3,
    /// The user interrupted.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The code for these hosts.
    pub fn of(results: &[HostResult], interrupted: bool) -> Self {
        if interrupted {
            Self::Interrupted
        } else if results.iter().all(|result| result.outcome.is_good() || result.is_left_out()) {
            Self::Good
        } else {
            Self::HostFailed
        }
    }
}

/// How a host ends that stopped at this problem.
pub const fn outcome_of(problem: &Problem) -> Outcome {
    match problem.code {
        Code::Unreachable | Code::SshAuth | Code::HostKey => Outcome::Unreachable,
        Code::NoSudo
        | Code::NoNix
        | Code::Locked
        | Code::Conflict
        | Code::PlanOutdated
        | Code::NoGeneration
        | Code::UnsafePath => Outcome::Blocked,
        _ => Outcome::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(outcomes: &[Outcome]) -> Exit {
        let results: Vec<HostResult> =
            outcomes.iter().map(|outcome| HostResult::new("h", *outcome)).collect();
        Exit::of(&results, false)
    }

    #[test]
    fn only_ok_and_unchanged_end_with_zero() {
        assert_eq!(exit(&[Outcome::Ok, Outcome::Unchanged]), Exit::Good);
        for bad in [
            Outcome::Partial,
            Outcome::Deferred,
            Outcome::Blocked,
            Outcome::Skipped,
            Outcome::Failed,
            Outcome::RolledBack,
            Outcome::Unreachable,
        ] {
            assert_eq!(exit(&[Outcome::Ok, bad]), Exit::HostFailed, "{bad}");
        }
        assert_eq!(Exit::of(&[], true), Exit::Interrupted);
        let reason = Some("maintenance: new disks".to_owned());
        let left_out = HostResult { reason, ..HostResult::new("h", Outcome::Skipped) };
        assert_eq!(Exit::of(&[left_out], false), Exit::Good);
    }
}
