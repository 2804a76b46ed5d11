//! Tests of the record of a rollout.

use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::policy::Policy;

use super::*;
use crate::event::{Bus, HostEnd};
use crate::rollout::Undone;
use crate::rollout::waves_tests::{fleet, host};

fn head(rollout: &RolloutId) -> RolloutHead {
    let hosts = ["a", "b"].map(|name| host(name, &[]));
    let outline = Outline::of(&fleet(&hosts, &[]), &hosts, Policy::plain()).unwrap();
    let target = RolloutTarget::Closure { closure: "/nix/store/x".into() };
    let planned =
        |host: Host| (host.name.clone(), PlannedHost { host, target: target.clone(), before: None });
    let origin = RolloutOrigin { flake: "/fleet".into(), revision: None, notifications: BTreeMap::new() };
    RolloutHead::new((rollout.clone(), "apply"), origin, outline, hosts.map(planned).into())
}

fn ended(host: &str, outcome: Outcome) -> EventKind {
    let host = host.to_owned();
    EventKind::HostEnded(HostEnd {
        host,
        outcome,
        reason_code: None,
        problem: None,
        before: None,
        after: None,
        exit_code: None,
        duration_ms: 1,
    })
}

#[test]
fn a_record_says_what_was_planned_and_what_became_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let (state, id) = (StateDir::at(directory.path()), RolloutId::draw());
    let (bus, planned) = (Bus::default(), head(&id));
    bus.subscribe(Record::begin(&state, &planned).unwrap());
    bus.of(id.clone()).say(ended("a", Outcome::Ok));
    bus.of(RolloutId::draw()).say(ended("b", Outcome::Ok));
    assert_eq!(Record::resume(&state, &id).err().unwrap().what, "the rollout is still running");
    bus.of(id.clone()).say(EventKind::RolloutEnded { end: End::Paused, duration_ms: 1 });
    drop(bus);
    let (head, progress, _) = Record::resume(&state, &id).unwrap();
    assert_eq!((head, progress.hosts.len(), progress.end), (planned, 1, Some(End::Paused)));
    assert_eq!(Record::all(&state).unwrap(), [id]);
}

#[test]
fn of_two_rollouts_that_began_in_one_second_the_later_one_is_the_last() {
    let directory = tempfile::tempdir().unwrap();
    let state = StateDir::at(directory.path());
    let ids = ["c", "b", "d"].map(|letter| format!("20261120-140322-{}", letter.repeat(4)).parse().unwrap());
    for (nanosecond, id) in ids.iter().enumerate() {
        let began = "2026-11-20T14:03:22Z".parse::<Timestamp>().unwrap();
        let began = began + std::time::Duration::from_nanos(nanosecond as u64);
        Record::begin(&state, &RolloutHead { began, ..head(id) }).unwrap();
    }
    let [first, second, third] = ids;
    assert_eq!(Record::all(&state).unwrap(), [third, second, first]);
}

#[test]
fn the_roots_of_closures_go_when_nothing_is_left_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let (state, id) = (StateDir::at(directory.path()), RolloutId::draw());
    let mut record = Record::begin(&state, &head(&id)).unwrap();
    let roots = record.roots().to_owned();
    std::fs::create_dir(&roots).unwrap();
    record.write(EventKind::RolloutEnded { end: End::Paused, duration_ms: 1 }).unwrap();
    assert!(roots.is_dir());
    record.write(EventKind::RolloutEnded { end: End::Complete, duration_ms: 1 }).unwrap();
    assert!(!roots.exists());
}

