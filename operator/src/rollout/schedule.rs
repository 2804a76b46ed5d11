//! What may happen next in a rollout. It has neither a clock nor a connection: it is asked at a time, and
//! told what became of what it asked for.

use std::time::Duration;

use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::policy::{OnFailure, Policy, Unreachable};

use super::hosts::Hosts;
use super::state::HostState;
use super::verdict::{Pause, Verdict};

/// What to do, or to tell. Hosts are meant by their place in the waves, counted through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Copy the closure of a host to it, whose turn is yet to come.
    Copy(usize),
    /// Change a host, and copy to it what it lacks.
    Change(usize),
    /// Take a host back to where it stood before.
    GoBack(usize),
    /// Tell that the hosts of a wave may be changed.
    WaveBegan(usize),
    /// Tell that a wave is watched from now on.
    WaveSoaks(usize),
    /// Tell that a wave is over, and how many of its hosts failed.
    WaveEnded(usize, usize),
    /// Tell that no further host is begun.
    Stopped(Pause),
    /// Tell that these hosts go back.
    Returning(Vec<usize>),
}

/// Where a rollout stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SchedulePhase {
    /// The present wave has not been told of yet.
    Between,
    /// Hosts of the present wave are changed.
    Running,
    /// The present wave is watched until then.
    Soaking(Duration),
    /// No further host is begun; some are still being changed.
    Stopping(Pause),
    /// Hosts go back: because the rollout stopped, or because that is what it is for.
    Returning(Option<Pause>),
    /// Nothing more happens.
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
}

impl Schedule {
    /// A rollout that has not begun.
    pub const fn new(policy: Policy, hosts: Hosts) -> Self {
        Self { policy, hosts, wave: 0, phase: SchedulePhase::Between, failures: 0, interrupted: false }
    }

    /// A rollout that takes all its hosts back, at once and whatever becomes of any of them.
    pub fn back(policy: Policy, hosts: Hosts) -> Self {
        Self { phase: SchedulePhase::Returning(None), ..Self::new(policy, hosts) }
    }

    /// What is to be done at this time, counted from any fixed moment. To be asked again whenever something
    /// has ended and at [`Self::wakes`].
    pub fn next(&mut self, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        while self.step(now, &mut actions) {}
        self.copy_ahead(&mut actions);
        actions
    }

    /// When to ask again although nothing has ended.
    pub const fn wakes(&self) -> Option<Duration> {
        match self.phase {
            SchedulePhase::Soaking(until) => Some(until),
            _ => None,
        }
    }

    /// How the rollout ended, once it has.
    pub const fn verdict(&self) -> Option<&Verdict> {
        match &self.phase {
            SchedulePhase::Over(verdict) => Some(verdict),
            _ => None,
        }
    }

    /// The closure of a host has come to it.
    pub fn copied(&mut self, host: usize) {
        self.hosts.put(host, HostState::Copied);
    }

    /// A host has ended: its change, its return, or already its copy.
    pub fn ended(&mut self, host: usize, outcome: Outcome) {
        let returning = self.hosts.state(host) == HostState::Returning;
        self.hosts.put(host, HostState::Ended(outcome));
        // Who could not be copied to ahead of its turn is no fault of the present wave, and counts when its
        // own begins.
        if !returning && self.counts(outcome) && self.hosts.wave(host) <= self.wave {
            self.failures += 1;
        }
    }

    /// A host has ended, and stands where the rollout has put it, although it failed.
    pub fn stands_changed(&mut self, host: usize) {
        self.hosts.stands_changed(host);
    }

    /// The user wants no further host to be begun.
    pub const fn interrupt(&mut self) {
        self.interrupted = true;
    }

    /// Whether a host that began and ended like this has failed.
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

    /// Goes one step on, if one can be gone.
    fn step(&mut self, now: Duration, actions: &mut Vec<Action>) -> bool {
        if let SchedulePhase::Between | SchedulePhase::Running | SchedulePhase::Soaking(_) = self.phase
            && let Some(pause) = self.wants_stop()
        {
            return self.stop(pause, actions);
        }
        match self.phase.clone() {
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

    fn begin_wave(&mut self, actions: &mut Vec<Action>) -> bool {
        if self.wave == self.hosts.waves() {
            self.phase = SchedulePhase::Over(Verdict::Complete);
            return true;
        }
        actions.push(Action::WaveBegan(self.wave));
        // Who could not be copied to, or did not even answer when it was asked for its plan, never begins:
        // its turn is now.
        let failed = |begun, outcome| (begun || outcome == Outcome::Unreachable) && self.counts(outcome);
        self.failures +=
            self.hosts.ended(self.wave).filter(|(begun, outcome)| failed(*begun, *outcome)).count();
        self.phase = SchedulePhase::Running;
        true
    }

    /// Begins what may begin in the present wave, or ends the wave.
    fn run(&mut self, now: Duration, actions: &mut Vec<Action>) -> bool {
        let room = self.policy.max_parallel.get().saturating_sub(self.hosts.changing());
        actions.extend(self.hosts.begin(self.wave, room).into_iter().map(Action::Change));
        if self.hosts.left(self.wave) == 0 {
            return self.wave_is_through(now, actions);
        }
        // Nobody moves, and nobody will.
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
        let back = if matches!(pause, Pause::Failures { .. }) { self.to_take_back() } else { Vec::new() };
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

    /// The hosts that stand where the rollout has put them, as far as they go back behind a failure.
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

    /// Copies ahead, so that less is left to do for a host when its turn comes.
    fn copy_ahead(&mut self, actions: &mut Vec<Action>) {
        if !matches!(self.phase, SchedulePhase::Running | SchedulePhase::Soaking(_)) {
            return;
        }
        let room = self.policy.max_parallel.get().saturating_sub(self.hosts.copying());
        actions.extend(self.hosts.begin_copy(self.wave, room).into_iter().map(Action::Copy));
    }
}
