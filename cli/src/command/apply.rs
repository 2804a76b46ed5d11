//! The subcommand `nixfleet apply`.

use nixfleet_operator::operation::apply_request::{ApplyRequest, Source};
use nixfleet_operator::operation::recover_hosts::RecoverHosts;
use nixfleet_operator::operation::saved_plan::SavedPlan;
use nixfleet_operator::stop::Stop;

use super::change::{self, Recovery};
use super::{Context, confirm, plan};
use crate::args::{ApplyArgs, PlanArgs};
use crate::exit::Exit;

/// Plans the change, asks for confirmation, and changes the hosts to match the flake.
///
/// # Errors
/// The command stopped before it reached any host.
pub async fn execute(args: &ApplyArgs, context: &Context) -> Result<Exit, Stop> {
    if args.dry_run {
        let (targets, force, rollout) = (args.targets.clone(), args.force.clone(), args.rollout.clone());
        let planning = args.planning;
        let args =
            PlanArgs { targets, force, rollout, planning, dry_activate: false, exit_code: false, out: None };
        return plan::execute(&args, context).await;
    }
    confirm::check(args.yes, context)?;
    args.planning.check(context.output, false)?;
    let mut request = request(args, context)?;
    let mut rollout = request.plan(&context.operation).await?;
    loop {
        match change::recovery(&rollout, &request.recover, context).await? {
            Recovery::None => break,
            Recovery::Agreed(hosts) => {
                // A rollout that is resumed holds its record, which the next planning opens.
                drop(rollout);
                request.recover = hosts;
                rollout = request.plan(&context.operation).await?;
            }
            Recovery::Declined => return Ok(change::declined(rollout.has_recovered())),
        }
    }
    let what = if args.resume.is_some() { "Go on with" } else { "Apply to" };
    let exit = change::execute(rollout, what, context).await?;
    if let (Some(file), Exit::Good) = (&args.plan, exit) {
        // Every host has its closure, and the plan cannot be applied again.
        SavedPlan::release(file);
    }
    Ok(exit)
}

fn request(args: &ApplyArgs, context: &Context) -> Result<ApplyRequest, Stop> {
    let source = match (&args.resume, &args.plan) {
        (Some(resumed), _) => Source::Rollout(resumed.clone()),
        (None, Some(file)) => Source::Plan(file.clone()),
        (None, None) => Source::Flake,
    };
    Ok(ApplyRequest {
        targets: args.planning.limit(args.targets.targets(context.output)?),
        source,
        policy: args.rollout.request(),
        options: args.planning.options(),
        force: args.force.force.clone(),
        window: args.window.window(),
        substitute: args.substitute_on_destination,
        recover: RecoverHosts::default(),
        yes: args.yes,
        dry_run: false,
    })
}
