//! The schedule of a rollout, which decides what may happen next. It has neither a clock nor a connection:
//! the caller passes in the time and the results of actions.

use std::time::Duration;

use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::policy::{OnFailure, Policy, Unreachable};

use super::hosts::Hosts;
use super::state::HostState;
use super::verdict::{Pause, Verdict};

/// An action to perform, or an event to report. Hosts are identified by their index among all hosts, counted
/// in the order of the waves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Copy a closure to its host, ahead of the turn of the host, and download the packages of the host.
    Copy(usize),
    /// Change a host. This includes copying the store paths that the host lacks.
    Change(usize),
    /// Roll a host back to its state before the change.
    GoBack(usize),
    /// Report that the hosts of a wave may be changed.
    WaveBegan(usize),
    /// Report that the soak of a wave starts.
    WaveSoaks(usize),
    /// Report that a wave has ended, with the number of its hosts that failed.
    WaveEnded(usize, usize),
    /// Report that no further host will be started, and why.
    Stopped(Pause),
    /// Report that these hosts will be rolled back.
    Returning(Vec<usize>),
}

/// The phase that a rollout is in.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SchedulePhase {
    /// Hosts download packages. No host is changed before all of them have done so.
    Downloading,
    /// The current wave has not started yet.
    Between,
    /// The hosts of the current wave are being changed.
    Running,
    /// The current wave soaks until the given time.
    Soaking(Duration),
    /// No further host is started, but some hosts are still being changed.
    Stopping(Pause),
    /// Hosts are being rolled back, because the rollout has stopped or because rolling back is its purpose.
    Returning(Option<Pause>),
    /// The rollout has ended.
    Over(Verdict),
}

/// The state of a rollout.
#[derive(Clone, Debug)]
pub struct Schedule {
    policy: Policy,
    hosts: Hosts,
    wave: usize,
    phase: SchedulePhase,
    failures: usize,
    interrupted: bool,
    /// Whether this command may have changed a host.
    has_begun: bool,
}

impl Schedule {
    /// Creates the schedule of a rollout that has not started.
    pub fn new(policy: Policy, hosts: Hosts) -> Self {
        let phase = if hosts.any_downloading() { SchedulePhase::Downloading } else { SchedulePhase::Between };
        Self { policy, hosts, wave: 0, phase, failures: 0, interrupted: false, has_begun: false }
    }

    /// Creates the schedule of a rollout that rolls all its hosts back without waves, regardless of failures.
    pub fn back(policy: Policy, hosts: Hosts) -> Self {
        Self { phase: SchedulePhase::Returning(None), ..Self::new(policy, hosts) }
    }

    /// Returns the actions that are due at the time `now`. All calls must count `now` from the same moment.
    /// Call this again whenever an action has ended, and at the time that [`Self::wakes`] returns.
    pub fn next(&mut self, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        while self.step(now, &mut actions) {}
        self.copy_ahead(&mut actions);
        actions
    }

    /// Returns when to call [`Self::next`] again even if no action has ended by then.
    pub const fn wakes(&self) -> Option<Duration> {
        match self.phase {
            SchedulePhase::Soaking(until) => Some(until),
            _ => None,
        }
    }

    /// Returns how the rollout ended, once it has ended.
    pub const fn verdict(&self) -> Option<&Verdict> {
        match &self.phase {
            SchedulePhase::Over(verdict) => Some(verdict),
            _ => None,
        }
    }

    /// Whether hosts download packages, so that no host has been changed yet.
    pub fn is_downloading(&self) -> bool {
        self.phase == SchedulePhase::Downloading
    }

    /// Notes that the closure of a host has been copied to it.
    pub fn copied(&mut self, host: usize) {
        self.hosts.put(host, HostState::Copied);
    }

    /// Notes that the work on a host has ended: its change, its rollback, or a copy that failed.
    pub fn ended(&mut self, host: usize, outcome: Outcome) {
        let returning = self.hosts.state(host) == HostState::Returning;
        self.hosts.put(host, HostState::Ended(outcome));
        // A copy that failed ahead of a host's turn does not count in the current wave. It counts when the
        // wave of the host starts.
        let has_begun = self.phase != SchedulePhase::Downloading && self.hosts.wave(host) <= self.wave;
        if !returning && self.counts(outcome) && has_begun {
            self.failures += 1;
        }
    }

