//! What an apply would find out before it touches anything, found out for the plan.
//!
//! The closure may not be on this machine yet. Then the plan names the contents that the host's tools need,
//! and is asked for once more with those.

use std::collections::BTreeSet;
use std::path::PathBuf;

use nixfleet_contract::inspected::is_for_tools;
use nixfleet_contract::login::Login;
use nixfleet_contract::plan::{Plan, Warning};
use nixfleet_contract::problem::{Code, Problem};

use crate::engine::plan::planner::Planned;
use crate::engine::plan::target::Target;
use crate::engine::validate::judge;
use crate::engine::validate::question::may_come;
use crate::engine::validate::subject::{Subject, inspected};
use crate::engine::validate::{previewed, settle};
use crate::host::Host;

/// On which terms a plan is validated.
#[derive(Clone, Copy, Debug)]
pub struct ValidationTerms<'a> {
    /// Whether it is at all.
    pub enabled: bool,
    /// Whether the plan is only to say what its validation needs: whoever asks for it asks once more then.
    pub may_ask: bool,
    /// Who has to be able to log in afterwards, if anyone.
    pub login: Option<&'a Login>,
}

/// Adds to a plan what the host's own tools say of it, or the contents that they need.
pub fn foresee(planned: &mut Planned, host: &Host, target: &Target, terms: ValidationTerms<'_>) {
    if !host.is_machine() || planned.plan.steps.is_empty() || is_off(&planned.plan) {
        return;
    }
    let foreseen = look(planned, target, terms);
    planned.plan.lacks = foreseen.lacks;
    planned.plan.unvalidated = foreseen.unvalidated;
    planned.plan.problems.extend(foreseen.problems);
    planned.plan.warnings.extend(foreseen.warnings);
}

/// What comes to a plan.
#[derive(Default)]
struct ForeseenPlan {
    lacks: Vec<String>,
    unvalidated: bool,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
}

fn look(planned: &Planned, target: &Target, terms: ValidationTerms<'_>) -> ForeseenPlan {
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
        foreseen.warn(&subject.named(commands.iter().map(|(path, _)| *path)), "--no-validate leaves it out");
        return foreseen;
    }
    let lacking: Vec<_> = needed.iter().filter(|(path, file)| target.place(path, file).is_none()).collect();
    if terms.may_ask {
        // Whoever asks waits for tools only where there is something for them to look at.
        let lacks: BTreeSet<_> = lacking.iter().map(|(_, file)| file.sha256.clone()).collect();
        return ForeseenPlan { lacks: lacks.into_iter().collect(), unvalidated: true, ..foreseen };
    }
    for (path, argv) in commands.iter().filter(|(_, argv)| may_come(argv)) {
        let program = argv.first().map_or("", String::as_str);
        foreseen.warn(path, &format!("its command comes with the closure ({program})"));
    }
    for (path, _) in &lacking {
        foreseen.warn(path, "its new content is too long to be sent along, or not at hand");
    }
    // Beside what is missing the rest would be judged wrongly.
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
        let what = format!("not validated: {why}. An apply does it before it touches anything");
        self.warnings.push(Warning { subject: subject.to_string(), what });
    }
}

/// Whether the steps are not what would be done: they are for another host, or accounts are in the way.
fn is_off(plan: &Plan) -> bool {
    plan.problems.iter().any(|problem| matches!(problem.code, Code::OtherHost | Code::Account))
}
