//! Tests of the schedule of a rollout.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use nixfleet_contract::fleet::{Host, Tag};
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::policy::{Amount, OnFailure, Policy, Unreachable};

use super::Outline;
use super::hosts::Hosts;
use super::play::Play;
use super::schedule::{Action, Schedule};
use super::state::HostState;
use super::verdict::{Pause, Verdict};
use super::waves_tests::{fleet, host};

fn outline(hosts: &[Host], tags: &[(&str, Tag)], policy: Policy) -> Outline {
    Outline::of(&fleet(hosts, tags), hosts, policy).unwrap()
}

fn four() -> Vec<Host> {
    ["a", "b", "c", "d"].map(|name| host(name, &["db"])).to_vec()
}

fn in_pairs() -> Policy {
    Policy { waves: vec![Amount::Count(2)], soak: 60, ..Policy::plain() }
}

fn failures(failures: usize) -> Pause {
    Pause::Failures { failures, allowed: Amount::Count(0) }
}

#[test]
fn a_wave_begins_when_the_one_before_has_ended_and_soaked() {
    let (said, verdict) = Play::new(&outline(&four(), &[], in_pairs()), &[], &[]).played_out();
    assert_eq!(said, "wave 1, a, b, soak, wave 2, c, d");
    assert_eq!(verdict, Verdict::Complete);
}

#[test]
fn a_wave_in_which_nothing_changes_is_not_watched() {
    let settled = [("a", Outcome::Unchanged), ("b", Outcome::Unchanged)];
    let (said, _) = Play::new(&outline(&four(), &[], in_pairs()), &[], &settled).played_out();
    assert_eq!(said, "wave 1, wave 2, c, d");
}

#[test]
fn after_a_failure_nothing_new_begins_and_what_is_done_stays() {
    let policy = Policy { max_parallel: NonZeroUsize::MIN, ..in_pairs() };
    let outline = outline(&four(), &[], policy);
    let (said, verdict) = Play::new(&outline, &[("a", Outcome::RolledBack)], &[]).played_out();
    assert_eq!(said, "wave 1, a, stop: 1 host failed, but no host may fail");
    assert_eq!(verdict, Verdict::Paused(failures(1)));
}

#[test]
fn a_tolerated_failure_stops_nobody() {
    let policy = Policy { max_failures: Amount::Percent(25), ..in_pairs() };
    let (said, verdict) =
        Play::new(&outline(&four(), &[], policy), &[("a", Outcome::Failed)], &[]).played_out();
    assert_eq!(said, "wave 1, a, b, soak, 1 failed, wave 2, c, d");
    assert_eq!(verdict, Verdict::Complete);
}

#[test]
fn the_hosts_of_the_wave_or_all_go_back_where_that_is_asked_for() {
    let play = |on_failure| {
        let outline = outline(&four(), &[], Policy { on_failure, ..in_pairs() });
        Play::new(&outline, &[("d", Outcome::RolledBack)], &[]).played_out()
    };
    let (said, verdict) = play(OnFailure::RollbackWave);
    assert_eq!(
        said,
        "wave 1, a, b, soak, wave 2, c, d, stop: 1 host failed, but no host may fail, 1 go back, -c"
    );
    assert_eq!(verdict, Verdict::Returned { pause: failures(1), all: false });
    let (said, verdict) = play(OnFailure::RollbackAll);
    assert!(said.ends_with("3 go back, -a, -b, -c"), "{said}");
    assert_eq!(verdict, Verdict::Returned { pause: failures(1), all: true });
}

#[test]
fn an_interrupt_lets_those_end_that_run_and_takes_nobody_back() {
    let policy = Policy { on_failure: OnFailure::RollbackAll, ..in_pairs() };
    let mut play = Play::new(&outline(&four(), &[], policy), &[("b", Outcome::Failed)], &[]);
    play.ask();
    play.schedule.interrupt();
    play.end(0);
    play.ask();
    assert_eq!(play.schedule.verdict(), None);
    let (said, verdict) = play.played_out();
    assert_eq!(said, "wave 1, a, b, stop: interrupted");
    assert_eq!(verdict, Verdict::Paused(Pause::Interrupted));
}

#[test]
fn an_interrupt_when_every_host_is_done_leaves_nothing_to_go_on_with() {
    let mut play = Play::new(&outline(&four(), &[], Policy::plain()), &[("b", Outcome::RolledBack)], &[]);
    play.ask();
    for _ in 0..3 {
        play.end(0);
    }
    // The user interrupts while the last host is still being changed.
    play.schedule.interrupt();
    play.ask();
    assert_eq!(play.schedule.verdict(), None);
    play.end(0);
    assert_eq!(play.played_out().1, Verdict::Complete);
}