    /// Notes that a host has the generation that the rollout made, even if the host failed.
    pub fn mark_changed(&mut self, host: usize) {
        self.hosts.mark_changed(host);
    }

    /// Notes that the user wants no further host to be started.
    pub const fn interrupt(&mut self) {
        self.interrupted = true;
    }

    /// Whether this outcome counts as a failure, assuming that work on the host was started.
    fn counts(&self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Failed | Outcome::RolledBack | Outcome::Blocked => true,
            Outcome::Unreachable => self.policy.unreachable == Unreachable::Fail,
            Outcome::Ok | Outcome::Unchanged | Outcome::Partial | Outcome::Deferred | Outcome::Skipped => {
                false
            }
        }
    }

    fn is_beyond_tolerance(&self) -> bool {
        self.failures > self.policy.max_failures.of_rounded_down(self.hosts.count())
    }

    /// Advances the rollout by one step, if possible. Returns whether the rollout advanced.
    fn step(&mut self, now: Duration, actions: &mut Vec<Action>) -> bool {
        if let SchedulePhase::Downloading
        | SchedulePhase::Between
        | SchedulePhase::Running
        | SchedulePhase::Soaking(_) = self.phase
            && let Some(pause) = self.wants_stop()
        {
            return self.stop(pause, actions);
        }
        match self.phase.clone() {
            SchedulePhase::Downloading => self.download(actions),
            SchedulePhase::Between => self.begin_wave(actions),
            SchedulePhase::Running => self.run(now, actions),
            SchedulePhase::Soaking(until) => now >= until && self.end_wave(actions),
            SchedulePhase::Stopping(pause) => self.hosts.changing() == 0 && self.after_stop(pause, actions),
            SchedulePhase::Returning(pause) => self.go_back(pause, actions),
            SchedulePhase::Over(_) => false,
        }
    }

    fn wants_stop(&self) -> Option<Pause> {
        if self.interrupted {
            return Some(Pause::Interrupted);
        }
        let allowed = self.policy.max_failures;
        self.is_beyond_tolerance().then_some(Pause::Failures { failures: self.failures, allowed })
    }

    fn stop(&mut self, pause: Pause, actions: &mut Vec<Action>) -> bool {
        actions.push(Action::Stopped(pause.clone()));
        self.phase = SchedulePhase::Stopping(pause);
        true
    }

    /// Lets hosts download packages. If too many of them fail, the rollout stops before any host is changed.
    fn download(&mut self, actions: &mut Vec<Action>) -> bool {
        let ended = (0..self.hosts.waves()).flat_map(|wave| self.hosts.ended(wave));
        let failed = ended.filter(|(begun, outcome)| *begun && self.counts(*outcome)).count();
        let allowed = self.policy.max_failures;
        let is_beyond = failed > allowed.of_rounded_down(self.hosts.count());
        if !is_beyond {
            let room = self.policy.max_parallel.get().saturating_sub(self.hosts.copying());
            actions.extend(self.hosts.begin_download(room).into_iter().map(Action::Copy));
        }
        if self.hosts.copying() > 0 {
            return false;
        }
        if is_beyond {
            return self.stop(Pause::Failures { failures: failed, allowed }, actions);
        }
        self.phase = SchedulePhase::Between;
        true
    }

    fn begin_wave(&mut self, actions: &mut Vec<Action>) -> bool {
        if self.wave == self.hosts.waves() {
            self.phase = SchedulePhase::Over(Verdict::Complete);
            return true;
        }
        self.has_begun = true;
        actions.push(Action::WaveBegan(self.wave));
        // Hosts to which copying failed, and hosts that did not answer the query for a plan, are never
        // started. Their failures therefore count at the start of their wave.
        let failed = |begun, outcome| (begun || outcome == Outcome::Unreachable) && self.counts(outcome);
        self.failures +=
            self.hosts.ended(self.wave).filter(|(begun, outcome)| failed(*begun, *outcome)).count();
        self.phase = SchedulePhase::Running;
        true
    }

    /// Starts hosts of the current wave, or ends the wave. Returns whether the phase has changed.
    fn run(&mut self, now: Duration, actions: &mut Vec<Action>) -> bool {
        let room = self.policy.max_parallel.get().saturating_sub(self.hosts.changing());
        actions.extend(self.hosts.begin(self.wave, room).into_iter().map(Action::Change));
        if self.hosts.left(self.wave) == 0 {
            return self.wave_is_through(now, actions);
        }
        // If no host is being changed and a budget blocks the remaining hosts, the rollout cannot continue.
        match self.hosts.exhausted(self.wave) {
            Some(tag) => self.stop(Pause::Budget { tag }, actions),
            None => false,
        }
    }

    fn wave_is_through(&mut self, now: Duration, actions: &mut Vec<Action>) -> bool {
        let is_last = self.wave + 1 == self.hosts.waves();
        if !is_last && !self.hosts.any_good(self.wave) {
            return self.stop(Pause::NothingShown { wave: self.wave + 1 }, actions);
        }
        if !is_last && self.policy.soak > 0 && self.hosts.any_changed(self.wave) {
            actions.push(Action::WaveSoaks(self.wave));
            self.phase = SchedulePhase::Soaking(now + Duration::from_secs(self.policy.soak));
            return true;
        }
        self.end_wave(actions)
    }

    fn end_wave(&mut self, actions: &mut Vec<Action>) -> bool {
        actions.push(Action::WaveEnded(self.wave, self.hosts.bad(self.wave)));
        self.wave += 1;
        self.phase = SchedulePhase::Between;
        true
    }

    fn after_stop(&mut self, pause: Pause, actions: &mut Vec<Action>) -> bool {
        if pause == Pause::Interrupted && self.hosts.all_ended() {
            self.phase = SchedulePhase::Over(Verdict::Complete);
            return true;
        }
        // If only downloads have failed, no host of this command has failed because of a change.
        let takes_back = self.has_begun && matches!(pause, Pause::Failures { .. });
        let back = if takes_back { self.to_take_back() } else { Vec::new() };
        if back.is_empty() || self.interrupted {
            self.phase = SchedulePhase::Over(Verdict::Paused(pause));
            return true;
        }
        for host in &back {
            self.hosts.put(*host, HostState::ToReturn);
        }
        actions.push(Action::Returning(back));
        self.phase = SchedulePhase::Returning(Some(pause));
        true
    }

    /// Returns the hosts to roll back after a failure. They are the hosts that have the generation that the
    /// rollout made. The policy says whether hosts of all waves, of the current wave or of no wave are
    /// included.
    fn to_take_back(&self) -> Vec<usize> {
        match self.policy.on_failure {
            OnFailure::Pause => Vec::new(),
            OnFailure::RollbackWave => self.hosts.changed(Some(self.wave)),
            OnFailure::RollbackAll => self.hosts.changed(None),
        }
    }

    fn go_back(&mut self, pause: Option<Pause>, actions: &mut Vec<Action>) -> bool {
        let room = self.policy.max_parallel.get().saturating_sub(self.hosts.changing());
        let room = if self.interrupted { 0 } else { room };
        actions.extend(self.hosts.begin_return(room).into_iter().map(Action::GoBack));
        if self.hosts.changing() > 0 {
            return false;
        }
        let (stayed, all) = (self.to_take_back().len(), self.policy.on_failure == OnFailure::RollbackAll);
        self.phase = SchedulePhase::Over(match pause {
            _ if self.hosts.any_to_return() => Verdict::Paused(Pause::Interrupted),
            Some(pause) if stayed > 0 => {
                Verdict::Paused(Pause::Stayed { why: Box::new(pause), hosts: stayed })
            }
            Some(pause) => Verdict::Returned { pause, all },
            None => Verdict::Complete,
        });
        true
    }

    /// Starts copying closures to hosts ahead of their turn, so that less work is left when their turn comes.
    fn copy_ahead(&mut self, actions: &mut Vec<Action>) {
        if !matches!(self.phase, SchedulePhase::Running | SchedulePhase::Soaking(_)) {
            return;
        }
        let room = self.policy.max_parallel.get().saturating_sub(self.hosts.copying());
        actions.extend(self.hosts.begin_copy(self.wave, room).into_iter().map(Action::Copy));
    }
}
