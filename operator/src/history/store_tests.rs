//! Tests of what the history stores and returns.

use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::{Code, Problem};

use super::retention::{Bounds, forget};
use super::stage::{TestStore, began, ended, host_ended, id, phase, planned, rollout_began};
use super::{CommandState, EntryFilter, Store};
use crate::event::RolloutId;
use crate::event::{End, Event, EventKind, Phase};

/// Returns the events of a rollout in which one host was changed and another host failed, and both hosts were
/// rolled back.
fn rolled_back(id: &RolloutId) -> Vec<EventKind> {
    let broken = Problem::new(Code::Unit, "web.service did not start").because("journal: hunter2");
    vec![
        began(id, "apply"),
        EventKind::FleetKnown { flake: "/fleet".into(), revision: Some("4f2c9d1-dirty".into()) },
        planned("web-1", 3),
        planned("web-2", 3),
        planned("web-3", 0),
        rollout_began(&[("web-4", "maintenance: new disks")]),
        phase("web-1", Phase::Activating),
        host_ended("web-1", Outcome::Ok, (1, 2), None),
        phase("web-2", Phase::Activating),
        host_ended("web-2", Outcome::RolledBack, (1, 1), Some(broken)),
        EventKind::RolloutPaused { reason: "1 host failed, but no host may fail".into() },
        phase("web-1", Phase::RollingBack),
        host_ended("web-1", Outcome::RolledBack, (2, 1), None),
        EventKind::RolloutEnded { end: End::RolledBack, duration_ms: 3000 },
        ended(2),
    ]
}

