//! The common part of subcommands that work on hosts wave by wave and undo nothing: they show what would be
//! done, ask for confirmation, do the work, and report the results.

use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::operation::host_plan::HostPlan;
use nixfleet_operator::operation::rollout::{self, Proposal, Rollout};
use nixfleet_operator::operation::rollout_view::RolloutView;
use nixfleet_operator::operation::verb::Operation;
use nixfleet_operator::stop::Stop;

use super::{Context, change, confirm, plan};
use crate::exit::Exit;
use crate::render;

/// The texts of a subcommand.
pub struct Words<'a, O: Operation> {
    /// Formats what would be done on the hosts.
    pub plans: &'a dyn Fn(&[HostResult]) -> String,
    /// Returns the question that the user is asked.
    pub question: &'a dyn Fn(&Proposal<'_, O>) -> String,
}

/// Shows a planned rollout, asks for confirmation unless `rollout.yes` is set, and carries it out, unless
/// `dry_run` is set.
///
/// # Errors
/// Returns an error only for a bug. A problem on a host is part of the result of that host.
pub async fn execute<O: Operation>(
    rollout: Rollout<O>,
    words: Words<'_, O>,
    dry_run: bool,
    context: &Context,
) -> Result<Exit, Stop> {
    if dry_run {
        show(&rollout, &words, context);
        let Rollout { outline, plans, excluded, .. } = rollout;
        let (policy, waves) = (outline.policy, outline.waves);
        let (id, end, reason, new_errands) = (None, None, None, Vec::new());
        let view = RolloutView { id, policy, waves, end, reason, can_go_back: false, new_errands };
        return context.finish(rollout::results(&plans, &excluded), Some(view));
    }
    let ask = async |proposal: Proposal<'_, O>| {
        let rollout = proposal.rollout;
        show(rollout, &words, context);
        context.show(&render::errands(proposal.new_errands));
        if proposal.to_change == 0 || rollout.yes {
            return Ok(true);
        }
        plan::show_without(&rollout.plans, context);
        confirm::ask((words.question)(&proposal)).await
    };
    let ended = rollout.propose(ask, &context.operation).await?;
    change::end(ended, false, context)
}

fn show<O: Operation>(rollout: &Rollout<O>, words: &Words<'_, O>, context: &Context) {
    let results: Vec<HostResult> = rollout.plans.iter().map(HostPlan::result).collect();
    context.show(&(words.plans)(&results));
    if rollout.plans.iter().any(HostPlan::is_to_change) {
        plan::show_waves(&rollout.outline, &rollout.plans, &rollout.excluded, context);
    }
}
