//! `nixfleet apply`.

use nixfleet_contract::outcome::Outcome;

use nixfleet_operator::operation::change::{ChangeOptions, PlannedRollout};

use super::change::Question;
use super::{Context, change, confirm, plan, resume, targets};
use crate::args::{ApplyArgs, PlanArgs};
use crate::exit::Exit;
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::nix::ClosureReceiver;
use nixfleet_operator::operation::fleet::{Evaluated, Participants};
use nixfleet_operator::operation::host_plan::HostPlan;
use nixfleet_operator::operation::planning;
use nixfleet_operator::operation::planning::{Asking, Trying};
use nixfleet_operator::operation::resume_state::ResumeState;
use nixfleet_operator::operation::saved_plan::SavedPlan;
use nixfleet_operator::rollout::Outline;

/// Plans, asks, and brings the hosts to what the flake describes.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &ApplyArgs, context: &Context) -> anyhow::Result<Exit> {
    if args.dry_run {
        let (targets, force, rollout) = (args.targets.clone(), args.force.clone(), args.rollout.clone());
        let planning = args.planning;
        let args = PlanArgs { targets, force, rollout, planning, exit_code: false, out: None };
        return plan::execute(&args, context).await;
    }
    confirm::check(args.yes, context)?;
    args.planning.check(context.output, false)?;
    let (force, substitute) = (&args.force.force, args.substitute_on_destination);
    let options = ChangeOptions { window: args.window.window(), force, substitute };
    if let Some(resumed) = &args.resume {
        return resume::execute(resumed, args, options, context).await;
    }
    match planned(args, context).await? {
        Ok(rollout) => {
            let question = Question { what: "Apply to", yes: args.yes };
            change::execute(rollout, question, options, context).await
        }
        Err((results, exit)) => context.refuse(results, exit),
    }
}

/// What every host has to do with it that nothing is applied at all, and how the command ends.
type Refused = (Vec<HostResult>, Exit);

/// What to apply, or why nothing is applied at all.
async fn planned(args: &ApplyArgs, context: &Context) -> anyhow::Result<Result<PlannedRollout, Refused>> {
    let parallel = args.targets.at_once();
    let (force, options) = (args.force.force.as_slice(), args.planning.options());
    let id = context.operation.id.clone();
    let Some(file) = &args.plan else {
        let (Evaluated { origin, nix, fleet }, selected) =
            targets::select_to_build(&args.targets.flake, &args.targets.selection.selection(), context)
                .await?;
        let policy = |policy| args.rollout.of(policy);
        let Participants { hosts, excluded, outline } =
            Participants::of(&fleet, selected, policy, args.targets.parallel, &context.operation)?;
        let sessions = args.targets.connections().sessions(hosts)?;
        let asking = Asking { force, options, parallel, trying: Some(Trying::of(args.yes, &origin.flake)) };
        return Ok(match planning::prepare(&nix, sessions, asking, &context.operation).await? {
            Ok((closures, plans)) => {
                let resume_state = ResumeState::New { closures };
                Ok(PlannedRollout { id, origin, outline, plans, excluded, resume_state })
            }
            Err(results) => Err((results, Exit::Refused)),
        });
    };
    let saved = SavedPlan::read(file)?;
    context.operation.events.say(saved.origin.known());
    let (sessions, closures) = (args.targets.connections().sessions(saved.hosts())?, saved.closures());
    let asking = Asking { force, options, parallel, trying: Some(Trying::of(args.yes, &saved.origin.flake)) };
    let plans =
        planning::ask(sessions, ClosureReceiver::of(closures.clone()), asking, &context.operation).await?;
    let exact = |plan: &HostPlan| plan.plan().is_some_and(|now| saved.objection(plan.name(), now).is_none());
    if plans.iter().all(exact) {
        let mut policy = args.rollout.run.of(saved.outline.policy.clone());
        policy.max_parallel = args.targets.parallel.unwrap_or(policy.max_parallel);
        let outline = Outline { policy, ..saved.outline };
        let (resume_state, origin, excluded) = (ResumeState::New { closures }, saved.origin, Vec::new());
        return Ok(Ok(PlannedRollout { id, origin, outline, plans, excluded, resume_state }));
    }
    let results: Vec<HostResult> = plans.iter().map(|plan| refused(plan, &saved)).collect();
    let exit = context.exit(&results);
    Ok(Err((results, exit)))
}

/// The result of a host of a saved plan that is not applied because something differs.
fn refused(plan: &HostPlan, saved: &SavedPlan) -> HostResult {
    let Some(now) = plan.plan() else { return plan.result() };
    match saved.objection(plan.name(), now) {
        Some(problem) => HostResult { plan: Some(now.clone()), ..HostResult::failed(plan.name(), problem) },
        None => HostResult::new(plan.name(), Outcome::Skipped),
    }
}
