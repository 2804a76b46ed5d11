//! `nixfleet rollback`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::force::Force;
use nixfleet_contract::plan::Plan;
use nixfleet_contract::policy::Policy;
use nixfleet_contract::problem::{Code, Problem};

use super::carry_out::{Changed, plan_back};
use super::change::CarryOutOptions;
use super::host_plan::{HostPlan, PlannedOperation};
use super::resume_state::ResumeState;
use super::{Context, change, confirm, found, planning, targets};
use crate::args::{RollbackArgs, TargetArgs};
use crate::exit::Exit;
use nixfleet_operator::event::{Happening, Phase};
use nixfleet_operator::inventory::Natural;
use nixfleet_operator::orchestrate::each;
use nixfleet_operator::remote::{Destination, PlanOptions};
use nixfleet_operator::rollout::{Budget, Outline, Record, RolloutHead, RolloutOrigin, RolloutProgress};
use nixfleet_operator::ssh::Session;
use nixfleet_operator::state::StateDir;
use nixfleet_operator::{health, remote};

/// Asks the hosts what going back would change, then the user, and puts the hosts back.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &RollbackArgs, context: &Context) -> anyhow::Result<Exit> {
    confirm::check(args.yes, context)?;
    args.planning.check(context.output, false)?;
    let (window, force) = (args.window, args.force.force.as_slice());
    let options = CarryOutOptions { yes: args.yes, window, force, substitute: false };
    let Some(rollout) = &args.rollout else {
        let (origin, plans, outline) = of_hosts(args, context).await?;
        let rollout = change::back(context.id.clone(), origin, plans, outline, ResumeState::Nothing);
        return change::execute(rollout, options, context).await;
    };
    let (head, progress, record) = Record::resume(&StateDir::find()?, rollout)?;
    context.events.say(head.origin.known());
    let backs = ways_back(&head, &progress, &args.targets, context).await?;
    if backs.is_empty() && progress.can_go_on() {
        record.close()?;
        context.show("No host stands where this rollout put it. It has ended.\n");
        return context.finish(Vec::new(), None);
    }
    let hosts = backs.keys().cloned().collect();
    let (origin, plans, outline) = of_rollout(head, backs, args, context).await?;
    let resume_state = ResumeState::Undone { record, hosts };
    change::execute(change::back(context.id.clone(), origin, plans, outline, resume_state), options, context)
        .await
}

/// Where it comes from, what would change, and what it goes by.
type Planning = (RolloutOrigin, Vec<HostPlan>, Outline);

/// The selected hosts, to a generation.
async fn of_hosts(args: &RollbackArgs, context: &Context) -> anyhow::Result<Planning> {
    let selected = targets::select(&args.targets.flake, &args.targets.selection.selection(), context).await?;
    let policy = policy(&args.targets);
    let outline = Outline { groups: Vec::new(), ..Outline::of(&selected.fleet, &selected.hosts, policy)? };
    let back = |host| (host, Back::To(args.to));
    let hosts = selected.hosts.into_iter().map(back).collect();
    Ok((selected.origin, ask(hosts, args, context).await?, outline))
}

/// The ways back of the hosts that a rollout has changed. Where nobody wrote down how a host ended, it is asked itself.
async fn ways_back(
    head: &RolloutHead,
    progress: &RolloutProgress,
    targets: &TargetArgs,
    context: &Context,
) -> anyhow::Result<BTreeMap<String, Back>> {
    let behind = |(host, changed)| (host, Back::Behind(changed));
    let mut backs: BTreeMap<String, Back> = progress.changed().into_iter().map(behind).collect();
    let unknown = || head.hosts.iter().filter(|(name, _)| progress.is_unknown(name));
    let closures = unknown().map(|(name, planned)| (name.clone(), planned.closure.clone())).collect();
    let hosts = unknown().map(|(_, planned)| planned.host.clone()).collect();
    let sessions = targets::sessions(hosts, targets)?;
    for (host, asked) in found::ask(sessions, &closures, targets.at_once(), context).await? {
        match asked {
            Ok(end) => backs.extend(end.and_then(|end| end.made()).map(|changed| behind((host, changed)))),
            Err(problem) => {
                backs.insert(host, Back::Unknown(problem));
            }
        }
    }
    Ok(backs)
}

