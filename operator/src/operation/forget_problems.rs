//! The problems because of which hosts are not forgotten.

use nixfleet_contract::problem::{Code, Problem};

use super::bootstrap_problems::gone;
use crate::bootstrap::{Step, StepEnd};
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

/// Returns the problem to report if not all of these steps of a bootstrap were undone.
pub(super) fn incomplete(host: &str, steps: &[Step], report: &StepReport) -> Option<Problem> {
    if let Some(owner) = &report.busy {
        let problem = Problem::new(Code::Locked, "a bootstrap is changing the host").at(host);
        let problem = problem.because(format!("it is the bootstrap of {owner}"));
        return Some(problem.help("wait until it has ended, then run the command again"));
    }
    if report.is_gone {
        return Some(gone(host));
    }
    let is_undone = |step: &Step| {
        let mut ends = report.steps.iter().filter(|each| each.step == *step).peekable();
        ends.peek().is_some() && ends.all(|each| each.end == StepEnd::Undone)
    };
    let step = steps.iter().find(|step| !is_undone(step))?;
    let why = match report.errors.trim_end() {
        "" => "the undo was interrupted on the host",
        errors => errors,
    };
    let what = format!("the step {} of the bootstrap could not be undone", step.as_str());
    let help = "correct the cause, then run the command again: it continues with this step";
    Some(Problem::new(Code::Forget, what).at(host).because(why).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::Reported;

    #[test]
    fn an_undo_that_ended_early_is_no_success() {
        let steps = [Step::Daemon, Step::Packages];
        let report = |ends: &[(Step, StepEnd)], errors: &str| {
            let steps = ends.iter().map(|(step, end)| Reported { step: *step, end: *end }).collect();
            StepReport { steps, errors: errors.to_owned(), busy: None, is_gone: false }
        };
        let all = [(Step::Daemon, StepEnd::Undone), (Step::Packages, StepEnd::Undone)];
        assert_eq!(incomplete("web-1", &steps, &report(&all, "")), None);
        let killed = incomplete("web-1", &steps, &report(&all[..1], "")).unwrap();
        assert_eq!(killed.why.as_deref(), Some("the undo was interrupted on the host"));
        let left = [all[0], (Step::Packages, StepEnd::Left)];
        let problem = incomplete("web-1", &steps, &report(&left, "others need nix-bin: nix-tools\n"));
        expect_test::expect![[r"
            [NF-310] the step packages of the bootstrap could not be undone
              where: web-1
              why: others need nix-bin: nix-tools
              help: correct the cause, then run the command again: it continues with this step"]]
        .assert_eq(&problem.unwrap().to_string());
    }
}
