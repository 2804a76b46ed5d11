//! Reboots of hosts, each in its window and its turn.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use nixfleet_contract::fleet::Host;
use nixfleet_contract::generation::Generation;
use nixfleet_contract::os::policy::RebootLimit;
use nixfleet_contract::os::status::OsStatus;
use nixfleet_contract::outcome::{Outcome, ReasonCode};
use nixfleet_contract::problem::{Code, Problem};
use serde::{Deserialize, Serialize};
use tracing::debug;

use super::check::health_checks;
use super::context::Context;
use super::fleet::{Evaluated, Participants};
use super::host_plan::ask;
use super::policy_request::PolicyRequest;
use super::resume_state::ResumeState;
use super::rollout::Rollout;
use super::targets::Targets;
use super::verb::{Operation, Planned};
use crate::calendar::{WindowState, shown};
use crate::errands::Errands;
use crate::event::{Bus, EventKind, Level, Phase};
use crate::host_result::{CalendarView, HostResult, RebootView};
use crate::interrupt::Interrupt;
use crate::reboot_slots::{RebootSlot, RebootSlots, Turn};
use crate::remote;
use crate::ssh::Session;
use crate::state::StateDir;
use crate::stop::Stop;

/// The pause between two attempts to take a slot.
const PAUSE: Duration = Duration::from_millis(500);

/// A request to reboot hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RebootRequest {
    /// The hosts to reboot.
    pub targets: Targets,
    /// The values that override the rollout policy of the fleet.
    pub policy: PolicyRequest,
    /// Whether only hosts are rebooted that have to be.
    pub if_required: bool,
    /// Whether hosts are rebooted outside of their windows too.
    pub now: bool,
    /// Whether to reboot hosts without asking the user.
    pub yes: bool,
}

/// An operation that reboots hosts.
pub struct Reboot {
    if_required: bool,
    now: bool,
    /// The number of hosts that are rebooted at the same time, for hosts whose policy has no limit.
    parallel: NonZeroUsize,
    slots: RebootSlots,
    /// The health checks of this fleet that the user has been shown on this machine.
    known: Errands,
    interrupt: Interrupt,
    /// The number of hosts that did not come back well.
    failed: AtomicUsize,
    /// The number of such hosts after which no further host is rebooted.
    tolerated: usize,
}

/// The planned reboot of a host.
pub struct PlannedReboot {
    /// The operating system before the reboot.
    os: OsStatus,
    current: Option<Generation>,
    is_wanted: bool,
    /// The beginning of the next window, if no window is open now.
    next: Option<jiff::Zoned>,
}

impl RebootRequest {
    /// Asks the hosts whether they have to be rebooted.
    ///
    /// # Errors
    /// Fails if the fleet cannot be evaluated, if the selection or the rollout policy is invalid, or if this
    /// machine does not know the time zone of a window.
    pub async fn plan(&self, context: &Context) -> Result<Rollout<Reboot>, Stop> {
        let (Evaluated { origin, fleet, .. }, selected) = self.targets.select(context).await?;
        let connections = self.targets.connections;
        let Participants { hosts, excluded, mut outline } =
            Participants::of(&fleet, selected, &self.policy, connections.parallel, context)?;
        if hosts.iter().all(|host| host.os_updates.reboot_limits.is_empty()) {
            outline.policy.max_parallel = connections.parallel.unwrap_or(NonZeroUsize::MIN);
        }
        let operation = Arc::new(Reboot {
            if_required: self.if_required,
            now: self.now,
            parallel: connections.parallel.unwrap_or(NonZeroUsize::MIN),
            slots: RebootSlots::of(&StateDir::find()?, &origin.flake)?,
            known: Errands::shown_here(&origin.flake),
            interrupt: context.interrupt.clone(),
            failed: AtomicUsize::new(0),
            tolerated: outline.policy.max_failures.of_rounded_down(hosts.len()),
        });
        // An unknown time zone is refused before any host is contacted.
        for host in &hosts {
            operation.window(host)?;
        }
        let plans = ask(&operation, connections.sessions(hosts)?, connections.at_once(), context).await?;
        let (id, resume_state) = (context.id.clone(), ResumeState::Nothing);
        Ok(Rollout { id, origin, outline, operation, plans, excluded, resume_state, yes: self.yes })
    }
}

