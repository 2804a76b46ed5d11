//! Checks that a report belongs to the change that was ordered. The operator's machine cannot verify what a
//! host says about itself, but a report about another change must not count as a success.

use nixfleet_contract::fleet::Host;
use nixfleet_contract::outcome::{Outcome, ReasonCode};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Report;

/// The result that the report of a change must show if the report claims success.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The closure that the host must run after the change.
    pub closure: &'a str,
    /// The number of the generation after the change, if it is known in advance.
    pub number: Option<u64>,
    /// Whether the closure was made for the current name of the host. An earlier generation may have been
    /// made for another name.
    pub is_named: bool,
}

impl Expected<'_> {
    /// Checks a report if it claims success. `is_confirmed` is true if the host asked for the confirmation,
    /// or if the change needed no confirmation.
    ///
    /// # Errors
    /// The report cannot belong to this change.
    pub fn check(self, report: &Report, host: &Host, is_confirmed: bool) -> Result<(), Problem> {
        let is_good = match report.outcome {
            Outcome::Ok | Outcome::Unchanged | Outcome::Deferred => true,
            // If only apt has changed the host, the host keeps its generation.
            Outcome::Partial => !report.reason_code.is_some_and(ReasonCode::is_of_apt),
            Outcome::Blocked
            | Outcome::Skipped
            | Outcome::Failed
            | Outcome::RolledBack
            | Outcome::Unreachable => false,
        };
        let Some(why) = self.objection(report, host, is_confirmed).filter(|_| is_good) else {
            return Ok(());
        };
        let name = &host.name;
        Err(Problem::new(Code::BadAnswer, "the host reports a different change than the requested one")
            .at(name)
            .because(why)
            .help(format!("check the state of the host: nixfleet status --host {name}")))
    }

    fn objection(self, report: &Report, host: &Host, is_confirmed: bool) -> Option<String> {
        if self.is_named && report.host != host.name {
            return Some(format!("the report is about {}", report.host));
        }
        let Some(after) = &report.after else { return Some("the report names no generation".to_owned()) };
        if after.closure != self.closure {
            return Some(format!("the host should be at {}, but reports {}", self.closure, after.closure));
        }
        if let Some(number) = self.number.filter(|number| *number != after.number) {
            return Some(format!("the host should be at generation {number}, but reports {}", after.number));
        }
        let is_changed = report.outcome.has_changed() && report.steps_done > 0;
        (is_changed && !is_confirmed)
            .then(|| "the change required a confirmation, but the host never requested it".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::remote::answer::tests::host;

    fn report(name: &str, outcome: &str, number: u64, closure: &str) -> Report {
        let after = json!({ "number": number, "closure": closure });
        let report = json!({
            "schema": 1, "host": name, "outcome": outcome, "before": null, "after": after, "stepsDone": 2,
            "kept": [], "problem": null, "recovered": null, "durationMs": 5,
        });
        serde_json::from_value(report).unwrap()
    }

    #[test]
    fn only_the_report_of_this_change_tells_of_its_success() {
        let expected = Expected { closure: "/nix/store/x", number: Some(2), is_named: true };
        let objection = |name, number, closure, is_confirmed| {
            let checked = expected.check(&report(name, "ok", number, closure), &host(), is_confirmed);
            checked.map_err(|problem| problem.why.unwrap())
        };
        assert_eq!(objection("web-1", 2, "/nix/store/x", true), Ok(()));
        for (name, number, closure, is_confirmed, saying) in [
            ("web-2", 2, "/nix/store/x", true, "about web-2"),
            ("web-1", 2, "/nix/store/y", true, "reports /nix/store/y"),
            ("web-1", 9, "/nix/store/x", true, "reports 9"),
            ("web-1", 2, "/nix/store/x", false, "never requested"),
        ] {
            let why = objection(name, number, closure, is_confirmed).unwrap_err();
            assert!(why.contains(saying), "{why}");
        }
    }

    #[test]
    fn a_failure_is_believed_and_an_old_name_is_where_a_host_goes_back() {
        let expected = Expected { closure: "/nix/store/x", number: None, is_named: false };
        assert!(expected.check(&report("old", "ok", 1, "/nix/store/x"), &host(), true).is_ok());
        for outcome in ["failed", "rolled-back", "blocked"] {
            assert!(expected.check(&report("", outcome, 1, "/nix/store/y"), &host(), false).is_ok());
        }
        let partial = report("", "partial", 1, "/nix/store/y");
        assert!(expected.check(&partial, &host(), true).is_err());
        let reason_code = Some(ReasonCode::AptForwardOnly);
        assert!(expected.check(&Report { reason_code, ..partial }, &host(), true).is_ok());
    }
}
