//! The content of the live view: the hosts in progress, and the progress of the whole command.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use console::{measure_text_width, truncate_str};
use jiff::tz::TimeZone;
use nixfleet_contract::apt::lock::LockHolder;
use nixfleet_contract::outcome::Outcome;

use nixfleet_operator::event::{EventKind, Phase, Stage};

use super::waits::waits;

/// The size of the terminal.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Number of columns.
    pub width: usize,
    /// Number of lines.
    pub height: usize,
}

/// The state of a command, derived from its events.
#[derive(Debug, Default)]
pub struct Board {
    stage: Option<(Stage, Instant)>,
    active: BTreeMap<String, Active>,
    /// The number of hosts that are done. Hosts of a rollout are not counted here.
    done: usize,
    rollout: Option<WaveBoard>,
    begun: usize,
}

#[derive(Debug)]
struct Active {
    phase: Phase,
    since: Instant,
    /// The program for which the host waits. If it is set, the board shows it instead of the phase.
    waits: Option<String>,
    /// The position of this host in the order in which the hosts were started. The lines are sorted by it, so
    /// that their order is stable.
    place: usize,
}

#[derive(Debug)]
struct WaveBoard {
    began: Instant,
    waves: Vec<BTreeSet<String>>,
    /// The number of the current wave, from 1; 0 before the first wave.
    wave: usize,
    ended: BTreeMap<String, Outcome>,
    watched_until: Option<Instant>,
}

impl Board {
    /// Updates the board with an event that happens at the time `now`.
    pub fn hear(&mut self, kind: &EventKind, now: Instant) {
        match kind {
            EventKind::StageBegan { stage } => self.stage = Some((*stage, now)),
            EventKind::StageEnded { .. } => {
                self.stage = None;
                self.restart();
            }
            EventKind::HostPhase { host, phase } => self.phase(host, *phase, now),
            EventKind::HostAwaitsApt { host, holder } => self.awaits_apt(host, holder.as_ref(), now),
            EventKind::HostPlanned { host, .. } => self.over(host),
            EventKind::HostEnded(end) => {
                self.over(&end.host);
                // Hosts that are excluded from the rollout are in no wave.
                if let Some(rollout) = &mut self.rollout
                    && rollout.waves.iter().any(|wave| wave.contains(&end.host))
                {
                    rollout.ended.insert(end.host.clone(), end.outcome);
                }
            }
            EventKind::RolloutBegan { waves, .. } => {
                let waves = waves.iter().map(|wave| wave.iter().cloned().collect()).collect();
                let (wave, ended, watched_until) = (0, BTreeMap::new(), None);
                self.rollout = Some(WaveBoard { began: now, waves, wave, ended, watched_until });
            }
            EventKind::RolloutEnded { .. } | EventKind::CommandEnded { .. } => *self = Self::default(),
            _ => {
                if let Some(rollout) = &mut self.rollout {
                    rollout.hear(kind, now);
                }
            }
        }
    }

    fn phase(&mut self, host: &str, phase: Phase, now: Instant) {
        match self.active.get_mut(host) {
            Some(active) if active.phase == phase => {}
            Some(active) => (active.phase, active.since, active.waits) = (phase, now, None),
            None => {
                self.begun += 1;
                self.active
                    .insert(host.to_owned(), Active { phase, since: now, waits: None, place: self.begun });
            }
        }
    }

    fn awaits_apt(&mut self, host: &str, holder: Option<&LockHolder>, now: Instant) {
        if let Some(active) = self.active.get_mut(host) {
            active.since = now;
            active.waits = holder.map(|holder| waits(holder, &TimeZone::system()));
        }
    }

    fn over(&mut self, host: &str) {
        if self.active.remove(host).is_some() && self.rollout.is_none() {
            self.done += 1;
        }
        self.restart();
    }

    /// Resets the counters of started and finished hosts if nothing is in progress.
    fn restart(&mut self) {
        if self.active.is_empty() && self.rollout.is_none() && self.stage.is_none() {
            (self.begun, self.done) = (0, 0);
        }
    }

    /// Returns whether the live view has nothing to show.
    pub fn is_idle(&self) -> bool {
        self.stage.is_none() && self.active.is_empty() && self.rollout.is_none()
    }

