//! Rollback: returns hosts to an earlier generation, or to their state before a rollout.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::force::Force;
use nixfleet_contract::policy::Policy;
use nixfleet_contract::problem::{Code, Problem};
use serde::{Deserialize, Serialize};

use super::connections::Connections;
use super::context::Context;
use super::fleet::Evaluated;
use super::going_back::{ChangeTerms, TargetGeneration};
use super::host_plan::ask;
use super::planned_change::PlannedChange;
use super::reconcile::{self, UnrecordedChange};
use super::recover_hosts::RecoverHosts;
use super::resume_state::ResumeState;
use super::rollout::Rollout;
use super::targets::Targets;
use super::verb::{Changed, Operation};
use super::window::Window;
use crate::event::{Bus, EventKind, Phase, RolloutId};
use crate::host_result::HostResult;
use crate::inventory::Natural;
use crate::remote::{Destination, PlanOptions};
use crate::rollout::{Budget, Outline, PlannedHost, Record, RolloutHead, RolloutOrigin, RolloutProgress};
use crate::ssh::Session;
use crate::state::StateDir;
use crate::stop::Stop;

/// A request to roll hosts back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollbackRequest {
    /// The hosts to roll back. If a whole rollout is undone, only the connection settings in `targets` are
    /// used, because the record of the rollout lists the hosts.
    pub targets: Targets,
    /// The state to roll back to.
    pub to: BackTo,
    /// The options with which each host plans.
    pub options: PlanOptions,
    /// The objections to overrule: reasons for which a host would otherwise refuse the rollback.
    pub force: Vec<Force>,
    /// The time within which the operator must confirm each rollback, by reaching the host over a new
    /// connection.
    pub window: Window,
    /// The hosts that recover from interrupted runs before they plan. If the plan of another host shows an
    /// interrupted run, the user should be asked, and the request planned again with this host added.
    #[serde(default)]
    pub recover: RecoverHosts,
    /// Whether to change hosts without asking the user.
    pub yes: bool,
    /// Whether to plan without changing any host or any record of this machine.
    #[serde(default)]
    pub dry_run: bool,
}

/// The state to which hosts are rolled back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BackTo {
    /// The generation with the given number, or the previous generation.
    Generation(Destination),
    /// The generation that each host had before this rollout. A host is rolled back only if it still has the
    /// generation that the rollout made.
    BeforeRollout(RolloutId),
}

/// The state to which one host is rolled back.
enum Back {
    /// The generation with the given number, or the previous generation.
    To(Destination),
    /// The generation before a change, if the host still has the generation that the change made.
    Undo(Changed),
    /// The generation that the host had before the rollout. A run was interrupted on the host, so the host
    /// has to recover before it can tell whether the rollout made its current generation. Contains a
    /// generation that the host can plan until then.
    Recovered(Destination, Box<PlannedHost>),
    /// No known state: the rollout may have changed the host, but the host could not be asked whether it did.
    Unknown(Problem),
}

/// Hosts, and the state to which each is rolled back.
type WaysBack = Vec<(Host, Back)>;

/// An operation that rolls hosts back.
pub struct Rollback {
    /// The state to which each host is rolled back, by host name.
    backs: BTreeMap<String, Back>,
    options: PlanOptions,
    terms: ChangeTerms,
}

impl Operation for Rollback {
    type Plan = PlannedChange<TargetGeneration>;

    const GOES_BACK: bool = true;

    async fn plan(&self, session: &Arc<Session>, events: &Bus) -> Result<Self::Plan, Problem> {
        let host = session.host().name.clone();
        events.say(EventKind::HostPhase { host: host.clone(), phase: Phase::Planning });
        match self.backs.get(&host) {
            Some(Back::To(to)) => self.terms.plan_to(session, *to, self.options, events).await,
            Some(Back::Undo(changed)) => self.terms.plan_undo(session, changed, events).await,
            Some(Back::Recovered(to, planned)) => {
                self.terms.plan_recovery(session, *to, planned, events).await
            }
            Some(Back::Unknown(problem)) => Err(problem.clone()),
            None => {
                Err(Problem::new(Code::NoGeneration, "there is no earlier generation to roll back to")
                    .at(host))
            }
        }
    }

    async fn perform(&self, session: &Session, plan: &Self::Plan, events: &Bus) -> HostResult {
        self.terms.go_back(session, plan, events).await
    }
}

impl RollbackRequest {
    /// Plans the rollback. Returns `None` if the rollout to undo is unfinished, but no host has to be rolled
    /// back. The record of that rollout is then marked as rolled back, except in a dry run.
    ///
    /// # Errors
    /// Fails if the fleet cannot be evaluated, if the rollout is unknown, or if the rollout is finished and
    /// no host has to be rolled back.
    pub async fn plan(&self, context: &Context) -> Result<Option<Rollout<Rollback>>, Stop> {
        match &self.to {
            BackTo::Generation(to) => self.of_hosts(*to, context).await.map(Some),
            BackTo::BeforeRollout(id) => self.of_rollout(id, context).await,
        }
    }