#[test]
fn what_goes_back_goes_back_whatever_happens_and_within_the_budget() {
    let tag = Tag { max_down: Some(Amount::Count(1)), ..Tag::default() };
    let outline = outline(&four(), &[("db", tag)], Policy::plain());
    let stands =
        |name: &str| if name == "a" { HostState::Ended(Outcome::Unreachable) } else { HostState::ToReturn };
    let mut schedule = Schedule::back(outline.policy.clone(), Hosts::new(&outline, stands));
    for host in 1..4 {
        assert_eq!(schedule.next(Duration::ZERO), [Action::GoBack(host)]);
        schedule.ended(host, if host == 2 { Outcome::Failed } else { Outcome::Ok });
    }
    assert_eq!(schedule.next(Duration::ZERO), []);
    assert_eq!(schedule.verdict(), Some(&Verdict::Complete));
}

#[test]
fn what_must_wait_is_copied_to_beforehand() {
    let tag = Tag { max_down: Some(Amount::Count(1)), ..Tag::default() };
    let outline = outline(&four(), &[("db", tag)], in_pairs());
    let mut schedule = Schedule::new(outline.policy.clone(), Hosts::new(&outline, |_| HostState::Waiting));
    let copies = [1, 2, 3].map(Action::Copy);
    assert_eq!(
        schedule.next(Duration::ZERO),
        [vec![Action::WaveBegan(0), Action::Change(0)], copies.to_vec()].concat()
    );
    schedule.ended(0, Outcome::Ok);
    // Copying to the next host is still in progress, so no action is due.
    assert_eq!(schedule.next(Duration::ZERO), []);
    schedule.copied(1);
    assert_eq!(schedule.next(Duration::ZERO), [Action::Change(1)]);
}

#[test]
fn packages_are_downloaded_to_all_hosts_before_the_first_change() {
    let outline = outline(&four(), &[], Policy { max_parallel: NonZeroUsize::new(2).unwrap(), ..in_pairs() });
    let hosts = || {
        let mut hosts = Hosts::new(&outline, |_| HostState::Waiting);
        for host in [0, 2, 3] {
            hosts.download_first(host);
        }
        hosts
    };
    let mut schedule = Schedule::new(outline.policy.clone(), hosts());
    assert_eq!(schedule.next(Duration::ZERO), [0, 2].map(Action::Copy));
    schedule.copied(0);
    assert_eq!(schedule.next(Duration::ZERO), [Action::Copy(3)]);
    schedule.copied(2);
    assert_eq!(schedule.next(Duration::ZERO), []);
    schedule.copied(3);
    assert_eq!(schedule.next(Duration::ZERO)[..2], [Action::WaveBegan(0), Action::Change(0)]);

    // A host of the last wave that cannot download its packages stops the rollout before the first change.
    let mut schedule = Schedule::new(outline.policy.clone(), hosts());
    schedule.next(Duration::ZERO);
    schedule.ended(2, Outcome::Failed);
    // No further download is started, and the others come to their end.
    assert_eq!(schedule.next(Duration::ZERO), []);
    schedule.copied(0);
    assert_eq!(schedule.next(Duration::ZERO), [Action::Stopped(failures(1))]);
    assert_eq!(schedule.verdict(), Some(&Verdict::Paused(failures(1))));
}

#[test]
fn a_failed_download_takes_no_earlier_wave_back() {
    for on_failure in [OnFailure::RollbackWave, OnFailure::RollbackAll] {
        let outline = outline(&four(), &[], Policy { on_failure, ..in_pairs() });
        // An earlier command has changed the hosts of the first wave.
        let stands =
            |name: &str| if "ab".contains(name) { HostState::Ended(Outcome::Ok) } else { HostState::Waiting };
        let mut hosts = Hosts::new(&outline, stands);
        for host in [0, 1] {
            hosts.mark_changed(host);
        }
        hosts.download_first(2);
        let mut schedule = Schedule::new(outline.policy.clone(), hosts);
        assert_eq!(schedule.next(Duration::ZERO), [Action::Copy(2)]);
        schedule.ended(2, Outcome::Blocked);
        assert_eq!(schedule.next(Duration::ZERO), [Action::Stopped(failures(1))]);
        assert_eq!(schedule.verdict(), Some(&Verdict::Paused(failures(1))));
    }
}

#[test]
fn who_cannot_be_copied_to_counts_once_and_in_its_own_wave() {
    let play = |failures, on_failure| {
        let (unreachable, max_failures) = (Unreachable::Fail, Amount::Count(failures));
        let policy = Policy { unreachable, max_failures, on_failure, ..in_pairs() };
        let mut play = Play::new(&outline(&four(), &[], policy), &[], &[]);
        play.uncopied.insert("c".to_owned());
        play.played_out()
    };
    let (said, verdict) = play(0, OnFailure::RollbackWave);
    assert_eq!(said, "wave 1, a, b, soak, wave 2, stop: 1 host failed, but no host may fail");
    assert_eq!(verdict, Verdict::Paused(failures(1)));
    let (said, verdict) = play(1, OnFailure::Pause);
    assert_eq!(said, "wave 1, a, b, soak, wave 2, d, 1 failed");
    assert_eq!(verdict, Verdict::Complete);
}

