//! Plans to take hosts back: to an earlier generation, or to where they stood before a rollout.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nixfleet_contract::fleet::{Fleet, Host};
use nixfleet_contract::force::Force;
use nixfleet_contract::plan::Plan;
use nixfleet_contract::policy::Policy;
use nixfleet_contract::problem::{Code, Problem};

use super::carry_out::{Changed, plan_back};
use super::change::PlannedRollout;
use super::connections::Connections;
use super::context::Context;
use super::host_plan::{HostPlan, PlannedOperation};
use super::resume_state::ResumeState;
use super::{planning, reconcile};
use crate::event::{EventKind, Phase, RolloutId};
use crate::inventory::Natural;
use crate::orchestrate::each;
use crate::remote::{Destination, PlanOptions};
use crate::rollout::{Budget, Outline, Record, RolloutHead, RolloutOrigin, RolloutProgress};
use crate::ssh::Session;
use crate::state::StateDir;
use crate::{health, remote};

/// How hosts are taken back.
#[derive(Clone, Copy)]
pub struct Rollback<'a> {
    /// The connections.
    pub connections: Connections,
    /// In spite of which objections.
    pub force: &'a [Force],
    /// How hosts plan.
    pub options: PlanOptions,
}

/// Where it comes from, what would change, and what it goes by.
type Planning = (RolloutOrigin, Vec<HostPlan>, Outline);

/// Plans to take these hosts of a fleet back to a generation.
///
/// # Errors
/// The outline cannot be made, or there is no place for connections.
pub async fn of_hosts(
    origin: RolloutOrigin,
    (fleet, hosts): (&Fleet, Vec<Host>),
    to: Destination,
    how: Rollback<'_>,
    context: &Context,
) -> anyhow::Result<PlannedRollout> {
    let outline = Outline::of(fleet, &hosts, policy(how.connections))?;
    let outline = Outline { groups: Vec::new(), ..outline };
    let hosts = hosts.into_iter().map(|host| (host, Back::To(to))).collect();
    let planning = (origin, ask(hosts, how, context).await?, outline);
    Ok(rollout(planning, ResumeState::Nothing, context))
}

/// Plans to take every host back that a rollout has changed and that still stands where it put it. Nothing if
/// no host does and the rollout could have gone on: then it has ended.
///
/// # Errors
/// Nothing is known of the rollout, or nothing is left to take back.
pub async fn of_rollout(
    id: &RolloutId,
    how: Rollback<'_>,
    context: &Context,
) -> anyhow::Result<Option<PlannedRollout>> {
    let (head, progress, record) = Record::resume(&StateDir::find()?, id)?;
    context.events.say(head.origin.known());
    let backs = ways_back(&head, &progress, how.connections, context).await?;
    if backs.is_empty() && progress.can_go_on() {
        record.close()?;
        return Ok(None);
    }
    let hosts = backs.keys().cloned().collect();
    let planning = plan_backs(head, backs, how, context).await?;
    Ok(Some(rollout(planning, ResumeState::Undone { record, hosts }, context)))
}

/// All at once, as far as the budgets of their tags let it.
fn rollout(
    (origin, plans, outline): Planning,
    resume_state: ResumeState,
    context: &Context,
) -> PlannedRollout {
    PlannedRollout { id: context.id.clone(), origin, outline, plans, excluded: Vec::new(), resume_state }
}

/// The ways back of the hosts that a rollout has changed. Where nobody wrote down how a host ended, it is
/// asked itself.
async fn ways_back(
    head: &RolloutHead,
    progress: &RolloutProgress,
    connections: Connections,
    context: &Context,
) -> anyhow::Result<BTreeMap<String, Back>> {
    let behind = |(host, changed)| (host, Back::Behind(changed));
    let mut backs: BTreeMap<String, Back> = progress.changed().into_iter().map(behind).collect();
    let unknown = || head.hosts.iter().filter(|(name, _)| progress.is_unknown(name));
    let closures = unknown().map(|(name, planned)| (name.clone(), planned.closure.clone())).collect();
    let hosts = unknown().map(|(_, planned)| planned.host.clone()).collect();
    let sessions = connections.sessions(hosts)?;
    for (host, asked) in reconcile::ask(sessions, &closures, connections.at_once(), context).await? {
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
async fn plan_backs(
    head: RolloutHead,
    mut backs: BTreeMap<String, Back>,
    how: Rollback<'_>,
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
        policy: policy(how.connections),
        waves: vec![wave],
        budgets: budgets.collect(),
        groups: Vec::new(),
    };
    Ok((head.origin, ask(hosts, how, context).await?, outline))
}

/// Going back stops for nobody's failure.
fn policy(connections: Connections) -> Policy {
    Policy { max_parallel: connections.at_once(), ..Policy::plain() }
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
    how: Rollback<'_>,
    context: &Context,
) -> anyhow::Result<Vec<HostPlan>> {
    let (hosts, backs): (Vec<_>, Vec<_>) = hosts.into_iter().unzip();
    let sessions = how.connections.sessions(hosts)?;
    let asked = sessions.iter().cloned().zip(backs).collect();
    let planned =
        each(asked, how.connections.at_once(), &context.interrupt, |(session, back): (Arc<Session>, _)| {
            let (events, force, options) = (context.events.clone(), how.force.to_vec(), how.options);
            async move {
                let name = &session.host().name;
                events.say(EventKind::HostPhase { host: name.clone(), phase: Phase::Planning });
                let planned = one(&session, back, &force, options).await;
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

/// Why a host may not be the one that is meant. It goes back to what was its own once, whatever that was
/// called; only it has to be this one.
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
