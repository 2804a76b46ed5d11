//! The common part of `apply` and `rollback`. These subcommands show what would change, ask for confirmation,
//! change the hosts, and report the result.

use nixfleet_operator::event::End;
use nixfleet_operator::operation::planned_change::PlannedChange;
use nixfleet_operator::operation::recover_hosts::RecoverHosts;
use nixfleet_operator::operation::rollout::{Ended, Proposal, Rollout};
use nixfleet_operator::operation::verb::Operation;
use nixfleet_operator::stop::Stop;
use nixfleet_operator::text::{hosts, one_line};

use super::{Context, confirm, plan};
use crate::exit::Exit;
use crate::render;

/// Shows the plans, asks for confirmation unless `rollout.yes` is set, carries the plans out, and reports the
/// result of each host. `what` is the start of the question, such as `Apply to`.
///
/// # Errors
/// Returns an error only for a bug. A problem on a host is part of the result of that host.
pub async fn execute<O, T>(rollout: Rollout<O>, what: &str, context: &Context) -> Result<Exit, Stop>
where
    O: Operation<Plan = PlannedChange<T>>,
    T: Send + Sync + 'static,
{
    let has_recovered = rollout.has_recovered();
    let ask = async |proposal: Proposal<'_, O>| ask(&proposal, what, context).await;
    end(rollout.propose(ask, &context.operation).await?, has_recovered, context)
}

/// Reports how a proposed rollout ended. `has_recovered`: whether the command has recovered hosts before.
///
/// # Errors
/// Returns an error only for a bug.
pub fn end(ended: Ended, has_recovered: bool, context: &Context) -> Result<Exit, Stop> {
    match ended {
        Ended::Declined => Ok(declined(has_recovered)),
        Ended::NothingToDo(results) => {
            let exit = context.exit(&results);
            context.refuse(results, exit)
        }
        Ended::Done { results, view, is_recorded } => {
            context.show(&render::results(&results));
            context.show(&render::after_blocked(context.operation.command, &results));
            if let (true, Some(id), Some(end)) = (is_recorded, &view.id, view.end) {
                context.show(&render::what_next(id, end, view.reason.as_deref(), view.can_go_back));
            }
            if context.operation.interrupt.is_requested() && view.end == Some(End::Complete) {
                context.show(&render::interrupted_after_all());
            }
            context.finish(results, Some(*view))
        }
    }
}

/// The decision about hosts on which a run was interrupted.
pub enum Recovery {
    /// No further host has to recover.
    None,
    /// These hosts recover, and then everything is planned again.
    Agreed(RecoverHosts),
    /// The user declined the recovery.
    Declined,
}

/// Asks, unless `yes` is set, whether hosts may recover from interrupted runs. A host has to recover before
/// it can be changed, and the recovery is itself a change that needs the consent of the user. The user is not
/// asked again about the hosts in `agreed`.
///
/// # Errors
/// Returns an error only for a bug.
pub async fn recovery<O, T>(
    rollout: &Rollout<O>,
    agreed: &RecoverHosts,
    context: &Context,
) -> Result<Recovery, Stop>
where
    O: Operation<Plan = PlannedChange<T>>,
    T: Send + Sync + 'static,
{
    let interrupted = rollout.interrupted();
    let interrupted: Vec<_> = interrupted.into_iter().filter(|(host, _)| !agreed.has(host)).collect();
    if interrupted.is_empty() {
        return Ok(Recovery::None);
    }
    for (host, run) in &interrupted {
        context.show(&format!("{host} was interrupted: {}\n", one_line(run)));
    }
    if rollout.yes {
        return Ok(Recovery::Agreed(RecoverHosts::All));
    }
    let count = hosts(interrupted.len());
    // A host that is interrupted only after the question was not shown, so it does not recover unasked.
    let shown = interrupted.iter().map(|(host, _)| *host);
    let is_agreed = confirm::ask(format!("Recover {count}, then plan again?")).await?;
    Ok(if is_agreed { Recovery::Agreed(agreed.clone().and(shown)) } else { Recovery::Declined })
}

/// Ends a command that the user declined. `has_recovered`: whether the command has recovered hosts before
/// that.
pub fn declined(has_recovered: bool) -> Exit {
    render::err(if has_recovered { "nothing else was changed" } else { "nothing was changed" });
    Exit::Refused
}

/// Shows the proposed change, and asks for confirmation.
async fn ask<O, T>(proposal: &Proposal<'_, O>, what: &str, context: &Context) -> Result<bool, Stop>
where
    O: Operation<Plan = PlannedChange<T>>,
    T: Send + Sync + 'static,
{
    let (rollout, count) = (proposal.rollout, proposal.to_change);
    let totals = plan::show(&rollout.plans, context)?;
    context.show(&render::errands(proposal.new_errands));
    if count > 0 {
        plan::show_waves(&rollout.outline, &rollout.plans, &rollout.excluded, context);
    }
    if count == 0 || rollout.yes {
        return Ok(true);
    }
    plan::show_without(&rollout.plans, context);
    plan::show_totals(totals, context);
    let hosts = if count == 1 { "host" } else { "hosts" };
    confirm::ask(format!("{what} {count} {hosts}?")).await
}
