//! Updates of the operating systems of hosts with apt. NixOS hosts are updated by an apply.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use nixfleet_contract::fleet::{Base, Host};
use nixfleet_contract::generation::Generation;
use nixfleet_contract::health::Check;
use nixfleet_contract::os::policy::{OsPolicy, UpdateMode};
use nixfleet_contract::os::update::{UpdatePlan, UpdateScope};
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Report;
use serde::{Deserialize, Serialize};

use super::context::Context;
use super::fleet::{Evaluated, Participants};
use super::host_plan::{HostPlan, ask};
use super::policy_request::PolicyRequest;
use super::post_change_checks;
use super::resume_state::ResumeState;
use super::rollout::Rollout;
use super::targets::Targets;
use super::verb::{Operation, Planned};
use crate::calendar::{WindowState, shown};
use crate::event::{Bus, EventKind, ExcludedHost, Phase};
use crate::health;
use crate::host_result::HostResult;
use crate::remote::{self, Terms};
use crate::ssh::Session;
use crate::stop::Stop;

/// A request to update the operating systems of hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OsUpdateRequest {
    /// The hosts to update.
    pub targets: Targets,
    /// The values that override the rollout policy of the fleet.
    pub policy: PolicyRequest,
    /// Which updates are installed. `None`: security updates on hosts whose policy has the mode
    /// `security-daily`, and all updates on other hosts.
    pub scope: Option<UpdateScope>,
    /// Whether hosts only download the packages.
    pub download_only: bool,
    /// Whether hosts are updated although their policy says that nobody updates them, or that this is not the
    /// time.
    pub ignore_policy: bool,
    /// Whether to change hosts without asking the user.
    pub yes: bool,
}

/// An operation that updates operating systems.
pub struct OsUpdate {
    scope: Option<UpdateScope>,
    /// Whether hosts only download the packages.
    pub download_only: bool,
    ignore_policy: bool,
}

/// The planned update of a host.
pub struct PlannedOsUpdate {
    /// The plan that the host made.
    pub plan: UpdatePlan,
    /// The path, on the host, of the activator that made the plan.
    activator: String,
    /// The health checks of the generation in force that run on this machine; `None` if they are not known.
    checks: Option<Vec<Check>>,
    /// Why the host may not be updated now, if it may not.
    pub deferred: Option<String>,
}

impl OsUpdateRequest {
    /// Plans the updates. Hosts fetch their lists of packages; nothing else changes.
    ///
    /// # Errors
    /// Fails if the fleet cannot be evaluated, if the selection or the rollout policy is invalid, or if this
    /// machine does not know the time zone of a window.
    pub async fn plan(&self, context: &Context) -> Result<Rollout<OsUpdate>, Stop> {
        let (Evaluated { origin, fleet, .. }, selected) = self.targets.select(context).await?;
        let (selected, by_policy) = self.part(selected);
        let connections = self.targets.connections;
        let Participants { hosts, mut excluded, outline } =
            Participants::of(&fleet, selected, &self.policy, connections.parallel, context)?;
        excluded.extend(by_policy);
        let (scope, download_only) = (self.scope, self.download_only);
        let operation = Arc::new(OsUpdate { scope, download_only, ignore_policy: self.ignore_policy });
        // An unknown time zone is refused before any host is contacted.
        for host in &hosts {
            operation.closed(host)?;
        }
        let plans = ask(&operation, connections.sessions(hosts)?, connections.at_once(), context).await?;
        for text in differences(&plans) {
            context.warn(None, &text);
        }
        let (id, resume_state) = (context.id.clone(), ResumeState::Nothing);
        Ok(Rollout { id, origin, outline, operation, plans, excluded, resume_state, yes: self.yes })
    }

    /// Separates the hosts that apt may update from the others.
    fn part(&self, hosts: Vec<Host>) -> (Vec<Host>, Vec<ExcludedHost>) {
        let (mut hosts, mut excluded) = (hosts, Vec::new());
        hosts.retain(|host| match self.objection(host) {
            Some(reason) => {
                excluded.push(ExcludedHost { host: host.name.clone(), reason: reason.to_owned() });
                false
            }
            None => true,
        });
        (hosts, excluded)
    }