/// Returns when each selected host may be rebooted. No host is contacted.
///
/// # Errors
/// Fails if the fleet cannot be evaluated, if the selection is invalid, or if this machine does not know the
/// time zone of a window.
pub async fn schedule(targets: &Targets, context: &Context) -> Result<Vec<HostResult>, Stop> {
    let (_, hosts) = targets.select(context).await?;
    let (now, mut results) = (Timestamp::now(), Vec::new());
    for host in hosts {
        let policy = &host.os_updates;
        let (is_open, until, when) = match WindowState::at(now, &policy.reboot_windows)? {
            WindowState::Always => (true, None, "at any time".to_owned()),
            WindowState::Open { until } => {
                let when = format!("now, until {}", shown(&until));
                (true, Some(until), when)
            }
            WindowState::Closed { next } => {
                let when = format!("from {}", shown(&next));
                (false, Some(next), when)
            }
        };
        let by = if policy.auto_reboot { "by itself, " } else { "on request, " };
        let (auto_reboot, windows) = (policy.auto_reboot, policy.reboot_windows.clone());
        let until = until.map(|time| time.to_string());
        results.push(HostResult {
            reason: Some(format!("{by}{when}")),
            calendar: Some(Box::new(CalendarView { auto_reboot, windows, is_open, until })),
            ..HostResult::new(host.name, Outcome::Unchanged)
        });
    }
    Ok(results)
}

impl Reboot {
    fn window(&self, host: &Host) -> Result<WindowState, Problem> {
        if self.now {
            return Ok(WindowState::Always);
        }
        WindowState::at(Timestamp::now(), &host.os_updates.reboot_windows)
    }

    /// Returns the limits on reboots at the same time. A host without any is rebooted alone, or as
    /// `--parallel` says.
    fn limits(&self, host: &Host) -> Vec<RebootLimit> {
        let limits = host.os_updates.reboot_limits.clone();
        if limits.is_empty() { vec![RebootLimit { tag: None, max: self.parallel }] } else { limits }
    }

