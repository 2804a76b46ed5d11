//! The problems because of which hosts are not forgotten.

use nixfleet_contract::problem::{Code, Problem};

use crate::remote::bootstrap::StepReport;

/// Returns the problem to report if no host is selected. Unlike other commands, this one never means all
/// hosts.
pub(super) fn no_hosts() -> Problem {
    Problem::new(Code::Usage, "the hosts to forget must be named")
        .because("without a selection, the command would mean every host of the fleet")
        .help("name a host: nixfleet forget web-1 --leave; or every host: nixfleet forget all --leave")
}

/// Returns the problem to report for a `NixOS` host.
pub(super) fn nixos(host: &str) -> Problem {
    Problem::new(Code::Forget, "a NixOS host cannot be forgotten")
        .at(host)
        .because("its configuration is a NixOS system, which needs no NixFleet to run and cannot be removed")
        .help(format!(
            "continue with nixos-rebuild switch --flake .#{host}; docs/how-to/leave.md says how to remove the \
             records of NixFleet"
        ))
}

/// Returns the problem to report if the work of a bootstrap could not be undone completely.
pub(super) fn incomplete(host: &str, report: &StepReport) -> Option<Problem> {
    if report.is_busy {
        let problem = Problem::new(Code::Locked, "a bootstrap is changing the host").at(host);
        return Some(problem.help("wait until it has ended, then run the command again"));
    }
    let left = report.left();
    let step = left.first()?;
    Some(
        Problem::new(
            Code::Forget,
            format!("the step {} of the bootstrap could not be undone", step.as_str()),
        )
        .at(host)
        .because(report.errors.trim_end())
        .help("correct the cause, then run the command again: it continues with this step"),
    )
}