    fn objection(&self, host: &Host) -> Option<&'static str> {
        match (host.base, host.os_updates.mode) {
            (Base::Nixos, _) => Some("an apply updates NixOS"),
            (Base::Ubuntu, Some(UpdateMode::Manual)) if !self.ignore_policy => {
                Some("its mode is manual; --ignore-policy updates it nevertheless")
            }
            (Base::Ubuntu, _) => None,
        }
    }
}

impl OsUpdate {
    fn scope(&self, policy: &OsPolicy) -> UpdateScope {
        self.scope.unwrap_or(match policy.mode {
            Some(UpdateMode::SecurityDaily) => UpdateScope::Security,
            Some(UpdateMode::FullWeekly | UpdateMode::Manual) | None => UpdateScope::Full,
        })
    }

    /// Returns why a host may not be updated now, if it may not.
    fn closed(&self, host: &Host) -> Result<Option<String>, Problem> {
        if self.ignore_policy || self.download_only {
            return Ok(None);
        }
        let state = WindowState::at(Timestamp::now(), &host.os_updates.windows)?;
        Ok(state.closed().map(|next| format!("the next window begins on {}", shown(next))))
    }
}

impl Operation for OsUpdate {
    type Plan = PlannedOsUpdate;

    async fn plan(&self, session: &Arc<Session>, events: &Bus) -> Result<Self::Plan, Problem> {
        let host = session.host();
        events.say(EventKind::HostPhase { host: host.name.clone(), phase: Phase::Planning });
        let scope = self.scope(&host.os_updates);
        let (plan, activator) = remote::plan_os_update(session, scope).await?;
        if plan.current.is_none() && plan.apt.problems.is_empty() {
            return Err(remote::not_managed(session));
        }
        let checks = plan.current.as_ref().and_then(|current| health::of_closure(&current.closure));
        Ok(PlannedOsUpdate { plan, activator, checks, deferred: self.closed(host)? })
    }

    async fn prepare(&self, session: &Session, plan: &Self::Plan, events: &Bus) -> Result<(), Problem> {
        let host = session.host().name.clone();
        let json = serde_json::to_vec(&plan.plan).map_err(|error| {
            Problem::new(Code::BadAnswer, "the plan cannot be encoded as JSON").at(&host).because(error)
        })?;
        events.say(EventKind::HostPhase { host, phase: Phase::Downloading });
        remote::download_os_update(session, &plan.activator, json.into()).await
    }

    async fn perform(&self, session: &Session, plan: &Self::Plan, events: &Bus) -> HostResult {
        let host = session.host().name.as_str();
        let with_plan = |result| HostResult { updates: Some(Box::new(plan.plan.clone())), ..result };
        if self.download_only {
            let reason = Some("downloaded; nothing was installed".to_owned());
            return with_plan(HostResult { reason, ..HostResult::new(host, Outcome::Ok) });
        }
        // The window may have ended since the plan.
        match self.closed(session.host()) {
            Ok(None) => {}
            Ok(reason) => {
                return with_plan(HostResult { reason, ..HostResult::new(host, Outcome::Deferred) });
            }
            Err(problem) => return with_plan(HostResult::failed(host, problem)),
        }
        with_plan(match self.install(session, plan, events).await {
            Ok(report) => HostResult::reported(host, report),
            Err(problem) => HostResult::failed(host, problem),
        })
    }
}