/// The hosts that a rollout has changed, to where they stood before.
async fn of_rollout(
    head: RolloutHead,
    mut backs: BTreeMap<String, Back>,
    args: &RollbackArgs,
    context: &Context,
) -> anyhow::Result<Planning> {
    let hosts =
        head.hosts.into_iter().filter_map(|(name, planned)| Some((planned.host, backs.remove(&name)?)));
    let mut hosts: Vec<(Host, Back)> = hosts.collect();
    hosts.sort_by_cached_key(|(host, _)| Natural::of(&host.name));
    if hosts.is_empty() {
        return Err(Problem::new(Code::NoRollout, "there is nothing to take back")
            .at(head.rollout)
            .because("no host stands where this rollout put it")
            .into());
    }
    let names: BTreeSet<&str> = hosts.iter().map(|(host, _)| host.name.as_str()).collect();
    let wave = hosts.iter().map(|(host, _)| host.name.clone()).collect();
    let budgets: Vec<Budget> = head.outline.budgets;
    let kept = |name: &String| names.contains(name.as_str());
    let budgets = budgets
        .into_iter()
        .map(|budget| Budget { hosts: budget.hosts.into_iter().filter(kept).collect(), ..budget });
    let outline = Outline {
        policy: policy(&args.targets),
        waves: vec![wave],
        budgets: budgets.collect(),
        groups: Vec::new(),
    };
    Ok((head.origin, ask(hosts, args, context).await?, outline))
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
    /// Nowhere: it may stand where a rollout has put it, and could not be asked.
    Unknown(Problem),
}

async fn ask(
    hosts: Vec<(Host, Back)>,
    args: &RollbackArgs,
    context: &Context,
) -> anyhow::Result<Vec<HostPlan>> {
    let (hosts, backs): (Vec<_>, Vec<_>) = hosts.into_iter().unzip();
    let sessions = targets::sessions(hosts, &args.targets)?;
    let asked = sessions.iter().cloned().zip(backs).collect();
    let planned =
        each(asked, args.targets.at_once(), &context.interrupt, |(session, back): (Arc<Session>, _)| {
            let (events, force, planning) =
                (context.events.clone(), args.force.force.clone(), args.planning.options());
            async move {
                let name = &session.host().name;
                events.say(Happening::HostPhase { host: name.clone(), phase: Phase::Planning });
                let planned = one(&session, back, &force, planning).await;
                events.say(planning::said(name, &planned));
                planned
            }
        });
    let planned = planned.await?;
    Ok(sessions.into_iter().zip(planned).map(|(session, planned)| HostPlan { session, planned }).collect())
}

async fn one(
    session: &Arc<Session>,
    back: Back,
    force: &[Force],
    options: PlanOptions,
) -> Result<PlannedOperation, Problem> {
    match back {
        Back::Unknown(problem) => Err(problem),
        Back::Behind((before, made)) => plan_back(session, before.as_ref(), &made, force).await,
        Back::To(to) => {
            let (mut plan, activator) = remote::plan_rollback(session, to, options).await?;
            plan.problems.extend(other_host(session.host(), &plan));
            if let Some(checks) = health::of_closure(&plan.target).filter(|_| !plan.steps.is_empty()) {
                plan.problems.extend(health::obstacles(session, &checks).await);
            }
            plan.overrule(force);
            PlannedOperation::back(plan, to, activator)
        }
    }
}

/// Why a host may not be the one that is meant. It goes back to what was its own once, whatever that was called; only it has to
/// be this one.
fn other_host(host: &Host, plan: &Plan) -> Option<Problem> {
    let Host { name, addr, .. } = host;
    let last = plan.applied_as.as_ref().filter(|last| *last != name)?;
    Some(
        Problem::new(Code::OtherHost, format!("this host was last applied as {last}, not as {name}"))
            .at(format!("{name} ({addr})"))
            .because("the addresses of two hosts may have been swapped in the inventory")
            .help(format!("correct hosts.{name}.addr; where the host has a new name: --force host-name")),
    )
}