    /// Waits until the limits allow the host to be rebooted. `None`: the user has interrupted the command, or
    /// too many hosts did not come back well.
    async fn turn(&self, session: &Session, events: &Bus) -> Result<Option<RebootSlot>, Problem> {
        let host = session.host();
        let limits = self.limits(host);
        let mut is_told = false;
        loop {
            if self.interrupt.is_requested() || self.failed.load(Ordering::Relaxed) > self.tolerated {
                return Ok(None);
            }
            let others = match self.slots.take(host, &limits, session.to_boot())? {
                Turn::Now(slot) => return Ok(Some(slot)),
                Turn::Later { others } => others.join(", "),
            };
            if !is_told {
                debug!(target: "nixfleet::reboot", host = host.name, others, "waits for its turn");
                events.say(EventKind::HostPhase { host: host.name.clone(), phase: Phase::AwaitingTurn });
                is_told = true;
            }
            tokio::select! {
                () = self.interrupt.requested() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Reboots a host that has a slot, and checks that it comes back well.
    async fn carry_out(
        &self,
        session: &Session,
        planned: &PlannedReboot,
        view: &mut RebootView,
        events: &Bus,
    ) -> Result<HostResult, Problem> {
        let host = session.host().name.as_str();
        let phase = |phase| events.say(EventKind::HostPhase { host: host.to_owned(), phase });
        let failed_before = remote::booted(session).await?.failed;
        phase(Phase::Rebooting);
        match remote::reboot(session, &planned.os.boot_id).await {
            // The shutdown may end the connection before the answer arrives. Whether the host reboots is seen
            // next.
            Err(problem) if problem.code == Code::Unreachable => {}
            answer => answer?,
        }
        let booted = remote::await_boot(session, &planned.os.boot_id).await?;
        view.new_boot_id = Some(booted.boot_id.clone());
        session.reconnect().await?;
        let news: Vec<&str> =
            booted.failed.iter().filter(|unit| !failed_before.contains(unit)).map(String::as_str).collect();
        if !news.is_empty() {
            return Err(failed_units(host, &news));
        }
        phase(Phase::Checking);
        let found =
            if planned.current.is_some() { health_checks(session, &self.known).await? } else { Vec::new() };
        let result = HostResult::checked(host, found, Outcome::Ok);
        let os = remote::status(session).await?.and_then(|status| status.os);
        let left: Vec<String> = os.iter().flat_map(|os| &os.reboot).map(ToString::to_string).collect();
        if left.is_empty() || result.outcome != Outcome::Ok {
            return Ok(result);
        }
        let (outcome, reason_code) = (Outcome::Partial, Some(ReasonCode::RebootToFinish));
        let reason = Some(format!("it still has to be rebooted: {}", left.join("; ")));
        Ok(HostResult { outcome, reason_code, reason, ..result })
    }
}

impl Operation for Reboot {
    type Plan = PlannedReboot;

    async fn plan(&self, session: &Arc<Session>, events: &Bus) -> Result<Self::Plan, Problem> {
        let host = session.host();
        events.say(EventKind::HostPhase { host: host.name.clone(), phase: Phase::Looking });
        let status = remote::status(session).await?.ok_or_else(|| remote::not_managed(session))?;
        let os = status.os.ok_or_else(|| too_old(&host.name))?;
        let is_wanted = !self.if_required || !os.reboot.is_empty();
        let next = self.window(host)?.closed().cloned();
        Ok(PlannedReboot { os, current: status.current, is_wanted, next })
    }

    async fn perform(&self, session: &Session, planned: &Self::Plan, events: &Bus) -> HostResult {
        let host = session.host().name.as_str();
        let mut view = planned.view();
        let result = match self.turn(session, events).await {
            Err(problem) => HostResult::failed(host, problem),
            Ok(None) => deferred(host, "the rollout ended before the turn of this host".to_owned()),
            // The window may have ended while the host waited.
            Ok(Some(_slot)) => match self.window(session.host()).map(|state| state.closed().cloned()) {
                Err(problem) => HostResult::failed(host, problem),
                Ok(Some(next)) => deferred(host, next_window(&next)),
                Ok(None) => {
                    let done = self.carry_out(session, planned, &mut view, events).await;
                    done.unwrap_or_else(|problem| {
                        self.failed.fetch_add(1, Ordering::Relaxed);
                        not_back_well(host, problem, events)
                    })
                }
            },
        };
        HostResult { reboot: Some(Box::new(view)), ..result }
    }
}

impl PlannedReboot {
    /// Returns the operating system before the reboot.
    #[must_use]
    pub const fn os(&self) -> &OsStatus {
        &self.os
    }

    fn view(&self) -> RebootView {
        RebootView {
            reasons: self.os.reboot.clone(),
            kernel: self.os.kernel.clone(),
            boot_id: self.os.boot_id.clone(),
            new_boot_id: None,
            next_window: self.next.as_ref().map(ToString::to_string),
        }
    }
}

impl Planned for PlannedReboot {
    fn is_to_change(&self) -> bool {
        self.is_wanted && self.next.is_none()
    }

    fn result(&self, host: &str) -> HostResult {
        let result = match &self.next {
            _ if !self.is_wanted => HostResult::new(host, Outcome::Unchanged),
            Some(next) => deferred(host, next_window(next)),
            None => HostResult::new(host, Outcome::Ok),
        };
        HostResult { reboot: Some(Box::new(self.view())), ..result }
    }

    fn current(&self) -> Option<&Generation> {
        self.current.as_ref()
    }
}

fn next_window(next: &jiff::Zoned) -> String {
    format!("the next window begins on {}", shown(next))
}

fn deferred(host: &str, reason: String) -> HostResult {
    HostResult { reason: Some(reason), ..HostResult::new(host, Outcome::Deferred) }
}

/// Returns the result of a host that did not come back well. Such a host has failed, even if it cannot be
/// reached: it was up before.
fn not_back_well(host: &str, problem: Problem, events: &Bus) -> HostResult {
    let text = problem.to_string();
    events.say(EventKind::Log { level: Level::Warning, host: Some(host.to_owned()), text });
    let result = HostResult::failed(host, problem);
    match result.outcome {
        Outcome::Unreachable => HostResult { outcome: Outcome::Failed, ..result },
        _ => result,
    }
}

fn failed_units(host: &str, units: &[&str]) -> Problem {
    let units = units.join(", ");
    Problem::new(Code::Unit, "the host has booted, but units failed that had not failed before")
        .at(host)
        .because(format!("failed: {units}"))
        .help(format!("look at their logs: nixfleet run --sudo --host {host} -- journalctl -b -p warning"))
}

fn too_old(host: &str) -> Problem {
    Problem::new(Code::Usage, "the NixFleet of the host is older, and cannot tell about reboots")
        .at(host)
        .help(format!("apply to the host first, which updates its NixFleet: nixfleet apply --host {host}"))
}
