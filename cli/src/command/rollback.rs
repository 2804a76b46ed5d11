//! `nixfleet rollback`.

use super::change::Manner;
use super::host_plan::{HostPlan, Planned, Way};
use super::{Context, change, confirm, planning, targets};
use crate::args::RollbackArgs;
use crate::event::{Happening, Phase};
use crate::exit::Exit;
use crate::orchestrate::each;
use crate::remote;

/// Asks the hosts what going back would change, then the user, and puts the hosts back.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &RollbackArgs, context: &Context) -> anyhow::Result<Exit> {
    confirm::check(args.yes, context)?;
    let (_, hosts) = targets::select(&args.targets.flake, &args.targets.selection, context).await?;
    let sessions = targets::sessions(hosts, args.targets.connect_timeout)?;
    let (parallel, to) = (args.targets.parallel, args.to);
    let planned = each(sessions.clone(), parallel, &context.interrupt, |session| {
        let events = context.events.clone();
        async move {
            let name = &session.host().name;
            events.say(Happening::HostPhase { host: name.clone(), phase: Phase::Planning });
            let plan = remote::plan_rollback(&session, to).await;
            let planned =
                plan.map(|(plan, activator)| Planned { plan, way: Way::Rollback { to, activator } });
            events.say(planning::said(name, &planned));
            planned
        }
    });
    let planned = planned.await?;
    let plans = sessions.into_iter().zip(planned).map(|(session, planned)| HostPlan { session, planned });
    let (window, force) = (args.window, args.force.force.as_slice());
    let manner = Manner { yes: args.yes, parallel, window, force, substitute: false };
    change::execute(plans.collect(), "Roll back", manner, context).await
}