impl OsUpdate {
    /// Installs the updates, then tries the health checks and a new login.
    async fn install(
        &self,
        session: &Session,
        planned: &PlannedOsUpdate,
        events: &Bus,
    ) -> Result<Report, Problem> {
        let host = session.host().name.as_str();
        let phase = |phase| events.say(EventKind::HostPhase { host: host.to_owned(), phase });
        let waits = |holder| events.say(EventKind::HostAwaitsApt { host: host.to_owned(), holder });
        let terms = Terms {
            confirm: None,
            revision: None,
            force: &[],
            substitute: false,
            checks: planned.checks.as_deref(),
            phase: &phase,
            waits: &waits,
        };
        phase(Phase::Updating);
        let current = planned.plan.current.as_ref().ok_or_else(|| remote::not_managed(session))?;
        let fingerprint = planned.plan.apt.fingerprint.as_str();
        let report = remote::os_update(session, &planned.activator, fingerprint, current, terms).await?;
        let mut report = post_change_checks::attempt(session, terms, report, false).await;
        if report.outcome.is_good() {
            phase(Phase::Confirming);
            let limit = session.to_connect();
            if let Err(problem) = session.script_over_new_connection(":", &[], Vec::new(), limit).await {
                report.outcome = Outcome::Failed;
                report.problem = Some(no_login(&problem));
            }
        }
        Ok(report)
    }
}

/// Returns the problem of a host that accepts no new login after its update.
fn no_login(problem: &Problem) -> Problem {
    let why = problem.why.clone().unwrap_or_else(|| problem.what.clone());
    let what = "the updates are installed, but the host accepts no new login";
    Problem::new(problem.code, what)
        .because(why)
        .help("look at the console of the host before this command ends")
}

impl Planned for PlannedOsUpdate {
    fn is_to_change(&self) -> bool {
        self.plan.is_to_change() && self.plan.apt.problems.is_empty() && self.deferred.is_none()
    }

    fn downloads(&self) -> bool {
        // A host also keeps a plan that only completes packages.
        self.plan.is_to_change()
    }

    fn result(&self, host: &str) -> HostResult {
        let result = match self.plan.apt.problems.first() {
            Some(problem) => {
                HostResult { problem: Some(problem.clone()), ..HostResult::new(host, Outcome::Blocked) }
            }
            None if !self.plan.is_to_change() => HostResult::new(host, Outcome::Unchanged),
            None => match &self.deferred {
                Some(reason) => {
                    HostResult { reason: Some(reason.clone()), ..HostResult::new(host, Outcome::Deferred) }
                }
                None => HostResult::new(host, Outcome::Ok),
            },
        };
        HostResult { updates: Some(Box::new(self.plan.clone())), ..result }
    }

    fn current(&self) -> Option<&Generation> {
        self.plan.current.as_ref()
    }

    fn checks(&self) -> Option<&[Check]> {
        self.checks.as_deref()
    }

    fn told(host: &str, planned: &Result<Self, Problem>) -> Option<EventKind> {
        let (plan, problem) = match planned {
            Ok(planned) => (Some(&planned.plan), planned.plan.apt.problems.first()),
            Err(problem) => (None, Some(problem)),
        };
        Some(EventKind::HostPlanned {
            host: host.to_owned(),
            steps: plan.map(|plan| plan.apt.packages.len()),
            current: plan.and_then(|plan| plan.current.clone()),
            problem: problem.cloned(),
        })
    }
}

/// Returns a line for each package of which hosts would install different files from the same release. This
/// happens if the archive changes while the hosts fetch their lists.
fn differences(plans: &[HostPlan<PlannedOsUpdate>]) -> Vec<String> {
    let mut offers: BTreeMap<_, BTreeMap<(&str, &str), Vec<&str>>> = BTreeMap::new();
    for host in plans {
        let Some(planned) = host.known() else { continue };
        for package in &planned.plan.apt.packages {
            let Some(offer) = package.change.to() else { continue };
            let release = (&offer.release.origin, &offer.release.codename, &offer.release.archive);
            let key = (&*package.name, package.architecture.as_str(), release);
            let file = (&*offer.version, offer.sha256.as_str());
            offers.entry(key).or_default().entry(file).or_default().push(host.name());
        }
    }
    let differing = offers.into_iter().filter(|(_, files)| files.len() > 1);
    differing.map(|((name, ..), files)| difference(name, &files)).collect()
}

fn difference(name: &str, files: &BTreeMap<(&str, &str), Vec<&str>>) -> String {
    let shown = files.iter().map(|((version, _), hosts)| format!("{version} on {}", hosts.join(", ")));
    let shown: Vec<String> = shown.collect();
    format!("hosts would install different files of {name}: {}; plan again", shown.join("; "))
}
