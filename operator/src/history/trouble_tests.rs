//! Tests of the history with concurrent writers, and with damaged or unusable databases.

use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::Code;
use rusqlite::Connection;

use super::stage::{TestStore, began, ended, every, host_ended, id};
use super::{CommandState, Store};
use crate::event::RolloutId;
use crate::event::{Event, EventKind, HostEnd};

#[test]
fn many_commands_write_at_once() {
    let place = TestStore::new();
    let ids: Vec<RolloutId> = (0..8).map(id).collect();
    std::thread::scope(|scope| {
        for id in &ids {
            scope.spawn(|| {
                let mut store = place.store();
                store.tell(id, vec![began(id, "apply")]);
                for host in 0..50 {
                    store.tell(id, vec![host_ended(&format!("h{host}"), Outcome::Ok, (1, 2), None)]);
                }
                store.tell(id, vec![ended(0)]);
            });
        }
    });
    let all = place.all();
    assert_eq!(all.len(), 8);
    assert!(all.iter().all(|entry| entry.hosts.len() == 50 && entry.state == CommandState::Ended));
}

#[test]
fn only_their_owner_reads_the_history() {
    use std::os::unix::fs::PermissionsExt as _;
    let (place, id) = (TestStore::new(), id(1));
    let mut store = place.store();
    store.tell(&id, vec![began(&id, "plan")]);
    for entry in std::fs::read_dir(place.database().parent().unwrap()).unwrap() {
        let (name, meta) = entry.map(|entry| (entry.file_name(), entry.metadata().unwrap())).unwrap();
        assert_eq!(meta.permissions().mode() & 0o077, 0, "{name:?}");
    }
}

#[test]
fn a_host_that_says_absurd_numbers_takes_nothing_from_the_history() {
    let (place, id) = (TestStore::new(), id(1));
    let EventKind::HostEnded(end) = host_ended("a", Outcome::Ok, (u64::MAX - 1, u64::MAX), None) else {
        unreachable!()
    };
    let twice = || EventKind::HostEnded(HostEnd { duration_ms: u64::MAX, ..end.clone() });
    place.store().tell(&id, vec![began(&id, "apply"), twice(), twice(), ended(0)]);
    let host = place.all().remove(0).hosts.remove(0);
    assert!(host.after.unwrap().number > u64::from(u32::MAX));
}

#[test]
fn nothing_is_recorded_at_first() {
    assert!(Store::look(&TestStore::new().state).unwrap().is_none());
}

/// Returns the problem that occurs when the database is opened. Asserts that the problem is the same for
/// writing and for reading.
fn said_of(place: &TestStore) -> String {
    let both = [Store::open(&place.state).unwrap_err(), Store::look(&place.state).unwrap_err()];
    assert_eq!(both[0], both[1]);
    both[0].to_string().replace(&*place.database().to_string_lossy(), "HISTORY")
}

#[test]
fn a_damaged_database_is_named_with_its_repair() {
    let place = TestStore::new();
    std::fs::write(place.database(), "this is no database, but long enough to look like one").unwrap();
    expect_test::expect![[r#"
        [NF-105] the history cannot be used
          where: HISTORY
          why: file is not a database
          help: move the file away to start a new, empty history: mv HISTORY HISTORY.damaged"#]]
    .assert_eq(&said_of(&place));
}

#[test]
fn a_database_that_lost_its_middle_fails_no_worse() {
    let (place, id) = (TestStore::new(), id(1));
    let mut store = place.store();
    let hosts = (0..2000).map(|host| host_ended(&format!("h{host}"), Outcome::Ok, (1, 2), None));
    store.tell(&id, std::iter::once(began(&id, "apply")).chain(hosts).collect());
    drop(store);
    let mut bytes = std::fs::read(place.database()).unwrap();
    let half = bytes.len() / 2;
    bytes[4096..half].fill(0xaa);
    std::fs::write(place.database(), bytes).unwrap();
    let read = Store::look(&place.state).and_then(|store| store.unwrap().list(&every()));
    assert_eq!(read.unwrap_err().code, Code::History);
    let written = Store::open(&place.state).and_then(|mut store| {
        store.take_in(&id, &[Event::now(None, ended(0))]).map_err(|error| store.problem(&error))
    });
    assert_eq!(written.unwrap_err().code, Code::History);
}

#[test]
fn a_database_of_a_newer_nixfleet_is_left_alone() {
    let place = TestStore::new();
    drop(place.store());
    Connection::open(place.database()).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let before = std::fs::read(place.database()).unwrap();
    expect_test::expect![[r#"
        [NF-105] the history cannot be used
          where: HISTORY
          why: the history has schema 7, but this nixfleet can read only schemas up to 1
          help: use the nixfleet that wrote the history, or a newer one"#]]
    .assert_eq(&said_of(&place));
    assert_eq!(std::fs::read(place.database()).unwrap(), before);
}