#[test]
fn a_rollout_is_recorded_host_by_host() {
    let (place, id) = (TestStore::new(), id(1));
    place.store().tell(&id, rolled_back(&id));
    let entry = place.all().remove(0);
    let text = serde_json::to_string_pretty(&entry).unwrap();
    expect_test::expect![[r#"
        {
          "id": "20261120-140001-kbzq",
          "command": "apply",
          "arguments": [
            "--tag",
            "web"
          ],
          "operator": "ada@desk",
          "began": "1970-01-01T00:00:00Z",
          "ended": "1970-01-01T00:00:00Z",
          "state": "ended",
          "exitCode": 2,
          "flake": "/fleet",
          "revision": "4f2c9d1-dirty",
          "rollout": "20261120-140001-kbzq",
          "end": "rolledBack",
          "reason": "1 host failed, but no host may fail",
          "hosts": [
            {
              "host": "web-1",
              "outcome": "rolled-back",
              "steps": 3,
              "begun": true,
              "before": {
                "number": 1,
                "closure": "/nix/store/1"
              },
              "after": {
                "number": 1,
                "closure": "/nix/store/1"
              },
              "durationMs": 3000
            },
            {
              "host": "web-2",
              "outcome": "rolled-back",
              "steps": 3,
              "begun": true,
              "before": {
                "number": 1,
                "closure": "/nix/store/1"
              },
              "after": {
                "number": 1,
                "closure": "/nix/store/1"
              },
              "durationMs": 1500,
              "problem": {
                "code": "NF-406",
                "text": "web.service did not start"
              }
            },
            {
              "host": "web-3",
              "outcome": "unchanged",
              "steps": 0,
              "begun": false,
              "before": {
                "number": 1,
                "closure": "/nix/store/1"
              },
              "after": {
                "number": 1,
                "closure": "/nix/store/1"
              }
            },
            {
              "host": "web-4",
              "outcome": "skipped",
              "begun": false,
              "problem": {
                "text": "maintenance: new disks"
              }
            }
          ]
        }"#]]
    .assert_eq(&text);
}

#[test]
fn a_plan_says_what_would_change() {
    let (place, id) = (TestStore::new(), id(1));
    let unreachable = Problem::new(Code::Unreachable, "the host cannot be reached");
    let lost =
        EventKind::HostPlanned { host: "c".into(), steps: None, current: None, problem: Some(unreachable) };
    place.store().tell(&id, vec![began(&id, "plan"), planned("a", 3), planned("b", 0), lost, ended(2)]);
    let entry = place.all().remove(0);
    let words: Vec<&str> = entry.hosts.iter().map(|host| host.word(entry.state)).collect();
    assert_eq!(words, ["to change", "unchanged", "unreachable"]);
}

#[test]
fn a_change_that_the_user_declined_says_so() {
    let (place, id) = (TestStore::new(), id(1));
    place.store().tell(
        &id,
        vec![began(&id, "apply"), planned("web-10", 3), planned("web-2", 0), EventKind::Declined, ended(1)],
    );
    let entry = place.all().remove(0);
    assert_eq!((entry.state, entry.end), (CommandState::Ended, Some(End::Declined)));
    assert!(entry.hosts.iter().any(|host| host.word(entry.state) == "to change"), "{entry:?}");
    let hosts: Vec<&str> = entry.hosts.iter().map(|host| host.host.as_str()).collect();
    assert_eq!(hosts, ["web-2", "web-10"], "in the order in which people count");
}

#[test]
fn an_end_that_only_a_later_nixfleet_knows_hides_nothing_else() {
    let (place, id) = (TestStore::new(), id(1));
    let mut store = place.store();
    store.tell(&id, vec![began(&id, "apply"), ended(0)]);
    store.connection.execute("UPDATE commands SET rollout_end = 'postponed'", ()).unwrap();
    assert_eq!(place.all().remove(0).end, None);
}

#[test]
fn a_command_that_was_killed_is_interrupted_and_what_it_had_begun_is_unknown() {
    let (place, id) = (TestStore::new(), id(1));
    let (a, b) = (phase("a", Phase::Activating), phase("b", Phase::Activating));
    let done = host_ended("a", Outcome::Ok, (1, 2), None);
    place.store().tell(&id, vec![began(&id, "apply"), planned("a", 1), planned("b", 1), a, done, b]);
    let entry = place.all().remove(0);
    assert_eq!((entry.state, entry.ended, entry.exit_code), (CommandState::Interrupted, None, None));
    let words: Vec<&str> = entry.hosts.iter().map(|host| host.word(entry.state)).collect();
    assert_eq!(words, ["ok", "unknown"]);
}

/// In this test, an earlier command was killed after the host had finished its change, so the new plan
/// already finds the new generation. The report of the host still contains the generation before the change.
#[test]
fn a_host_knows_better_than_the_plan_where_it_stood() {
    let (place, id) = (TestStore::new(), id(1));
    let found = host_ended("a", Outcome::Ok, (5, 6), None);
    place.store().tell(&id, vec![began(&id, "apply"), planned("a", 0), found]);
    let host = place.all().remove(0).hosts.remove(0);
    let numbers = [host.before, host.after].map(|generation| generation.unwrap().number);
    assert_eq!((host.outcome, numbers), (Some(Outcome::Ok), [5, 6]));
}

#[test]
fn hosts_are_found_by_name_and_by_pattern() {
    let place = TestStore::new();
    for (number, host) in ["web-1", "web-2", "db-1"].into_iter().enumerate() {
        let id = id(u32::try_from(number).unwrap());
        place.store().tell(&id, vec![began(&id, "apply"), planned(host, 1), planned("all", 1)]);
    }
    let store = Store::look(&place.state).unwrap().unwrap();
    let of = |pattern: &str, limit| {
        let filter = EntryFilter { host: Some(pattern.to_owned()), limit };
        let entries = store.list(&filter).unwrap();
        let hosts = entries.iter().flat_map(|entry| entry.hosts.iter().map(|host| host.host.clone()));
        hosts.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of("web-1", 9), "web-1");
    assert_eq!(of("web-*", 9), "web-2 web-1");
    assert_eq!(of("web-*", 1), "web-2");
    assert_eq!(of("mail-1", 9), "");
}

#[test]
fn a_command_is_found_by_a_part_of_its_name() {
    let place = TestStore::new();
    let other: RolloutId = "20261121-090000-xxxx".parse().unwrap();
    for id in [id(1), id(2), other.clone()] {
        place.store().tell(&id, vec![began(&id, "plan")]);
    }
    let store = Store::look(&place.state).unwrap().unwrap();
    for name in ["last", "20261121", "xxxx", "20261121-090000-xxxx"] {
        assert_eq!(store.find(name).unwrap().id, other, "{name}");
    }
    expect_test::expect![[r#"
        [NF-105] several commands in the history match this name
          where: kbzq
          why: the matching commands are 20261120-140002-kbzq, 20261120-140001-kbzq
          help: write more of the name, or use `last` for the newest command"#]]
    .assert_eq(&store.find("kbzq").unwrap_err().to_string());
    expect_test::expect![[r#"
        [NF-105] this command is not in the history
          where: 2020
          why: the last commands are 20261121-090000-xxxx, 20261120-140002-kbzq, 20261120-140001-kbzq
          help: list the commands: nixfleet history --limit 100"#]]
    .assert_eq(&store.find("2020").unwrap_err().to_string());
    assert!(store.find("").unwrap_err().to_string().contains("several"));
    assert_eq!(store.find("%").unwrap_err().code, Code::History);
}

#[test]
fn all_commands_of_a_rollout_are_seen_together() {
    let place = TestStore::new();
    let (first, second) = (id(1), id(2));
    place.store().tell(&first, vec![began(&first, "apply"), rollout_began(&[])]);
    let began = vec![began(&second, "apply")];
    place.store().tell(&second, began);
    let resumed = Event::now(Some(first.clone()), rollout_began(&[]));
    place.store().take_in(&second, &[resumed]).unwrap();
    let store = Store::look(&place.state).unwrap().unwrap();
    let others = store.same_rollout(&store.find(&first.to_string()).unwrap()).unwrap();
    assert_eq!(others.into_iter().map(|entry| entry.id).collect::<Vec<_>>(), [second]);
}

#[test]
fn the_oldest_are_forgotten_and_the_newest_never() {
    let place = TestStore::new();
    let mut store = place.store();
    for number in 1..=6 {
        let hosts = (0..10).map(|host| planned(&format!("h{host}"), 1));
        let id = id(number);
        store.tell(&id, std::iter::once(began(&id, "plan")).chain(hosts).collect());
    }
    let left = |bounds| {
        forget(&store.connection, bounds).unwrap();
        let hosts = "SELECT count(*) FROM hosts";
        (place.all().len(), store.connection.query_row(hosts, (), |row| row.get::<_, usize>(0)).unwrap())
    };
    assert_eq!(left(Bounds { commands: 5, hosts: 1000 }), (5, 50));
    assert_eq!(left(Bounds { commands: 5, hosts: 35 }), (3, 30));
    assert_eq!(left(Bounds { commands: 0, hosts: 0 }), (1, 10));
    assert_eq!(place.all()[0].id, id(6));
}
