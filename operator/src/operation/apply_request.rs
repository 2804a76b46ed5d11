//! The request to apply the configuration of hosts, and the planning of this request.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nixfleet_contract::force::Force;
use nixfleet_contract::outcome::Outcome;
use serde::{Deserialize, Serialize};

use super::ancestry;
use super::apply::{Apply, Asking, Trying};
use super::build::build_and_ask;
use super::context::Context;
use super::fleet::{Evaluated, Participants};
use super::going_back::ChangeTerms;
use super::host_plan::{HostPlan, ask};
use super::planned_change::PlannedChange;
use super::policy_request::PolicyRequest;
use super::recover_hosts::RecoverHosts;
use super::resume::{self, Resumed};
use super::resume_state::ResumeState;
use super::rollout::Rollout;
use super::saved_plan::SavedPlan;
use super::targets::Targets;
use super::window::Window;
use crate::host_result::HostResult;
use crate::nix::{Closure, ClosureReceiver, closures_channel};
use crate::remote::PlanOptions;
use crate::rollout::{Outline, RolloutTarget};
use crate::stop::Stop;

/// A request to apply a flake, a saved plan or the rest of a rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplyRequest {
    /// The hosts to change. For a saved plan or a resumed rollout, only the connection settings are used,
    /// because the hosts are already known.
    pub targets: Targets,
    /// The source of the closures to apply.
    pub source: Source,
    /// The values that override the rollout policy of the fleet.
    pub policy: PolicyRequest,
    /// The options with which each host plans.
    pub options: PlanOptions,
    /// The objections to overrule: reasons for which a host would otherwise refuse the change.
    pub force: Vec<Force>,
    /// The time within which the operator must confirm each change, by reaching the host over a new
    /// connection.
    pub window: Window,
    /// Whether hosts fetch store paths from their own binary caches where possible, instead of receiving
    /// copies from this machine.
    pub substitute: bool,
    /// The hosts that recover from interrupted runs before they plan. If the plan of another host shows an
    /// interrupted run, the user should be asked, and the request planned again with this host added.
    pub recover: RecoverHosts,
    /// Whether to change hosts without asking the user.
    pub yes: bool,
    /// Whether to plan without changing any host. If set, planning does not try the health checks of hosts
    /// without changes, which it otherwise does.
    pub dry_run: bool,
}

/// The source of the closures to apply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// The flake, which is evaluated and built for this request.
    #[default]
    Flake,
    /// The plan saved in this file. Nothing is applied if any host has changed since the plan was saved.
    Plan(PathBuf),
    /// The unfinished part of a rollout.
    Rollout(Resumed),
}

impl ApplyRequest {
    /// Plans the request.
    ///
    /// # Errors
    /// Fails if the fleet cannot be evaluated or built, if the plan or the rollout cannot be read, or if a
    /// host has changed since the plan was saved.
    pub async fn plan(&self, context: &Context) -> Result<Rollout<Apply>, Stop> {
        match &self.source {
            Source::Flake => self.plan_flake(context).await,
            Source::Plan(file) => self.plan_saved(file, context).await,
            Source::Rollout(resumed) => resume::plan(resumed, self, context).await,
        }
    }

    /// Returns the operation that applies the closures that `closures` receives.
    #[must_use]
    pub fn apply(&self, flake: &str, revision: Option<String>, closures: ClosureReceiver) -> Arc<Apply> {
        let (window, force, substitute) = (self.window, self.force.clone(), self.substitute);
        let terms = ChangeTerms { window, revision, force, substitute, recover: self.recover.clone() };
        let trying = (!self.dry_run).then(|| Trying::of(self.yes, flake));
        let asking = Asking { options: self.options, parallel: self.targets.at_once(), trying };
        Arc::new(Apply::new(flake.to_owned(), terms, asking, closures))
    }

    async fn plan_flake(&self, context: &Context) -> Result<Rollout<Apply>, Stop> {
        let (Evaluated { origin, nix, fleet }, selected) = self.targets.select_to_build(context).await?;
        let connections = self.targets.connections;
        let Participants { hosts, excluded, outline } =
            Participants::of(&fleet, selected, &self.policy, connections.parallel, context)?;
        let sessions = connections.sessions(hosts)?;
        let (sender, receiver) = closures_channel();
        let operation = self.apply(&origin.flake, origin.revision.clone(), receiver);
        let (closures, plans) = build_and_ask(&nix, sessions, sender, &operation, context).await?;
        ancestry::warn(nix.flake.tree.as_ref(), origin.revision.as_deref(), &plans, context).await;
        let (id, resume_state) = (context.id.clone(), resumable(closures));
        Ok(Rollout { id, origin, outline, operation, plans, excluded, resume_state, yes: self.yes })
    }

