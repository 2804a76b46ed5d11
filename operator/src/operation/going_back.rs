//! Rolls one host back to an earlier generation.

use nixfleet_contract::force::Force;
use nixfleet_contract::health::Check;
use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Report;

use super::planned_change::PlannedChange;
use super::post_change_checks;
use super::reconcile::{self, UnrecordedChange};
use super::recover_hosts::RecoverHosts;
use super::recovery;
use super::undoing::{gone_with_others, limit_to_undo};
use super::verb::{Changed, Planned};
use super::window::Window;
use crate::errands::Errands;
use crate::event::{Bus, EventKind, Phase};
use crate::health;
use crate::host_result::HostResult;
use crate::remote::{self, Destination, PlanOptions, Terms};
use crate::rollout::PlannedHost;
use crate::ssh::Session;

/// The target of a rollback: a generation that the host has.
pub struct TargetGeneration {
    /// The generation to roll back to.
    pub to: Destination,
    /// The path, on the host, of the activator that made the plan.
    pub activator: String,
}

/// The terms on which a command changes hosts, such as the time for the confirmation. They are the same for
/// all hosts.
#[derive(Clone, Debug, Default)]
pub struct ChangeTerms {
    /// The time within which the operator must confirm each change, by reaching the host over a new
    /// connection.
    pub window: Window,
    /// The revision of the flake, which hosts record.
    pub revision: Option<String>,
    /// The objections to overrule: reasons for which a host would otherwise refuse the change.
    pub force: Vec<Force>,
    /// Whether hosts fetch store paths from their own binary caches where possible, instead of receiving
    /// copies from this machine.
    pub substitute: bool,
    /// The hosts that recover from interrupted runs before they plan. The plans of the other hosts show
    /// whether the host has to be recovered.
    pub recover: RecoverHosts,
}

