//! What tests of the history begin with: a place for it, and what happens in a command.

use nixfleet_contract::plan::Generation;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::report::Outcome;

use super::{CommandEntry, EntryFilter, Store};
use crate::event::RolloutId;
use crate::event::{Event, ExcludedHost, Happening, HostEnd, Phase};
use crate::state::StateDir;

/// A state directory of a test.
pub struct TestStore {
    pub state: StateDir,
    folder: tempfile::TempDir,
}

impl TestStore {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { state: StateDir::at(folder.path()), folder }
    }

    /// The file of the database, in a directory that is there.
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

pub fn began(id: &RolloutId, command: &str) -> Happening {
    let arguments = ["--tag", "web"].map(String::from).to_vec();
    Happening::CommandBegan {
        id: id.clone(),
        command: command.into(),
        arguments,
        operator: "ada@desk".into(),
    }
}

pub fn ended(exit_code: u8) -> Happening {
    Happening::CommandEnded { command: "apply".into(), exit_code, duration_ms: 9, problem: None }
}

pub fn generation(number: u64) -> Generation {
    Generation { number, closure: format!("/nix/store/{number}") }
}

pub fn planned(host: &str, steps: usize) -> Happening {
    Happening::HostPlanned {
        host: host.into(),
        steps: Some(steps),
        current: Some(generation(1)),
        problem: None,
    }
}

pub fn phase(host: &str, phase: Phase) -> Happening {
    Happening::HostPhase { host: host.into(), phase }
}

pub fn host_ended(
    host: &str,
    outcome: Outcome,
    generations: (u64, u64),
    problem: Option<Problem>,
) -> Happening {
    Happening::HostEnded(HostEnd {
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

pub fn rollout_began(excluded: &[(&str, &str)]) -> Happening {
    let excluded =
        excluded.iter().map(|(host, reason)| ExcludedHost { host: (*host).into(), reason: (*reason).into() });
    Happening::RolloutBegan {
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
    pub(super) fn tell(&mut self, id: &RolloutId, happenings: Vec<Happening>) {
        let event = |happening| Event {
            time: jiff::Timestamp::UNIX_EPOCH,
            ..Event::now(Some(id.clone()), happening)
        };
        self.take_in(id, &happenings.into_iter().map(event).collect::<Vec<_>>()).unwrap();
    }
}
