//! Carries out a rollout: performs the actions of the schedule, and reports their results to the schedule and
//! on the event bus.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nixfleet_contract::outcome::{Outcome, ReasonCode};
use nixfleet_contract::problem::Problem;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::schedule::{Action, Schedule};
use super::verdict::{Pause, Verdict};
use super::{Hosts, Outline};
use crate::diagnostics::of_host;
use crate::event::{Bus, EventKind, Phase};
use crate::host_result::HostResult;
use crate::interrupt::Interrupt;
use crate::stop::Stop;

/// The work on hosts. A host is identified by its index among all hosts, counted in the order of the waves.
pub trait Work: Send + Sync + 'static {
    /// Does the work that can be done ahead of a host's turn without changing the host, such as copying the
    /// closure to the host.
    fn prepare(&self, host: usize) -> impl Future<Output = Result<(), Problem>> + Send;
    /// Changes a host.
    fn perform(&self, host: usize) -> impl Future<Output = HostResult> + Send;
    /// Rolls a host back to its state before the change.
    fn undo(&self, host: usize) -> impl Future<Output = HostResult> + Send;
}

/// The result of a task. A task copies a closure to a host, changes a host or rolls a host back.
enum TaskEnd {
    Copied,
    NotCopied(Problem),
    Ended(Box<HostResult>, Duration),
}

/// A rollout that is being carried out.
pub struct Driver<'a, W> {
    names: Vec<String>,
    outline: &'a Outline,
    schedule: Schedule,
    work: Arc<W>,
    events: &'a Bus,
    tasks: JoinSet<(usize, TaskEnd)>,
    results: BTreeMap<String, HostResult>,
}

impl<'a, W: Work> Driver<'a, W> {
    /// Creates a driver for hosts in the given states. `back` states whether the rollout rolls hosts back.
    pub fn new(outline: &'a Outline, hosts: Hosts, back: bool, work: W, events: &'a Bus) -> Self {
        let policy = outline.policy.clone();
        Self {
            names: outline.hosts().map(|(_, name)| name.to_owned()).collect(),
            outline,
            schedule: if back { Schedule::back(policy, hosts) } else { Schedule::new(policy, hosts) },
            work: Arc::new(work),
            events,
            tasks: JoinSet::new(),
            results: BTreeMap::new(),
        }
    }

    /// Carries out the rollout until it ends. Returns the verdict, and the result of each host on which work
    /// was started.
    ///
    /// # Errors
    /// Fails if the work on a host panicked.
    pub async fn drive(
        mut self,
        interrupt: &Interrupt,
    ) -> Result<(Verdict, BTreeMap<String, HostResult>), Stop> {
        let began = Instant::now();
        let mut interrupted = false;
        loop {
            if interrupt.is_requested() && !interrupted {
                interrupted = true;
                self.schedule.interrupt();
                self.events.say(EventKind::RolloutInterrupted);
            }
            for action in self.schedule.next(began.elapsed()) {
                self.act(action);
            }
            if let Some(verdict) = self.schedule.verdict() {
                let verdict = verdict.clone();
                // Stop copying to hosts that will not be changed.
                self.tasks.abort_all();
                return Ok((verdict, self.results));
            }
            let wakes = self.schedule.wakes().map(|at| began + at);
            tokio::select! {
                Some(joined) = self.tasks.join_next() => {
                    let (host, done) = joined?;
                    self.take_in(host, done);
                }
                () = sleep_until(wakes.unwrap_or(began)), if wakes.is_some() => {}
                () = interrupt.requested(), if !interrupted => {}
            }
        }
    }

    fn act(&mut self, action: Action) {
        let (of, waves) = (self.outline.waves.len(), &self.outline.waves);
        match action {
            Action::Copy(host) => self.copy(host),
            Action::Change(host) => self.change(host),
            Action::GoBack(host) => self.go_back(host),
            Action::WaveBegan(wave) => {
                self.events.say(EventKind::WaveBegan { wave: wave + 1, of, hosts: waves[wave].clone() });
            }
            Action::WaveSoaks(wave) => {
                self.events.say(EventKind::WaveSoaking { wave: wave + 1, seconds: self.outline.policy.soak });
            }
            Action::WaveEnded(wave, failed) => {
                self.events.say(EventKind::WaveEnded { wave: wave + 1, of, failed });
            }
            Action::Stopped(Pause::Interrupted) => {}
            Action::Stopped(pause) => {
                self.events.say(EventKind::RolloutPaused { reason: pause.to_string() });
            }
            Action::Returning(hosts) => {
                let hosts = hosts.into_iter().map(|host| self.names[host].clone()).collect();
                self.events.say(EventKind::RolloutReturning { hosts });
            }
        }
    }

    fn copy(&mut self, host: usize) {
        let work = Arc::clone(&self.work);
        self.says(host, Phase::Copying);
        self.tasks.spawn(of_host(&self.names[host], async move {
            let copied = work.prepare(host).await;
            (host, copied.map_or_else(TaskEnd::NotCopied, |()| TaskEnd::Copied))
        }));
    }

    fn change(&mut self, host: usize) {
        let work = Arc::clone(&self.work);
        self.tasks.spawn(of_host(&self.names[host], async move {
            let began = Instant::now();
            let result = work.perform(host).await;
            (host, TaskEnd::Ended(Box::new(result), began.elapsed()))
        }));
    }

    fn go_back(&mut self, host: usize) {
        let work = Arc::clone(&self.work);
        self.says(host, Phase::RollingBack);
        self.tasks.spawn(of_host(&self.names[host], async move {
            let began = Instant::now();
            let result = work.undo(host).await;
            (host, TaskEnd::Ended(Box::new(result), began.elapsed()))
        }));
    }

    fn says(&self, host: usize, phase: Phase) {
        self.events.say(EventKind::HostPhase { host: self.names[host].clone(), phase });
    }

    fn take_in(&mut self, host: usize, done: TaskEnd) {
        let (result, took) = match done {
            TaskEnd::Copied => {
                self.says(host, Phase::Waiting);
                return self.schedule.copied(host);
            }
            TaskEnd::NotCopied(problem) => {
                let failed = HostResult::failed(self.names[host].as_str(), problem);
                // A host that cannot get its packages is not changed, like a host that refuses its plan.
                let is_blocked = self.schedule.is_downloading() && failed.outcome == Outcome::Failed;
                let outcome = if is_blocked { Outcome::Blocked } else { failed.outcome };
                (HostResult { outcome, ..failed }, Duration::ZERO)
            }
            TaskEnd::Ended(result, took) => (*result, took),
        };
        let end = result.end(took);
        // A host on which only apt completed stops the rollout like a host that failed.
        let is_of_apt = end.reason_code.is_some_and(ReasonCode::is_of_apt);
        self.schedule.ended(host, if is_of_apt { Outcome::Failed } else { end.outcome });
        if end.made().is_some() {
            self.schedule.mark_changed(host);
        }
        self.events.say(EventKind::HostEnded(end));
        self.results.insert(self.names[host].clone(), result);
    }
}
