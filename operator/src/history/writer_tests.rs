//! Tests that a command is recorded while it runs, and continues if the history cannot be written.

use nixfleet_contract::outcome::Outcome;

use super::stage::{TestStore, began, ended, host_ended, id, phase};
use super::{CommandState, Writer};
use crate::event::{Bus, Event, EventKind, Listener, Phase, Stream};

/// Waits until the history satisfies a condition.
fn until(place: &TestStore, what: impl Fn(&[super::CommandEntry]) -> bool) {
    let begun = std::time::Instant::now();
    loop {
        let entries = super::Store::look(&place.state).unwrap();
        let entries = entries.map(|store| store.list(&super::EntryFilter { host: None, limit: 9 }).unwrap());
        if entries.is_some_and(|entries| what(&entries)) {
            return;
        }
        assert!(begun.elapsed().as_secs() < 100, "the history never says so");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

#[tokio::test]
async fn a_command_is_seen_while_it_runs_and_after_it() {
    let (place, bus, id) = (TestStore::new(), Bus::default(), id(1));
    bus.subscribe(Writer::begin(place.state.clone()).unwrap());
    bus.say(began(&id, "run"));
    bus.say(phase("a", Phase::Running));
    until(&place, |all| {
        all.first().is_some_and(|one| one.state == CommandState::Running && one.hosts.len() == 1)
    });
    bus.say(host_ended("a", Outcome::Ok, (1, 1), None));
    bus.say(ended(0));
    bus.finish().await;
    let entry = place.all().remove(0);
    assert_eq!((entry.state, entry.exit_code), (CommandState::Ended, Some(0)));
    assert_eq!(std::fs::read_dir(place.state.path("history/running")).unwrap().count(), 0);
}

#[tokio::test]
async fn what_a_host_says_is_not_written_down() {
    let (place, bus, id) = (TestStore::new(), Bus::default(), id(1));
    bus.subscribe(Writer::begin(place.state.clone()).unwrap());
    bus.say(began(&id, "run"));
    bus.say(EventKind::Output { host: "a".into(), stream: Stream::Stdout, text: "hunter2".into() });
    bus.say(host_ended("a", Outcome::Ok, (1, 1), None));
    bus.finish().await;
    for entry in std::fs::read_dir(place.state.path("history")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"));
    }
    assert_eq!(place.all().len(), 1);
}

#[tokio::test]
async fn a_history_that_cannot_be_written_is_told_and_the_command_goes_on() {
    let (place, id) = (TestStore::new(), id(1));
    std::fs::write(place.database(), "no database").unwrap();
    let mut writer = Box::new(Writer::begin(place.state.clone()).unwrap());
    let hear = |writer: &mut Writer, kind| writer.hear(&Event::now(None, kind));
    let _ = hear(&mut writer, began(&id, "apply"));
    let told = writer.finish().await.unwrap_err();
    assert!(format!("{told:#}").contains("NF-105"), "{told:#}");

    // A command that is still running gets the error from `hear`.
    let mut writer = Writer::begin(place.state.clone()).unwrap();
    let begun = std::time::Instant::now();
    while let Ok(()) = hear(&mut writer, began(&id, "apply")) {
        assert!(begun.elapsed().as_secs() < 100, "nobody says so");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