    async fn plan_saved(&self, file: &Path, context: &Context) -> Result<Rollout<Apply>, Stop> {
        let saved = SavedPlan::read(file)?;
        context.events.say(saved.origin.known());
        let connections = self.targets.connections;
        let (sessions, closures) = (connections.sessions(saved.hosts())?, saved.closures());
        let (flake, revision) = (saved.origin.flake.as_str(), saved.origin.revision.clone());
        let operation = self.apply(flake, revision, ClosureReceiver::of(closures.clone()));
        let plans = ask(&operation, sessions, connections.at_once(), context).await?;
        // The plan of an interrupted host is compared only when the host has recovered.
        let is_exact = |plan: &HostPlan<PlannedChange<Closure>>| {
            plan.known().is_some_and(|now| {
                let recovers_later = !self.recover.has(plan.name()) && now.interrupted().is_some();
                recovers_later || saved.objection(plan.name(), &now.plan).is_none()
            })
        };
        if !plans.iter().all(is_exact) {
            return Err(Stop::Hosts(plans.iter().map(|plan| refused(plan, &saved)).collect()));
        }
        ancestry::warn_of_origin(&saved.origin, &plans, context).await;
        let mut policy = self.policy.of_planned(saved.outline.policy.clone());
        policy.max_parallel = connections.parallel.unwrap_or(policy.max_parallel);
        let outline = Outline { policy, ..saved.outline };
        let (id, origin, excluded) = (context.id.clone(), saved.origin, Vec::new());
        let resume_state = resumable(closures);
        Ok(Rollout { id, origin, outline, operation, plans, excluded, resume_state, yes: self.yes })
    }
}

/// Returns the resume state of a new rollout that applies these closures.
fn resumable(closures: BTreeMap<String, Closure>) -> ResumeState {
    let target =
        |(host, closure): (String, Closure)| (host, RolloutTarget::Closure { closure: closure.path });
    ResumeState::New { targets: closures.into_iter().map(target).collect() }
}

/// Returns the result of a host whose saved plan is not applied, because at least one host has changed since
/// the plan was saved.
fn refused(plan: &HostPlan<PlannedChange<Closure>>, saved: &SavedPlan) -> HostResult {
    let Some(now) = plan.known() else { return plan.result() };
    match saved.objection(plan.name(), &now.plan) {
        Some(problem) => {
            HostResult { plan: Some(now.plan.clone()), ..HostResult::failed(plan.name(), problem) }
        }
        None => HostResult::new(plan.name(), Outcome::Skipped),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use nixfleet_contract::policy::{Amount, PolicyOptions};

    use super::*;
    use crate::inventory::Selection;
    use crate::operation::connections::Connections;
    use crate::operation::fleet::FleetRequest;
    use crate::operation::policy_request::Strategy;

    #[test]
    fn a_request_is_a_value_that_can_be_written_down() {
        let fleet = FleetRequest { flake: Some("/fleet".to_owned()), ..FleetRequest::default() };
        let selection = Selection { tags: vec!["web".to_owned()], ..Selection::default() };
        let connections = Connections { parallel: NonZeroUsize::new(4), ..Connections::default() };
        let options = PolicyOptions { max_failures: Some(Amount::Percent(5)), ..PolicyOptions::default() };
        let request = ApplyRequest {
            targets: Targets { fleet, selection, connections },
            source: Source::Rollout(Resumed::Named("20261120-140322-kbzq".parse().unwrap())),
            policy: PolicyRequest { strategy: Some(Strategy::AllAtOnce), options },
            options: PlanOptions { no_validate: true, ..PlanOptions::default() },
            force: vec![Force::Lockout, "/etc/motd".parse().unwrap()],
            window: Window { confirm_timeout: Some(30), no_confirm: false },
            substitute: true,
            recover: RecoverHosts::default().and(["web-1"]),
            yes: true,
            dry_run: false,
        };
        let text = serde_json::to_string(&request).unwrap();
        assert!(text.contains(r#""force":["lockout","/etc/motd"]"#), "{text}");
        assert!(text.contains(r#""recover":{"named":["web-1"]}"#), "{text}");
        assert_eq!(serde_json::from_str::<ApplyRequest>(&text).unwrap(), request);
        assert_eq!(serde_json::from_str::<ApplyRequest>("{}").unwrap(), ApplyRequest::default());
    }
}
