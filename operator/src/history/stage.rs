//! Fixtures for tests of the history: a database in a temporary directory, and events of a command.

use nixfleet_contract::generation::Generation;
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::Problem;

use super::{CommandEntry, EntryFilter, Store};
use crate::event::RolloutId;
use crate::event::{Event, EventKind, ExcludedHost, HostEnd, Phase};
use crate::state::StateDir;

/// A temporary state directory for a test.
pub struct TestStore {
    pub state: StateDir,
    folder: tempfile::TempDir,
}

impl TestStore {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { state: StateDir::at(folder.path()), folder }
    }

    /// Returns the path of the database, after creating its directory.
    pub fn database(&self) -> std::path::PathBuf {
        std::fs::create_dir_all(self.folder.path().join("history")).unwrap();
        self.folder.path().join("history/history.db")
    }

    pub fn store(&self) -> Store {
        Store::open(&self.state).unwrap()
    }

    pub fn all(&self) -> Vec<CommandEntry> {
        Store::look(&self.state).unwrap().unwrap().list(&every()).unwrap()
    }
}

pub fn every() -> EntryFilter {
    EntryFilter { host: None, limit: 100 }
}

pub fn id(number: u32) -> RolloutId {
    format!("20261120-14{:02}{:02}-kbzq", number / 60, number % 60).parse().unwrap()
}

pub fn began(id: &RolloutId, command: &str) -> EventKind {
    let arguments = ["--tag", "web"].map(String::from).to_vec();
    EventKind::CommandBegan {
        id: id.clone(),
        command: command.into(),
        arguments,
        operator: "ada@desk".into(),
    }
}

pub fn ended(exit_code: u8) -> EventKind {
    EventKind::CommandEnded { command: "apply".into(), exit_code, duration_ms: 9, problem: None }
}

pub fn generation(number: u64) -> Generation {
    Generation { number, closure: format!("/nix/store/{number}") }
}

pub fn planned(host: &str, steps: usize) -> EventKind {
    EventKind::HostPlanned {
        host: host.into(),
        steps: Some(steps),
        current: Some(generation(1)),
        problem: None,
    }
}

pub fn phase(host: &str, phase: Phase) -> EventKind {
    EventKind::HostPhase { host: host.into(), phase }
}

pub fn host_ended(
    host: &str,
    outcome: Outcome,
    generations: (u64, u64),
    problem: Option<Problem>,
) -> EventKind {
    EventKind::HostEnded(HostEnd {
        host: host.into(),
        outcome,
        reason_code: None,
        problem,
        before: Some(generation(generations.0)),
        after: Some(generation(generations.1)),
        exit_code: None,
        duration_ms: 1500,
    })
}

pub fn rollout_began(excluded: &[(&str, &str)]) -> EventKind {
    let excluded =
        excluded.iter().map(|(host, reason)| ExcludedHost { host: (*host).into(), reason: (*reason).into() });
    EventKind::RolloutBegan {
        command: "apply".into(),
        operator: "ada@desk".into(),
        flake: Some("/fleet".into()),
        revision: None,
        resumed: false,
        policy: nixfleet_contract::policy::Policy::plain(),
        waves: vec![],
        excluded: excluded.collect(),
    }
}

impl Store {
    pub(super) fn tell(&mut self, id: &RolloutId, kinds: Vec<EventKind>) {
        let event = |kind| Event { time: jiff::Timestamp::UNIX_EPOCH, ..Event::now(Some(id.clone()), kind) };
        self.take_in(id, &kinds.into_iter().map(event).collect::<Vec<_>>()).unwrap();
    }
}
