//! Forget: takes hosts out of the management of NixFleet.

use std::collections::BTreeMap;
use std::sync::Arc;

use nixfleet_contract::fleet::{Base, Host};
use nixfleet_contract::forget::{ForgetMode, ForgetPlan};
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::Problem;
use serde::{Deserialize, Serialize};

use super::apply::{Apply, Asking};
use super::at_once::{AtOnce, resting};
use super::context::Context;
use super::fleet::Evaluated;
use super::forget_problems::{incomplete, nixos, no_hosts};
use super::going_back::ChangeTerms;
use super::planned_change::PlannedChange;
use super::planned_forget::{PlannedForget, Work};
use super::targets::Targets;
use super::verb::{Operation, Planned as _};
use super::window::Window;
use crate::bootstrap::Undoing;
use crate::event::{Bus, EventKind, Phase, Stage};
use crate::host_result::{ForgetView, HostResult};
use crate::inventory::{Mentions, Selection};
use crate::nix::{Closure, ClosureReceiver};
use crate::password::Password;
use crate::remote::bootstrap::{self as prepared, Privilege};
use crate::remote::{self, PlanOptions};
use crate::ssh::Session;
use crate::stop::Stop;

/// A request to take hosts out of management.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForgetRequest {
    /// The hosts to forget.
    pub targets: Targets,
    /// Whether everything declared stays or is removed first.
    pub mode: ForgetMode,
    /// The work of bootstraps to undo as well.
    pub undoing: Undoing,
    /// The user to log in as for this undo; `None` is the SSH user of the inventory.
    pub login: Option<String>,
    /// The time within which the operator must confirm that nothing is declared any more.
    pub window: Window,
    /// Whether to plan without changing anything.
    pub dry_run: bool,
}

/// The operation that takes hosts out of management.
pub struct Forget {
    mode: ForgetMode,
    undoing: Undoing,
    /// The apply of closures with nothing declared.
    apply: Option<Arc<Apply>>,
    /// The sessions of another user, by host, who undoes the work of bootstraps.
    logins: BTreeMap<String, Arc<Session>>,
    privilege: Privilege,
    mentions: Mentions,
}

impl ForgetRequest {
    /// Asks each host what would be removed and what would stay.
    ///
    /// # Errors
    /// No host is selected by name, the fleet cannot be evaluated, or a closure cannot be built.
    pub async fn plan(&self, password: Option<Password>, context: &Context) -> Result<AtOnce<Forget>, Stop> {
        let (evaluated, hosts) = self.select(context).await?;
        let (hosts, excluded) = resting(hosts);
        let mentions = Mentions::of(&evaluated.nix.flake);
        let connections = self.targets.connections;
        let apply = match self.mode {
            ForgetMode::Leave => None,
            ForgetMode::Clean => Some(self.bare(&evaluated, &hosts, context).await?),
        };
        let login = |mut host: Host| {
            host.ssh.user = self.login.clone().unwrap_or(host.ssh.user);
            host
        };
        let logins =
            if self.login.is_some() { hosts.iter().cloned().map(login).collect() } else { Vec::new() };
        let logins = connections.sessions_with(logins, password.as_ref())?;
        let operation = Forget {
            mode: self.mode,
            undoing: self.undoing,
            apply,
            logins: logins.into_iter().map(|session| (session.host().name.clone(), session)).collect(),
            privilege: Privilege { password },
            mentions,
        };
        let sessions = connections.sessions(hosts)?;
        AtOnce::plan_over(sessions, excluded, self.targets.at_once(), operation, self.dry_run, context).await
    }

    /// Returns the lines of the inventory that name the hosts, without a connection. This is for hosts that
    /// do not exist any more.
    ///
    /// # Errors
    /// No host is selected by name, or the fleet cannot be evaluated.
    pub async fn gone(&self, context: &Context) -> Result<Vec<HostResult>, Stop> {
        let (evaluated, hosts) = self.select(context).await?;
        let mentions = Mentions::of(&evaluated.nix.flake);
        let result = |host: Host| {
            let view = ForgetView { inventory: mentions.lines(&host), ..ForgetView::new(self.mode) };
            HostResult {
                forget: Some(Box::new(view)),
                reason: Some("the host was not contacted".to_owned()),
                ..HostResult::new(host.name, Outcome::Unchanged)
            }
        };
        let results: Vec<HostResult> = hosts.into_iter().map(result).collect();
        for result in &results {
            context.events.say(EventKind::HostEnded(result.end(std::time::Duration::ZERO)));
        }
        Ok(results)
    }

    async fn select(&self, context: &Context) -> Result<(Evaluated, Vec<Host>), Stop> {
        if self.targets.selection == Selection::default() {
            return Err(no_hosts().into());
        }
        Ok(self.targets.select(context).await?)
    }

