//! Validates a plan in the same way as an apply, which validates before it changes anything.
//!
//! The closure may not be on the host yet. In that case, the plan lists the file contents that the tools
//! need, and the client requests the plan a second time and sends these contents along.

use std::collections::BTreeSet;
use std::path::PathBuf;

use nixfleet_contract::inspected::is_for_tools;
use nixfleet_contract::login::Login;
use nixfleet_contract::plan::{Plan, Warning};
use nixfleet_contract::problem::{Code, Problem};

use crate::engine::plan::planner::PlannedTransaction;
use crate::engine::plan::target::Target;
use crate::engine::validate::judge;
use crate::engine::validate::question::may_come;
use crate::engine::validate::subject::{Subject, inspected};
use crate::engine::validate::{previewed, settle};
use crate::host::Host;

/// The options for the validation of a plan.
#[derive(Clone, Copy, Debug)]
pub struct ValidationTerms<'a> {
    /// Whether to validate the plan at all.
    pub enabled: bool,
    /// Whether to only list the missing file contents. The plan is then validated when the client requests it
    /// a second time.
    pub may_ask: bool,
    /// The user who must still be able to log in after the change, if any.
    pub login: Option<&'a Login>,
}

/// Adds to a plan the findings of the host's tools, or the list of file contents that the tools need.
pub fn foresee(planned: &mut PlannedTransaction, host: &Host, target: &Target, terms: ValidationTerms<'_>) {
    if !host.is_machine() || planned.plan.steps.is_empty() || is_off(&planned.plan) {
        return;
    }
    let foreseen = look(planned, target, terms);
    planned.plan.lacks.extend(foreseen.lacks);
    planned.plan.unvalidated |= foreseen.unvalidated;
    planned.plan.problems.extend(foreseen.problems);
    planned.plan.warnings.extend(foreseen.warnings);
}

/// The results of a validation, which are added to the plan.
#[derive(Default)]
struct ForeseenPlan {
    lacks: Vec<String>,
    unvalidated: bool,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
}

fn look(planned: &PlannedTransaction, target: &Target, terms: ValidationTerms<'_>) -> ForeseenPlan {
    let mut foreseen = ForeseenPlan::default();
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"));
    let subject = Subject::of(planned, target, terms.login).for_plan(planned, target, program);
    let needed: Vec<_> = inspected(planned, target, terms.login).collect();
    let commands = needed.iter().filter_map(|(path, file)| Some((*path, file.validate.as_ref()?)));
    let commands: Vec<_> = commands.collect();
    if subject.is_empty() && commands.is_empty() {
        return foreseen;
    }
    if !terms.enabled {
        foreseen.warn(&subject.named(commands.iter().map(|(path, _)| *path)), "--no-validate skips it");
        return foreseen;
    }
    let lacking: Vec<_> = needed.iter().filter(|(path, file)| target.place(path, file).is_none()).collect();
    if terms.may_ask {
        // The first request does not run the tools. The client sends a second request because `unvalidated`
        // is set.
        let lacks: BTreeSet<_> = lacking.iter().map(|(_, file)| file.sha256.clone()).collect();
        return ForeseenPlan { lacks: lacks.into_iter().collect(), unvalidated: true, ..foreseen };
    }
    for (path, argv) in commands.iter().filter(|(_, argv)| may_come(argv)) {
        let program = argv.first().map_or("", String::as_str);
        foreseen.warn(
            path,
            &format!(
                "its validation command comes with the new closure, which may not be on the host yet \
                 ({program})"
            ),
        );
    }
    for (path, _) in &lacking {
        foreseen.warn(
            path,
            "its new content is too long to be sent with the request for a plan, or is not available",
        );
    }
    // If the content of a file that a tool needs is missing, the tool would judge the other files wrongly. So
    // run no tools.
    let user = terms.login.map_or("root", |login| login.user.as_str());
    if subject.is_empty() || lacking.iter().any(|(path, _)| is_for_tools(path, user)) {
        return foreseen;
    }
    let found = match previewed(&subject) {
        Ok(verdict) => settle(&subject, verdict),
        Err(why) => judge::one_by_one(&subject, &why),
    };
    foreseen.problems = found.problems;
    let note = |what| Warning { subject: "validation".to_owned(), what };
    foreseen.warnings.extend(found.notes.into_iter().map(note));
    foreseen
}

impl ForeseenPlan {
    fn warn(&mut self, subject: &str, why: &str) {
        let what =
            format!("not validated for this plan: {why}. An apply validates it before it changes anything");
        self.warnings.push(Warning { subject: subject.to_string(), what });
    }
}

/// Whether the steps of the plan differ from those of an apply, because the plan is for another host or has
/// problems with accounts.
fn is_off(plan: &Plan) -> bool {
    plan.problems.iter().any(|problem| matches!(problem.code, Code::OtherHost | Code::Account))
}