impl ChangeTerms {
    /// Returns the terms of the change of one host.
    pub fn of<'a>(
        &'a self,
        session: &Session,
        checks: Option<&'a [Check]>,
        phase: &'a (dyn Fn(Phase) + Send + Sync),
    ) -> Terms<'a> {
        Terms {
            confirm: self.window.seconds(session.host()),
            revision: self.revision.as_deref(),
            force: &self.force,
            substitute: self.substitute,
            checks,
            phase,
            waits: &|_| (),
        }
    }

    /// Rolls a host back as planned.
    pub async fn go_back(
        &self,
        session: &Session,
        planned: &PlannedChange<TargetGeneration>,
        events: &Bus,
    ) -> HostResult {
        let host = &session.host().name;
        let phase = |phase| events.say(EventKind::HostPhase { host: host.clone(), phase });
        let waits = |holder| events.say(EventKind::HostAwaitsApt { host: host.clone(), holder });
        let terms = Terms { waits: &waits, ..self.of(session, planned.checks.as_deref(), &phase) };
        let TargetGeneration { to, activator } = &planned.target;
        phase(Phase::RollingBack);
        let plan = (planned.plan.fingerprint.as_str(), planned.plan.target.as_str());
        let report = match remote::rollback(session, *to, activator, plan, terms).await {
            Ok(report) => Ok(post_change_checks::attempt(session, terms, report, false).await),
            Err(problem) => Err(problem),
        };
        result(host, planned, report)
    }

    /// Undoes a change by rolling the host back. The operator's machine tries only the health checks in
    /// `known`, because the host itself reports the generation to roll back to, and could thereby choose
    /// which checks are tried.
    pub async fn undo_after_failure(
        &self,
        session: &Session,
        changed: &Changed,
        known: &Errands,
        events: &Bus,
    ) -> HostResult {
        let host = session.host().name.as_str();
        // The user has agreed to the change, and therefore also to undoing it, which may begin with a
        // recovery.
        let terms = Self { recover: RecoverHosts::All, ..self.clone() };
        let mut planned = match terms.plan_undo(session, changed, events).await {
            Ok(planned) => planned,
            Err(problem) => return HostResult::failed(host, problem),
        };
        planned.try_only(host, known);
        let gone = if planned.is_to_change() {
            self.go_back(session, &planned, events).await
        } else {
            planned.result(host)
        };
        gone_with_others(gone, changed.0.as_ref())
    }

    /// Asks a host what a rollback to a generation would change.
    ///
    /// # Errors
    /// Fails if the host cannot be reached, has no such generation, or refuses the rollback.
    pub async fn plan_to(
        &self,
        session: &Session,
        to: Destination,
        options: PlanOptions,
        events: &Bus,
    ) -> Result<PlannedChange<TargetGeneration>, Problem> {
        let (mut plan, activator, recovered) = self.ask(session, to, options, events).await?;
        plan.problems.extend(other_host(session, plan.applied_as.as_deref()));
        let checks = health::of_closure(&plan.target);
        if let Some(checks) = checks.as_ref().filter(|_| !plan.steps.is_empty()) {
            plan.problems.extend(health::obstacles(session, checks).await);
        }
        plan.overrule(&self.force);
        let planned = PlannedChange::of(plan, TargetGeneration { to, activator }, checks)?;
        Ok(PlannedChange { recovered, ..planned })
    }

    /// Asks a host on which a run was interrupted to recover, and then whether the rollout to undo made its
    /// current generation. If so, the returned plan undoes this change. Otherwise, the plan has no steps,
    /// because the recovery alone returned the host to its generation before the rollout. `in_rollout`: the
    /// host as that rollout planned it.
    ///
    /// # Errors
    /// Fails if the host has no earlier generation, if it cannot recover, or if it refuses the rollback.
    pub async fn plan_recovery(
        &self,
        session: &Session,
        to: Destination,
        in_rollout: &PlannedHost,
        events: &Bus,
    ) -> Result<PlannedChange<TargetGeneration>, Problem> {
        let (mut plan, activator, recovered) = self.ask(session, to, PlanOptions::default(), events).await?;
        // An interrupted host does not know yet in which generation it will be.
        if plan.interrupted.is_none()
            && let UnrecordedChange::Changed(end) = reconcile::ask_one(session, in_rollout).await?
            && let Some(changed) = end.made()
        {
            let undo = self.plan_undo(session, &changed, events).await?;
            return Ok(PlannedChange { recovered: recovered.or_else(|| undo.recovered.clone()), ..undo });
        }
        plan.steps.clear();
        if recovered.is_some() {
            plan.problems.clear();
        }
        let planned = PlannedChange::of(plan, TargetGeneration { to, activator }, None)?;
        Ok(PlannedChange { recovered, ..planned })
    }

    /// Asks a host for the plan of a rollback. Returns the plan, the activator that made it, and what the
    /// host did to recover from an interrupted run.
    async fn ask(
        &self,
        session: &Session,
        to: Destination,
        options: PlanOptions,
        events: &Bus,
    ) -> Result<(Plan, String, Option<String>), Problem> {
        let (plan, activator) = remote::plan_rollback(session, to, options, &self.force).await?;
        let (target, terms) = (plan.target.clone(), recovery::terms(false, &|_| ()));
        let change = || remote::rollback(session, to, &activator, (Plan::NONE, &target), terms);
        let recovered = recovery::recover(session, self, &plan, events, change).await?;
        if recovered.is_none() {
            return Ok((plan, activator, None));
        }
        let (plan, activator) = remote::plan_rollback(session, to, options, &self.force).await?;
        Ok((plan, activator, recovered))
    }

    /// Asks a host for the steps that would undo a change. The plan has no steps if the host was already
    /// rolled back. If the rollback waited for a boot, the plan has the steps that are left.
    ///
    /// # Errors
    /// Fails if the host has neither the generation before the change nor the generation that the change
    /// made, if there was no generation before the change, or if the host refuses the rollback.
    pub async fn plan_undo(
        &self,
        session: &Session,
        (before, made): &Changed,
        events: &Bus,
    ) -> Result<PlannedChange<TargetGeneration>, Problem> {
        let name = &session.host().name;
        let Some(before) = before else {
            return Err(Problem::new(Code::NoGeneration, "there is no earlier generation to roll back to")
                .at(name)
                .because("the host was not managed before the rollout"));
        };
        let to = Destination::Number(before.number);
        let (mut plan, activator, recovered) = self.ask(session, to, PlanOptions::default(), events).await?;
        plan.overrule(&self.force);
        limit_to_undo(name, &mut plan, before, made)?;
        let checks = health::of_closure(&plan.target);
        let planned = PlannedChange::of(plan, TargetGeneration { to, activator }, checks)?;
        Ok(PlannedChange { recovered, ..planned })
    }
}

/// Returns the result of a host after its plan was carried out.
pub fn result<T>(host: &str, planned: &PlannedChange<T>, report: Result<Report, Problem>) -> HostResult {
    let plan = Some(planned.plan.clone());
    match report {
        Ok(mut report) => {
            report.recovered = report.recovered.or_else(|| planned.recovered.clone());
            HostResult { plan, ..HostResult::reported(host, report) }
        }
        Err(problem) => HostResult { plan, ..HostResult::failed(host, problem) },
    }
}

/// Returns a problem if the last apply to the host was made under another name, because the host may be the
/// wrong machine. Only the last apply matters, and not the apply that made the generation to roll back to.
fn other_host(session: &Session, applied_as: Option<&str>) -> Option<Problem> {
    let (name, addr) = (&session.host().name, &session.host().addr);
    let last = applied_as.filter(|last| last != name)?;
    Some(
        Problem::new(
            Code::OtherHost,
            format!("the last apply called this host {last}, not {name}"),
        )
        .at(format!("{name} ({addr})"))
        .because("the addresses of two hosts may have been swapped in the inventory")
        .help(format!(
            "correct hosts.{name}.addr in the inventory; or, if the host was renamed, add `--force host-name` to the \
             command, with exactly these words"
        )),
    )
}