    /// Builds the closures of these hosts with nothing declared, and returns the apply of them.
    async fn bare(
        &self,
        evaluated: &Evaluated,
        hosts: &[Host],
        context: &Context,
    ) -> Result<Arc<Apply>, Stop> {
        let hosts: Vec<Host> = hosts.iter().filter(|host| host.base != Base::Nixos).cloned().collect();
        let built = context.stage(Stage::Build, Box::pin(evaluated.nix.build_bare(&hosts))).await?;
        if !built.failed.is_empty() {
            let failed = built.failed.into_iter().map(|(host, problem)| HostResult::failed(host, problem));
            return Err(Stop::Hosts(failed.collect()));
        }
        let revision = evaluated.origin.revision.clone();
        let terms = ChangeTerms { window: self.window, revision, ..ChangeTerms::default() };
        let asking =
            Asking { options: PlanOptions::default(), parallel: self.targets.at_once(), trying: None };
        let paths: Vec<String> = built.closures.values().map(|closure| closure.path.clone()).collect();
        let receiver = ClosureReceiver::of(built.closures);
        let apply = Apply::new(evaluated.origin.flake.clone(), terms, asking, receiver);
        apply.expect(paths);
        Ok(Arc::new(apply))
    }
}

impl Forget {
    /// Returns the session of the user who undoes the work of bootstraps.
    fn login<'s>(&'s self, session: &'s Session) -> &'s Session {
        self.logins.get(&session.host().name).map_or(session, |login| login)
    }

    /// Asks a host for its records, and plans the change after which nothing is declared.
    async fn ask(
        &self,
        session: &Arc<Session>,
        events: &Bus,
    ) -> Result<(Option<PlannedChange<Closure>>, Option<ForgetPlan>), Problem> {
        let records = remote::plan_forget(session, self.mode).await?;
        let is_changed = records.as_ref().is_some_and(|plan| plan.is_managed && plan.problem.is_none());
        match &self.apply {
            Some(apply) if is_changed => Ok((Some(apply.plan(session, events).await?), records)),
            _ => Ok((None, records)),
        }
    }

    /// Removes the records, and undoes the work of bootstraps. Returns the problem that stopped it.
    async fn remove(
        &self,
        session: &Session,
        planned: &PlannedForget,
        view: &mut ForgetView,
    ) -> Result<(), Problem> {
        let host = &session.host().name;
        if planned.records.is_some()
            && let Some(report) = remote::forget(session, self.mode, &planned.directories).await?
        {
            view.remnants = report.remnants.into_iter().chain(planned.others()).collect();
            if let Some(problem) = report.problem {
                return Err(problem.at(host));
            }
        }
        if planned.steps.is_empty() {
            return Ok(());
        }
        let login = self.login(session);
        let report =
            prepared::forget(login, &self.privilege, planned.unfinished.as_deref(), &planned.steps).await?;
        view.steps.clone_from(&report.steps);
        incomplete(host, &planned.steps, &report).map_or(Ok(()), Err)
    }
}

impl Operation for Forget {
    type Plan = PlannedForget;

    async fn plan(&self, session: &Arc<Session>, events: &Bus) -> Result<PlannedForget, Problem> {
        let host = session.host();
        events.say(EventKind::HostPhase { host: host.name.clone(), phase: Phase::Planning });
        if host.base == Base::Nixos {
            return Err(nixos(&host.name));
        }
        let login = self.login(session);
        let made = prepared::made(login, &self.privilege).await?;
        // The SSH user of a host that was forgotten in part may be gone.
        let (change, records) = if made.is_managed { self.ask(session, events).await? } else { (None, None) };
        let work = Work { made: &made, undoing: self.undoing, login: &login.host().ssh.user };
        let inventory = self.mentions.lines(host);
        Ok(PlannedForget::of(host, self.mode, change, records, &work, inventory))
    }

    async fn perform(&self, session: &Session, planned: &PlannedForget, events: &Bus) -> HostResult {
        let host = session.host().name.clone();
        let mut view = planned.view.clone();
        let changed = match (&self.apply, planned.change.as_ref().filter(|change| change.is_to_change())) {
            (Some(apply), Some(change)) => Some(apply.perform(session, change, events).await),
            _ => None,
        };
        let changed = changed.unwrap_or_else(|| HostResult::new(&host, Outcome::Ok));
        if changed.outcome != Outcome::Ok {
            return HostResult { forget: Some(Box::new(view)), ..changed };
        }
        events.say(EventKind::HostPhase { host: host.clone(), phase: Phase::Forgetting });
        let removed = self.remove(session, planned, &mut view).await;
        let forget = Some(Box::new(view));
        match removed {
            Ok(()) => HostResult { forget, ..changed },
            Err(problem) => {
                let failed = HostResult::failed(host, problem);
                let outcome = if planned.change.is_some() { Outcome::Failed } else { failed.outcome };
                HostResult { outcome, problem: failed.problem, forget, ..changed }
            }
        }
    }
}
