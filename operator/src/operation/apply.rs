//! Apply: activates on each host the closure that the flake describes.

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};

use nixfleet_contract::force::Force;
use nixfleet_contract::health::Check;
use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Report;

use super::going_back::{ChangeTerms, result};
use super::host_plan::HostPlan;
use super::planned_change::PlannedChange;
use super::post_change_checks;
use super::recovery;
use super::verb::{Changed, Operation, Planned};
use crate::contents;
use crate::errands::Errands;
use crate::event::{Bus, EventKind, Level, Phase};
use crate::health;
use crate::host_result::HostResult;
use crate::nix::{Closure, ClosurePaths, ClosureReceiver, StorePath};
use crate::remote::{self, Activators, HostTarget, PlanOptions, PlanTerms, Terms};
use crate::ssh::Session;

/// The settings with which hosts are queried for their plans.
#[derive(Clone, Debug)]
pub struct Asking {
    /// The options with which each host plans.
    pub options: PlanOptions,
    /// The maximum number of hosts queried at once.
    pub parallel: NonZeroUsize,
    /// Which health checks planning tries on a host that has no changes, or `None` to try none.
    pub trying: Option<Trying>,
}

/// The health checks that the operator's machine may run before the user has confirmed anything.
#[derive(Clone, Debug)]
pub enum Trying {
    /// All health checks, because `yes` is set and the user will not be asked for confirmation.
    All,
    /// Only the health checks in these errands: the actions of this machine that the user has already been
    /// shown.
    Known(Errands),
}

impl Trying {
    /// Allows all health checks if `yes` is set, and otherwise only the health checks that the user was
    /// already shown for this flake.
    #[must_use]
    pub fn of(yes: bool, flake: &str) -> Self {
        if yes { Self::All } else { Self::Known(Errands::shown_here(flake)) }
    }

    fn has(&self, host: &str, check: &Check) -> bool {
        match self {
            Self::All => true,
            Self::Known(known) => known.have(host, check),
        }
    }

    /// Returns the health checks that may be tried for a host, and warns about the other health checks.
    fn among(&self, host: &str, checks: &[Check], events: &Bus) -> Vec<Check> {
        let (tried, left): (Vec<Check>, Vec<Check>) =
            checks.iter().cloned().partition(|check| self.has(host, check));
        if !left.is_empty() {
            events.say(not_tried(host, &left));
        }
        if !tried.is_empty() {
            events.say(EventKind::HostPhase { host: host.to_owned(), phase: Phase::Checking });
        }
        tried
    }
}

/// An operation that applies closures to hosts.
pub struct Apply {
    /// The flake reference under which this machine records the errands (actions of this machine) that the
    /// user was shown.
    pub flake: String,
    /// The terms on which hosts are changed, such as the time limit for confirming a change.
    pub terms: ChangeTerms,
    /// The settings with which hosts are queried for their plans.
    pub asking: Asking,
    /// The receiver of the closures to apply, each of which arrives as soon as it is built.
    pub closures: ClosureReceiver,
    /// The activator programs to upload to hosts. Each is read only once.
    pub activators: Activators,
    /// The store paths to copy to hosts. They are determined once the plans of all hosts are known.
    paths: OnceLock<ClosurePaths>,
    /// The health checks and notifications of this fleet that the user has been shown on this machine.
    known: OnceLock<Errands>,
}

impl Apply {
    /// Creates an apply of the closures that `closures` receives.
    #[must_use]
    pub fn new(flake: String, terms: ChangeTerms, asking: Asking, closures: ClosureReceiver) -> Self {
        let activators = Activators::default();
        Self { flake, terms, asking, closures, activators, paths: OnceLock::new(), known: OnceLock::new() }
    }

    /// Sets the closures that may be copied to hosts. Without this call, they are those of the plans.
    pub fn expect(&self, closures: impl IntoIterator<Item = String>) {
        self.paths.get_or_init(|| ClosurePaths::of(closures));
    }

    /// Returns the store paths to copy to a host for this closure.
    async fn paths(&self, closure: &Closure) -> Result<Vec<Arc<StorePath>>, Problem> {
        self.paths.get_or_init(|| ClosurePaths::of([closure.path.clone()])).closure(&closure.path).await
    }

    /// Lets a host recover with the activator of its new closure, and then refuse the closure.
    async fn recover(&self, session: &Session, target: &HostTarget) -> Result<Report, Problem> {
        let closure = &target.closure;
        let paths = ClosurePaths::of([closure.path.clone()]).closure(&closure.path).await?;
        let terms = recovery::terms(self.terms.substitute, &|_| ());
        remote::apply(session, closure, paths, Plan::NONE, terms, || ()).await
    }
}

impl Operation for Apply {
    type Plan = PlannedChange<Closure>;

