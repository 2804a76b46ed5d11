//! Properties that every rollout must have, tested with random fleets and outcomes.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use nixfleet_contract::fleet::{Host, Tag};
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::policy::{Amount, Canary, OnFailure, Policy, Unreachable};
use proptest::prelude::*;

use super::Outline;
use super::play::Play;
use super::verdict::Verdict;
use super::waves_tests::{fleet, host};

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        8 => Just(Outcome::Ok),
        1 => Just(Outcome::Failed),
        1 => Just(Outcome::RolledBack),
        1 => Just(Outcome::Blocked),
        1 => Just(Outcome::Unreachable),
    ]
}

fn policies() -> impl Strategy<Value = Policy> {
    let amount = || prop_oneof![(0usize..9).prop_map(Amount::Count), (0u8..=100).prop_map(Amount::Percent)];
    let on_failure =
        prop_oneof![Just(OnFailure::Pause), Just(OnFailure::RollbackWave), Just(OnFailure::RollbackAll)];
    (
        proptest::collection::vec(amount(), 0..4),
        amount(),
        on_failure,
        1usize..6,
        0usize..3,
        any::<bool>(),
        0u64..2,
    )
        .prop_map(|(waves, max_failures, on_failure, parallel, canaries, fail, soak)| Policy {
            waves,
            max_failures,
            on_failure,
            max_parallel: NonZeroUsize::new(parallel).unwrap(),
            canary: Canary::First(canaries),
            unreachable: if fail { Unreachable::Fail } else { Unreachable::Skip },
            soak,
            ..Policy::plain()
        })
}

/// Generates random hosts and their outcomes. For each host, the bits of a random number determine the tags.
fn fleets() -> impl Strategy<Value = (Vec<Host>, Vec<Outcome>)> {
    proptest::collection::vec((0u8..8, outcomes()), 1..24).prop_map(|hosts| {
        let host = |(number, (bits, _)): (usize, &(u8, Outcome))| {
            let tags = ["db", "web", "cache"].iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
            host(&format!("h{number:02}"), &tags.map(|(_, tag)| *tag).collect::<Vec<_>>())
        };
        let made = hosts.iter().enumerate().map(host).collect();
        (made, hosts.into_iter().map(|(_, outcome)| outcome).collect())
    })
}

const MOST_DB: usize = 2;

fn rules() -> [(&'static str, Tag); 2] {
    let before = |tag: &str| vec![tag.to_owned()];
    [
        ("cache", Tag { before: before("web"), ..Tag::default() }),
        ("db", Tag { before: before("cache"), max_down: Some(Amount::Count(MOST_DB)), ..Tag::default() }),
    ]
}

fn down(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Failed | Outcome::Unreachable)
}

proptest! {
    #[test]
    fn whatever_happens_the_rules_hold(
        (hosts, outcomes) in fleets(),
        policy in policies(),
        order in proptest::collection::vec(0usize..100, 0..80),
        interrupt in proptest::option::of(0usize..40),
    ) {
        let Ok(outline) = Outline::of(&fleet(&hosts, &rules()), &hosts, policy.clone()) else {
            return Err(TestCaseError::reject("a circle"));
        };
        let names = hosts.iter().map(|host| host.name.as_str());
        let ends: Vec<_> = names.zip(outcomes.iter().copied()).collect();
        let mut play = Play::new(&outline, &ends, &[]);
        let place = |name: &str| outline.hosts().position(|(_, each)| each == name).unwrap();
        let wave_of: BTreeMap<&str, usize> = outline.hosts().map(|(wave, name)| (name, wave)).collect();
        let tags: Vec<BTreeSet<&str>> = play.names.iter().map(|name| {
            hosts.iter().find(|host| host.name == *name).unwrap().tags.iter().map(String::as_str).collect()
        }).collect();
        let allowed = policy.max_failures.of_rounded_down(hosts.len());
        let (mut begun, mut ended) = (BTreeSet::new(), BTreeMap::new());
        let (mut failed, mut ran, mut steps) = (0, 0, 0);
        let mut interrupted = false;
        loop {
            let before = play.running.len();
            play.ask();
            for (host, back) in play.running[before..].iter().copied() {
                if back {
                    prop_assert_eq!(ended.get(&host), Some(&Outcome::Ok), "only who was changed goes back");
                    prop_assert!(policy.on_failure != OnFailure::Pause);
                    continue;
                }
                prop_assert!(begun.insert(host), "a host began twice");
                prop_assert!(failed <= allowed, "a host began after too many had failed");
                prop_assert!(!interrupted, "a host began after the interrupt");
                let wave = wave_of[play.names[host].as_str()];
                for (name, other) in &wave_of {
                    prop_assert!(*other >= wave || ended.contains_key(&place(name)), "a wave was overtaken");
                }
                // Hosts with the tag `db` must come before hosts with the tag `cache`, which must come before
                // hosts with the tag `web`. Canaries, and hosts with several of these tags, are exempt.
                for (other, of_other) in tags.iter().enumerate() {
                    let earlier = of_other.contains("db") && of_other.len() == 1;
                    let later = tags[host].len() == 1 && !tags[host].contains("db");
                    let same_or_earlier = wave_of[play.names[other].as_str()] <= wave;
                    if earlier && later && same_or_earlier {
                        prop_assert!(ended.contains_key(&other), "a host began before one that comes first");
                    }
                }
            }
            prop_assert!(play.running.len() <= policy.max_parallel.get(), "too many at once");
            let is_db = |host: &usize| tags[*host].contains("db");
            let changing = play.running.iter().filter(|(host, _)| is_db(host)).count();
            let forward = play.running.iter().any(|(host, back)| is_db(host) && !back);
            let lying = ended.iter().filter(|(host, outcome)| is_db(host) && down(**outcome)).count();
            prop_assert!(changing <= MOST_DB, "too many of a tag at once");
            if forward && play.running.len() > before {
                prop_assert!(changing + lying <= MOST_DB.max(lying), "too many of a tag down");
            }
            if play.schedule.verdict().is_some() {
                break;
            }
            if play.running.is_empty() {
                let wakes = play.schedule.wakes();
                prop_assert!(wakes.is_some(), "it waits for nothing");
                play.now = wakes.unwrap();
            } else {
                let which = order.get(steps).copied().unwrap_or(0) % play.running.len();
                let (host, back) = play.running[which];
                play.end(which);
                let outcome = if back { Outcome::RolledBack } else { play.ends[&play.names[host]] };
                ended.insert(host, outcome);
                ran += usize::from(!back);
                let counts = match outcome {
                    Outcome::Failed | Outcome::RolledBack | Outcome::Blocked => !back,
                    Outcome::Unreachable => policy.unreachable == Unreachable::Fail,
                    _ => false,
                };
                failed += usize::from(counts);
            }
            if interrupt == Some(ran) {
                interrupted = true;
                play.schedule.interrupt();
            }
            steps += 1;
            prop_assert!(steps < 500, "it does not end");
        }
        if play.schedule.verdict() == Some(&Verdict::Complete) {
            prop_assert_eq!(ended.len(), hosts.len(), "somebody was forgotten");
        }
    }
}