    async fn of_hosts(&self, to: Destination, context: &Context) -> Result<Rollout<Rollback>, Stop> {
        let (Evaluated { origin, fleet, .. }, hosts) = self.targets.select(context).await?;
        let outline = Outline::of(&fleet, &hosts, policy(self.targets.connections))?;
        let outline = Outline { groups: Vec::new(), ..outline };
        let hosts = hosts.into_iter().map(|host| (host, Back::To(to))).collect();
        self.rollout((origin, outline), hosts, ResumeState::Nothing, context).await
    }

    async fn of_rollout(&self, id: &RolloutId, context: &Context) -> Result<Option<Rollout<Rollback>>, Stop> {
        let (head, progress, record) = Record::resume(&StateDir::find()?, id)?;
        context.events.say(head.origin.known());
        let backs = ways_back(&head, &progress, self.targets.connections, context).await?;
        if backs.is_empty() && progress.can_go_on() {
            if !self.dry_run {
                record.close()?;
            }
            return Ok(None);
        }
        let hosts = backs.keys().cloned().collect();
        let (origin, outline, backs) = plan_backs(head, backs, self.targets.connections)?;
        let resume_state = ResumeState::Undone { record, hosts };
        self.rollout((origin, outline), backs, resume_state, context).await.map(Some)
    }

    /// Plans a rollout that rolls all hosts back in one wave, within the limits on how many hosts with a tag
    /// may be down.
    async fn rollout(
        &self,
        (origin, outline): (RolloutOrigin, Outline),
        hosts: WaysBack,
        resume_state: ResumeState,
        context: &Context,
    ) -> Result<Rollout<Rollback>, Stop> {
        let connections = self.targets.connections;
        let (window, force, revision) = (self.window, self.force.clone(), origin.revision.clone());
        let recover = self.recover.clone();
        let terms = ChangeTerms { window, revision, force, substitute: false, recover };
        let (hosts, backs) = hosts.into_iter().map(|(host, back)| (host.clone(), (host.name, back))).unzip();
        let operation = Arc::new(Rollback { backs, options: self.options, terms });
        let sessions = connections.sessions(hosts)?;
        let plans = ask(&operation, sessions, connections.at_once(), context).await?;
        let (id, excluded) = (context.id.clone(), Vec::new());
        Ok(Rollout { id, origin, outline, operation, plans, excluded, resume_state, yes: self.yes })
    }
}

/// Returns the hosts that a rollout has changed, and the state to which each is rolled back. If the outcome
/// of a host was not recorded, the host is queried.
async fn ways_back(
    head: &RolloutHead,
    progress: &RolloutProgress,
    connections: Connections,
    context: &Context,
) -> Result<BTreeMap<String, Back>, Stop> {
    let undo = |(host, changed)| (host, Back::Undo(changed));
    let mut backs: BTreeMap<String, Back> = progress.changed().into_iter().map(undo).collect();
    let unknown = head.hosts.iter().filter(|(name, _)| progress.is_unknown(name));
    let sessions = connections.sessions(unknown.map(|(_, planned)| planned.host.clone()).collect())?;
    for (host, asked) in reconcile::ask(sessions, &head.hosts, connections.at_once(), context).await? {
        match asked {
            Ok(UnrecordedChange::Changed(end)) => {
                backs.extend(end.made().map(|changed| undo((host, changed))));
            }
            Ok(UnrecordedChange::Nothing) => {}
            Ok(UnrecordedChange::Interrupted(current)) => {
                let to = current.map_or(Destination::Previous, Destination::Number);
                let planned = head.hosts.get(&host).cloned();
                backs.extend(planned.map(|planned| (host, Back::Recovered(to, Box::new(planned)))));
            }
            Err(problem) => {
                backs.insert(host, Back::Unknown(problem));
            }
        }
    }
    Ok(backs)
}

/// Plans to roll back, in one wave, all hosts that a rollout has changed.
fn plan_backs(
    head: RolloutHead,
    mut backs: BTreeMap<String, Back>,
    connections: Connections,
) -> Result<(RolloutOrigin, Outline, WaysBack), Problem> {
    let hosts =
        head.hosts.into_iter().filter_map(|(name, planned)| Some((planned.host, backs.remove(&name)?)));
    let mut hosts: WaysBack = hosts.collect();
    hosts.sort_by_cached_key(|(host, _)| Natural::of(&host.name));
    if hosts.is_empty() {
        return Err(Problem::new(Code::NoRollout, "there is nothing to roll back")
            .at(head.rollout)
            .because("no host is at the generation of this rollout"));
    }
    let names: BTreeSet<&str> = hosts.iter().map(|(host, _)| host.name.as_str()).collect();
    let wave = hosts.iter().map(|(host, _)| host.name.clone()).collect();
    let budgets: Vec<Budget> = head.outline.budgets;
    let kept = |name: &String| names.contains(name.as_str());
    let budgets = budgets
        .into_iter()
        .map(|budget| Budget { hosts: budget.hosts.into_iter().filter(kept).collect(), ..budget });
    let outline = Outline {
        policy: policy(connections),
        waves: vec![wave],
        budgets: budgets.collect(),
        groups: Vec::new(),
    };
    Ok((head.origin, outline, hosts))
}

/// Returns the policy of a rollback. The rollback continues even if some hosts fail.
fn policy(connections: Connections) -> Policy {
    Policy { max_parallel: connections.at_once(), ..Policy::plain() }
}