#[test]
fn who_does_not_go_back_is_not_said_to_have_gone() {
    let outline = outline(&four(), &[], Policy { on_failure: OnFailure::RollbackAll, ..in_pairs() });
    let mut play = Play::new(&outline, &[("d", Outcome::RolledBack)], &[]);
    play.stubborn.insert("b".to_owned());
    let (said, verdict) = play.played_out();
    assert!(said.ends_with("3 go back, -a, -b, -c"), "{said}");
    let stayed = Pause::Stayed { why: Box::new(failures(1)), hosts: 1 };
    assert_eq!(verdict, Verdict::Paused(stayed));
}

#[test]
fn an_interrupt_ends_a_soak() {
    let mut play = Play::new(&outline(&four(), &[], in_pairs()), &[], &[]);
    for _ in 0..2 {
        play.ask();
        play.end(0);
    }
    play.ask();
    assert_eq!(play.schedule.wakes(), Some(Duration::from_secs(60)));
    play.schedule.interrupt();
    assert_eq!(play.played_out().1, Verdict::Paused(Pause::Interrupted));
}

#[test]
fn a_host_that_does_not_answer_counts_as_the_policy_says() {
    let play = |unreachable, settled: &[_]| {
        let outline = outline(&four(), &[], Policy { unreachable, ..in_pairs() });
        Play::new(&outline, &[], settled).played_out()
    };
    let one = [("c", Outcome::Unreachable)];
    assert_eq!(play(Unreachable::Skip, &one).1, Verdict::Complete);
    let (said, verdict) = play(Unreachable::Fail, &one);
    assert_eq!(said, "wave 1, a, b, soak, wave 2, stop: 1 host failed, but no host may fail");
    assert_eq!(verdict, Verdict::Paused(failures(1)));
}

#[test]
fn a_wave_of_which_nobody_came_through_shows_nothing() {
    let settled = [("a", Outcome::Unreachable), ("b", Outcome::Blocked)];
    let (_, verdict) = Play::new(&outline(&four(), &[], in_pairs()), &[], &settled).played_out();
    assert_eq!(verdict, Verdict::Paused(Pause::NothingShown { wave: 1 }));
    // If no host of the last wave succeeds, the rollout is complete, since there is no next wave to hold
    // back.
    let all = four().iter().map(|host| host.name.clone()).collect::<Vec<_>>();
    let settled: Vec<_> = all.iter().map(|name| (name.as_str(), Outcome::Blocked)).collect();
    let (_, verdict) = Play::new(&outline(&four(), &[], Policy::plain()), &[], &settled).played_out();
    assert_eq!(verdict, Verdict::Complete);
}

#[test]
fn who_is_down_uses_up_the_budget_of_its_tag() {
    let tag = Tag { max_down: Some(Amount::Count(1)), ..Tag::default() };
    let policy = Policy { max_failures: Amount::Count(3), ..Policy::plain() };
    let outline = outline(&four(), &[("db", tag)], policy);
    let (said, verdict) = Play::new(&outline, &[("b", Outcome::Failed)], &[]).played_out();
    assert_eq!(said, "wave 1, a, b, stop: no further host with the tag db may be down (maxDown)");
    assert_eq!(verdict, Verdict::Paused(Pause::Budget { tag: "db".to_owned() }));
    // A host that rolled itself back is not down, and does not use up the budget.
    let (_, verdict) = Play::new(&outline, &[("b", Outcome::RolledBack)], &[]).played_out();
    assert_eq!(verdict, Verdict::Complete);
}

#[test]
fn five_thousand_hosts_are_no_trouble() {
    let hosts: Vec<Host> = (0..5000).map(|number| host(&format!("h{number:04}"), &["web"])).collect();
    let tag = Tag { max_down: Some(Amount::Percent(10)), ..Tag::default() };
    let policy = Policy { waves: vec![Amount::Count(1), Amount::Percent(10)], ..Policy::plain() };
    let began = Instant::now();
    let (_, verdict) = Play::new(&outline(&hosts, &[("web", tag)], policy), &[], &[]).played_out();
    assert_eq!(verdict, Verdict::Complete);
    // Simulating the rollout takes some tenths of a second. The limit allows for an unoptimized build on a
    // busy machine.
    assert!(began.elapsed() < Duration::from_secs(100), "{:?}", began.elapsed());
}
