//! `nixfleet rollback`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nixfleet_activate::fleet::Host;
use nixfleet_activate::policy::Policy;
use nixfleet_activate::problem::{Code, Problem};

use super::carry_out::{Changed, plan_back};
use super::change::Manner;
use super::host_plan::{HostPlan, Planned};
use super::memory::Memory;
use super::{Context, change, confirm, planning, targets};
use crate::args::{Destination, RollbackArgs, TargetArgs};
use crate::event::{Happening, Phase};
use crate::exit::Exit;
use crate::orchestrate::each;
use crate::remote;
use crate::rollout::{Budget, Head, Origin, Outline, Record};
use crate::ssh::Session;
use crate::state::StateDir;

/// Asks the hosts what going back would change, then the user, and puts the hosts back.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &RollbackArgs, context: &Context) -> anyhow::Result<Exit> {
    confirm::check(args.yes, context)?;
    let (window, force) = (args.window, args.force.force.as_slice());
    let manner = Manner { yes: args.yes, window, force, substitute: false };
    let Some(rollout) = &args.rollout else {
        let (origin, plans, outline) = of_hosts(args, context).await?;
        let rollout = change::back(context.id.clone(), origin, plans, outline, Memory::Nothing);
        return change::execute(rollout, manner, context).await;
    };
    let (head, told, record) = Record::resume(&StateDir::find()?, rollout)?;
    context.events.say(head.origin.known());
    let changed = told.changed();
    if changed.is_empty() && told.can_go_on() {
        record.close()?;
        context.show("No host stands where this rollout put it. It has ended.\n");
        return context.finish(Vec::new(), None);
    }
    let hosts = changed.keys().cloned().collect();
    let (origin, plans, outline) = of_rollout(head, changed, &args.targets, context).await?;
    let memory = Memory::Undone { record, hosts };
    change::execute(change::back(context.id.clone(), origin, plans, outline, memory), manner, context).await
}

/// Where it comes from, what would change, and what it goes by.
type Planning = (Origin, Vec<HostPlan>, Outline);

/// The selected hosts, to a generation.
async fn of_hosts(args: &RollbackArgs, context: &Context) -> anyhow::Result<Planning> {
    let selected = targets::select(&args.targets.flake, &args.targets.selection, context).await?;
    let policy = policy(&args.targets);
    let outline = Outline { groups: Vec::new(), ..Outline::of(&selected.fleet, &selected.hosts, policy)? };
    let back = |_: &str| Back::To(args.to);
    let origin = selected.origin;
    Ok((origin, ask(selected.hosts, back, &args.targets, context).await?, outline))
}

/// The hosts that a rollout has changed, to where they stood before.
async fn of_rollout(
    head: Head,
    changed: BTreeMap<String, Changed>,
    targets: &TargetArgs,
    context: &Context,
) -> anyhow::Result<Planning> {
    let hosts: Vec<Host> = head
        .hosts
        .into_values()
        .filter(|planned| changed.contains_key(&planned.host.name))
        .map(|planned| planned.host)
        .collect();
    if hosts.is_empty() {
        return Err(Problem::new(Code::NoRollout, "there is nothing to take back")
            .at(head.rollout)
            .because("no host stands where this rollout put it")
            .into());
    }
    let names: BTreeSet<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
    let wave = hosts.iter().map(|host| host.name.clone()).collect();
    let budgets: Vec<Budget> = head.outline.budgets;
    let kept = |name: &String| names.contains(name.as_str());
    let budgets = budgets
        .into_iter()
        .map(|budget| Budget { hosts: budget.hosts.into_iter().filter(kept).collect(), ..budget });
    let outline = Outline {
        policy: policy(targets),
        waves: vec![wave],
        budgets: budgets.collect(),
        groups: Vec::new(),
    };
    let back = |name: &str| changed.get(name).cloned().map_or(Back::To(Destination::Previous), Back::Behind);
    Ok((head.origin, ask(hosts, back, targets, context).await?, outline))
}

/// Going back stops for nobody's failure.
fn policy(targets: &TargetArgs) -> Policy {
    Policy { max_parallel: targets.at_once(), ..Policy::plain() }
}

/// How far a host goes back.
enum Back {
    /// To this generation.
    To(Destination),
    /// To where it stood before a change, if it still stands as that left it.
    Behind(Changed),
}

async fn ask(
    hosts: Vec<Host>,
    back: impl Fn(&str) -> Back,
    targets: &TargetArgs,
    context: &Context,
) -> anyhow::Result<Vec<HostPlan>> {
    let sessions = targets::sessions(hosts, targets)?;
    let planned = each(sessions.clone(), targets.at_once(), &context.interrupt, |session| {
        let (events, back) = (context.events.clone(), back(&session.host().name));
        async move {
            let name = &session.host().name;
            events.say(Happening::HostPhase { host: name.clone(), phase: Phase::Planning });
            let planned = one(&session, back).await;
            events.say(planning::said(name, &planned));
            planned
        }
    });
    let planned = planned.await?;
    Ok(sessions.into_iter().zip(planned).map(|(session, planned)| HostPlan { session, planned }).collect())
}

async fn one(session: &Arc<Session>, back: Back) -> Result<Planned, Problem> {
    match back {
        Back::Behind((before, made)) => plan_back(session, before.as_ref(), &made).await,
        Back::To(to) => {
            let (plan, activator) = remote::plan_rollback(session, to).await?;
            Planned::back(plan, to, activator)
        }
    }
}