#[test]
fn a_rollout_that_was_taken_back_has_nothing_left_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let (state, id, by) = (StateDir::at(directory.path()), RolloutId::draw(), RolloutId::draw());
    let mut record = Record::begin(&state, &head(&id)).unwrap();
    for host in ["a", "b"] {
        record.write(ended(host, Outcome::Ok)).unwrap();
    }
    record.write(EventKind::RolloutEnded { end: End::Paused, duration_ms: 1 }).unwrap();
    drop(record);
    for (host, end) in [("a", End::Paused), ("b", End::RolledBack)] {
        let (_, progress, record) = Record::resume(&state, &id).unwrap();
        let left = progress.done().into_keys().collect();
        let bus = Bus::default();
        bus.subscribe(Undone::new(record, by.clone(), left));
        bus.of(by.clone()).say(ended(host, Outcome::Ok));
        bus.of(by.clone()).say(EventKind::RolloutEnded { end: End::Complete, duration_ms: 1 });
        drop(bus);
        let (_, progress) = Record::look(&state, &id).unwrap();
        assert_eq!((progress.hosts[host].outcome, progress.end), (Outcome::RolledBack, Some(end)));
    }
}

#[test]
fn a_line_that_was_cut_off_is_no_line() {
    let directory = tempfile::tempdir().unwrap();
    let (state, id) = (StateDir::at(directory.path()), RolloutId::draw());
    let mut record = Record::begin(&state, &head(&id)).unwrap();
    record.file.write_all(b"{\"schema\":1,\"ti").unwrap();
    drop(record);
    let (_, progress, mut record) = Record::resume(&state, &id).unwrap();
    assert_eq!(progress, RolloutProgress::default());
    record.hear(&Event::now(Some(id.clone()), ended("a", Outcome::Ok))).unwrap();
    drop(record);
    assert_eq!(Record::look(&state, &id).unwrap().1.hosts.len(), 1);
}

#[test]
fn a_rollout_that_is_not_known_says_which_are() {
    let directory = tempfile::tempdir().unwrap();
    let (state, id) = (StateDir::at(directory.path()), RolloutId::draw());
    Record::begin(&state, &head(&id)).unwrap();
    let problem = Record::look(&state, &"20200101-000000-bbbb".parse().unwrap()).unwrap_err();
    assert_eq!(problem.why, Some(format!("the last rollouts on this machine are {id}")));
}

#[test]
fn records_of_the_first_nixfleet_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("rollouts");
    std::fs::create_dir(&folder).unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schema-1/rollouts");
    for entry in std::fs::read_dir(fixtures).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    let state = StateDir::at(directory.path());
    let rollouts = Record::all(&state).unwrap();
    assert_eq!(rollouts.len(), 5);
    for rollout in rollouts {
        let (head, progress) = Record::look(&state, &rollout).unwrap();
        assert_eq!((head.operator.as_str(), head.hosts.len()), ("ada@operator", 1));
        assert_eq!(progress.hosts.keys().collect::<Vec<_>>(), ["web-1"], "{rollout}");
    }
}

#[test]
fn only_a_rollout_that_can_go_on_holds_what_it_changed() {
    let directory = tempfile::tempdir().unwrap();
    let state = StateDir::at(directory.path());
    let generation = |number: u64| Some(Generation { number, closure: format!("/nix/store/{number}") });
    for (end, before) in [(End::Paused, 6), (End::Complete, 4), (End::RolledBack, 2)] {
        let id = RolloutId::draw();
        let mut record = Record::begin(&state, &head(&id)).unwrap();
        for (host, outcome, after) in [("a", Outcome::Ok, before + 1), ("b", Outcome::Unchanged, before)] {
            let EventKind::HostEnded(host_end) = ended(host, outcome) else { panic!("{host}") };
            let host_end = HostEnd { before: generation(before), after: generation(after), ..host_end };
            record.write(EventKind::HostEnded(host_end)).unwrap();
        }
        record.write(EventKind::RolloutEnded { end, duration_ms: 1 }).unwrap();
    }
    let passages = crate::rollout::open_passages(&state).unwrap();
    let shown: Vec<String> = passages["a"].iter().map(ToString::to_string).collect();
    assert_eq!((shown, passages.len()), (vec!["6:7".to_owned()], 1));
}
