//! Shows plans, asks, and has them carried out as a rollout. The end of `apply` and of `rollback`.

use nixfleet_operator::event::{End, EventKind};
use nixfleet_operator::operation::change::{self, ChangeOptions, PlannedRollout};
use nixfleet_operator::state::StateDir;

use super::{Context, confirm, plan};
use crate::exit::Exit;
use crate::render;

/// The question before hosts are changed.
#[derive(Clone, Copy)]
pub struct Question {
    /// Its first words, such as `Apply to`.
    pub what: &'static str,
    /// `--yes` was given: nobody is asked.
    pub yes: bool,
}

/// Shows the plans, asks unless told not to, carries them out, and says what became of each host.
///
/// # Errors
/// Only a bug; what goes wrong on a host is in its result.
pub async fn execute(
    rollout: PlannedRollout,
    question: Question,
    options: ChangeOptions<'_>,
    context: &Context,
) -> anyhow::Result<Exit> {
    let totals = plan::show(&rollout.plans, context)?;
    let count = rollout.plans.iter().filter(|plan| plan.is_to_change()).count();
    let errands = change::errands(&rollout.origin, &rollout.plans);
    let new_errands = plan::show_errands(&errands, &rollout.origin, context);
    if count > 0 {
        plan::show_waves(&rollout.outline, &rollout.plans, &rollout.excluded, context);
    }
    if count > 0 && !question.yes {
        plan::show_without(&rollout.plans, context);
        plan::show_totals(totals, context);
        let hosts = if count == 1 { "host" } else { "hosts" };
        if !confirm::ask(format!("{} {count} {hosts}?", question.what)).await? {
            context.operation.events.say(EventKind::Declined);
            render::err("nothing was changed");
            return Ok(Exit::Refused);
        }
    }
    let is_done = count == 0 && !rollout.resume_state.goes_on();
    // What nobody was asked about has not been agreed to. If it cannot be recorded, it is shown again.
    if (!is_done || question.yes)
        && let Ok(state) = StateDir::find()
        && let Err(problem) = errands.record(&state, &rollout.origin.flake)
    {
        context.operation.warn(None, &problem.to_string());
    }
    if is_done {
        let results = change::results(&rollout.plans, &rollout.excluded);
        let exit = context.exit(&results);
        return context.refuse(results, exit);
    }
    context.operation.interrupt.hosts_are_changing();
    let (results, mut view, is_recorded) = rollout.carry_out(options, &context.operation).await?;
    view.new_errands = new_errands;
    context.show(&render::results(&results));
    context.show(&render::after_blocked(context.operation.command, &results));
    if let (true, Some(id), Some(end)) = (is_recorded, &view.id, view.end) {
        context.show(&render::what_next(id, end, view.reason.as_deref()));
    }
    if context.operation.interrupt.is_requested() && view.end == Some(End::Complete) {
        context.show(&render::interrupted_after_all());
    }
    context.finish(results, Some(view))
}