    /// Returns a line for each host in progress, as many as fit in `room`, followed by a summary line. The
    /// summary line starts with `alive`, the current frame of the spinner.
    pub fn lines(&self, now: Instant, room: Room, alive: &str) -> Vec<String> {
        let mut hosts: Vec<(&String, &Active)> = self.active.iter().collect();
        // Waiting hosts come last, since they are least interesting.
        hosts.sort_by_key(|(_, active)| (active.phase == Phase::Waiting, active.place));
        // Two lines are reserved: one for the summary, and one for the line above the live view.
        let most = room.height.saturating_sub(2).max(1);
        let shown = if hosts.len() > most { most - 1 } else { hosts.len() };
        let names = hosts[..shown].iter().map(|(host, _)| measure_text_width(host)).max().unwrap_or(0);
        let names = names.min(room.width / 2);
        let mut lines: Vec<String> = hosts[..shown]
            .iter()
            .map(|(host, active)| {
                let padding = " ".repeat(names.saturating_sub(measure_text_width(host)));
                let doing = active.waits.clone().unwrap_or_else(|| self.doing(host, active.phase));
                let host = truncate_str(host, names, "…");
                format!("{host}{padding}  {doing}  {}", elapsed(now - active.since))
            })
            .collect();
        if hosts.len() > shown {
            lines.push(format!("… and {} more", hosts.len() - shown));
        }
        lines.push(format!("{alive}{}", self.whole(now, room)));
        // The last column stays empty, since some terminals start a new line after a line that fills the last
        // column.
        let width = room.width.saturating_sub(1);
        lines.iter().map(|line| truncate_str(line, width, "…").into_owned()).collect()
    }

    /// Describes the phase of a host. For a waiting host of a rollout, describes what the host is waiting
    /// for.
    fn doing(&self, host: &str, phase: Phase) -> String {
        let Some(rollout) = self.rollout.as_ref().filter(|_| phase == Phase::Waiting) else {
            return phase.as_str().to_owned();
        };
        match rollout.waves.iter().position(|wave| wave.contains(host)) {
            Some(wave) if wave + 1 > rollout.wave => format!("waits for wave {}", wave + 1),
            _ => "waits for others of its wave".to_owned(),
        }
    }

    fn whole(&self, now: Instant, room: Room) -> String {
        match (&self.rollout, self.stage) {
            (Some(rollout), _) => rollout.line(now, room, &self.at_work()),
            (None, Some((stage, since))) => {
                let stage = format!("{}  {}", stage.as_str(), elapsed(now - since));
                if self.begun > 0 {
                    format!("{stage} · {}, {} done", self.at_work(), self.done)
                } else {
                    stage
                }
            }
            (None, None) => format!("{}, {} done", self.at_work(), self.done),
        }
    }

    /// Describes how many hosts are in progress, and how many are waiting.
    fn at_work(&self) -> String {
        let waiting = self.active.values().filter(|active| active.phase == Phase::Waiting).count();
        let mut text = format!("{} in work", self.active.len() - waiting);
        if waiting > 0 {
            let _ = write!(text, ", {waiting} waiting");
        }
        text
    }
}

impl WaveBoard {
    fn hear(&mut self, kind: &EventKind, now: Instant) {
        match kind {
            EventKind::WaveBegan { wave, .. } => (self.wave, self.watched_until) = (*wave, None),
            EventKind::WaveSoaking { seconds, .. } => {
                self.watched_until = now.checked_add(Duration::from_secs(*seconds));
            }
            EventKind::WaveEnded { .. } => self.watched_until = None,
            _ => {}
        }
    }

    fn line(&self, now: Instant, room: Room, at_work: &str) -> String {
        let none = BTreeSet::new();
        let wave = self.wave.checked_sub(1).and_then(|wave| self.waves.get(wave)).unwrap_or(&none);
        let ended = wave.iter().filter(|host| self.ended.contains_key(*host)).count();
        let all: usize = self.waves.iter().map(BTreeSet::len).sum();
        let mut line = String::new();
        if self.waves.len() > 1 {
            let _ = write!(line, "wave {} of {} ", self.wave, self.waves.len());
        }
        line.push_str(&bar(ended, wave.len(), room.width));
        let _ = write!(line, "{ended}/{}", wave.len());
        if self.waves.len() > 1 {
            let _ = write!(line, " · all {}/{all}", self.ended.len());
        }
        let bad = self.ended.values().filter(|outcome| !outcome.is_good()).count();
        if bad > 0 {
            let _ = write!(line, " · {bad} failed");
        }
        match self.watched_until.and_then(|until| until.checked_duration_since(now)) {
            Some(left) => {
                let _ = write!(line, " · watched for {} more", elapsed(left));
            }
            None => {
                let _ = write!(line, " · {at_work}");
            }
        }
        let _ = write!(line, " · {}", elapsed(now - self.began));
        line
    }
}

/// Draws a progress bar for a wave. The text is empty if the terminal is too narrow.
fn bar(done: usize, of: usize, width: usize) -> String {
    let length = match width {
        ..60 => return String::new(),
        60..80 => 10,
        80.. => 20,
    };
    let full = (done * length).checked_div(of).unwrap_or(0);
    format!("{}{} ", "━".repeat(full), "─".repeat(length - full))
}

/// Formats a duration in seconds, in minutes and seconds, or in hours and minutes.
fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600.. => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