    async fn plan(&self, session: &Arc<Session>, events: &Bus) -> Result<Self::Plan, Problem> {
        let name = session.host().name.as_str();
        let Some(closure) = self.closures.clone().closure(name).await else { return Err(not_built(name)) };
        events.say(EventKind::HostPhase { host: name.to_owned(), phase: Phase::Planning });
        let target = HostTarget::read(closure)?;
        let (checks, there) = health::of_manifest(&target.manifest)?;
        let Asking { options, trying, .. } = &self.asking;
        let (force, options) = (self.terms.force.as_slice(), *options);
        let terms = PlanTerms { force, options, trying: trying.is_some().then_some(there) };
        let mut plan = remote::plan(session, &target, terms, &self.activators).await?;
        let recovered =
            recovery::recover(session, &self.terms, &plan, events, || self.recover(session, &target)).await?;
        if recovered.is_some() {
            plan = remote::plan(session, &target, terms, &self.activators).await?;
        }
        let mut found = plan.health_checks.take();
        if let (Some(found), Some(trying)) = (&mut found, trying) {
            let tried = trying.among(name, &checks, events);
            found.extend(health::attempt(session, &tried).await);
        }
        // A health check for which this machine cannot reach the host is a problem only if the plan has
        // steps, because no health checks follow a plan without steps.
        if !plan.steps.is_empty() && !force.contains(&Force::HealthChecks) {
            plan.problems.extend(health::obstacles(session, &checks).await);
        }
        contents::fill_in(&mut plan, &target, options.show_private);
        if options.dry_activate && plan.activation().is_some() && plan.problems.is_empty() {
            let paths = ClosurePaths::of([target.closure.path.clone()]).closure(&target.closure.path).await?;
            events.say(EventKind::HostPhase { host: name.to_owned(), phase: Phase::Copying });
            remote::send(session, paths, self.terms.substitute).await?;
            plan.dry_activation = remote::dry_activate(session, &target.closure.path).await?.lines;
        }
        let planned = PlannedChange::of(plan, target.closure, Some(checks))?;
        Ok(PlannedChange { found: found.unwrap_or_default(), recovered, ..planned })
    }

    fn begin(&self, plans: &[HostPlan<Self::Plan>]) {
        let changing = plans.iter().filter_map(HostPlan::known).filter(|planned| planned.is_to_change());
        self.expect(changing.map(|planned| planned.target.path.clone()));
    }

    async fn prepare(&self, session: &Session, plan: &Self::Plan, events: &Bus) -> Result<(), Problem> {
        let paths = self.paths(&plan.target).await?;
        remote::send(session, paths, self.terms.substitute).await?;
        if plan.downloads() {
            let host = session.host().name.clone();
            events.say(EventKind::HostPhase { host: host.clone(), phase: Phase::Downloading });
            let units = remote::download(session, &plan.target.path).await?.units;
            if !units.is_empty() {
                let units = units.iter().map(ToString::to_string).collect();
                events.say(EventKind::HostDownloaded { host, units });
            }
        }
        Ok(())
    }

    async fn perform(&self, session: &Session, plan: &Self::Plan, events: &Bus) -> HostResult {
        let host = session.host().name.as_str();
        let phase = |phase| events.say(EventKind::HostPhase { host: host.to_owned(), phase });
        let waits = |holder| events.say(EventKind::HostAwaitsApt { host: host.to_owned(), holder });
        let terms = Terms { waits: &waits, ..self.terms.of(session, plan.checks.as_deref(), &phase) };
        phase(Phase::Copying);
        let applied = async {
            let paths = self.paths(&plan.target).await?;
            let (events, host) = (events.clone(), host.to_owned());
            let arrived = move || events.say(EventKind::HostPhase { host, phase: Phase::Activating });
            let fingerprint = &plan.plan.fingerprint;
            let report = remote::apply(session, &plan.target, paths, fingerprint, terms, arrived).await?;
            Ok(post_change_checks::attempt(session, terms, report, true).await)
        };
        result(host, plan, applied.await)
    }

    async fn undo(&self, session: &Session, changed: &Changed, events: &Bus) -> HostResult {
        let known = self.known.get_or_init(|| Errands::shown_here(&self.flake));
        self.terms.undo_after_failure(session, changed, known, events).await
    }
}

/// Returns the warning that health checks were not tried, because the user has not been shown them on this
/// machine.
fn not_tried(host: &str, checks: &[Check]) -> EventKind {
    let names = checks.iter().map(|check| &*check.name).collect::<Vec<_>>().join(", ");
    let text = format!(
        "new health checks that run on this machine were not tried: {names}; `nixfleet plan --host {host}` \
         shows what they do, and `nixfleet apply --yes --host {host}` tries them"
    );
    EventKind::Log { level: Level::Warning, host: Some(host.to_owned()), text }
}

fn not_built(host: &str) -> Problem {
    Problem::new(Code::Build, "the closure of the host was not built")
        .at(host)
        .because("the build of another closure failed first")
}
