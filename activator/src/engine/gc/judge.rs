//! Decides which generations are kept, and why. [`judge()`] reads nothing from the host, so that tests can
//! call it with any profile.

use std::collections::BTreeSet;

use nixfleet_contract::gc::{Judged, Need, Passage, Request, Retention};
use nixfleet_contract::generation::GenerationInfo;
use nixfleet_contract::problem::{Code, Problem};

use crate::engine::state::State;
use crate::engine::status::last_run;
use crate::engine::transaction::journal::Journal;
use crate::host::Host;
use crate::host::profile::{self, Profile};

/// The suffix of the revision of a tree with uncommitted changes.
const DIRTY: &str = "-dirty";
/// The minimum length of an abbreviated Git revision. A shorter one could match another revision.
const SHORTEST: usize = 7;

/// The generations that something on the host refers to, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Generations in force, according to the profile and according to the state.
    pub current: BTreeSet<u64>,
    /// Generations before and after an interrupted change.
    pub open: BTreeSet<u64>,
    /// Generations before and after the last change.
    pub last: BTreeSet<u64>,
}

impl References {
    /// Reads which generations a host refers to.
    ///
    /// # Errors
    /// The state or the journal cannot be read, or there are generations but none is known to be in force.
    pub fn read(host: &Host, profile: &Profile) -> Result<Self, Problem> {
        let (state, _) = State::read(host)?;
        let journal = Journal::read(host)?;
        let last = last_run(host).map(|last| last.report);
        let in_force = profile.current.iter().map(|generation| generation.number);
        let current: BTreeSet<u64> = in_force.chain(state.generation).collect();
        if current.is_empty() && journal.is_none() && !profile.generations.is_empty() {
            return Err(Problem::new(Code::NoGeneration, "the host has no current generation")
                .at(profile::DIRECTORY)
                .because("without a current generation, NixFleet cannot tell which generations are needed")
                .help("apply a generation first: nixfleet apply"));
        }
        let open = journal.iter().flat_map(|journal| journal.before.iter().chain([&journal.after]));
        let last = last.iter().flat_map(|report| report.before.iter().chain(&report.after));
        Ok(Self {
            current,
            open: open.map(|generation| generation.number).collect(),
            last: last.map(|generation| generation.number).collect(),
        })
    }
}

/// Decides for which reasons each generation is kept, if any. `generations`: all generations, oldest first.
/// `at`: the time from which ages are counted, in seconds since 1970-01-01 UTC.
#[must_use]
pub fn judge(
    generations: &[GenerationInfo],
    references: &References,
    request: &Request,
    at: u64,
) -> Vec<Judged> {
    let numbers = || generations.iter().map(|info| info.generation.number);
    let before = |current: &u64| numbers().filter(|number| number < current).max();
    let previous: BTreeSet<u64> = references.current.iter().filter_map(before).collect();
    let stands = |passage: &&Passage| references.current.iter().any(|current| passage.touches(*current));
    let resumable: Vec<&Passage> = request.rollouts.iter().filter(stands).collect();
    // Always keep the newest generation: the number of the next generation is the newest number plus one, and
    // no number may be used twice.
    let newest = match request.retention {
        Retention::Newest(count) => count.max(1),
        Retention::Younger(_) => 1,
    };
    let from = generations.len().saturating_sub(newest);
    let is_young = |info: &GenerationInfo| match request.retention {
        Retention::Newest(_) => false,
        Retention::Younger(age) => at.saturating_sub(info.created) < age,
    };
    let is_pinned = |info: &GenerationInfo| {
        let revision = request.pinned_revision.as_deref();
        revision.is_some_and(|revision| is_of(info, revision))
    };
    // If no generation is known to have the pinned revision, any generation may have it, for two reasons.
    // Older versions of NixFleet recorded no revisions. And if a revision has the same closure as an earlier
    // revision, it makes no new generation.
    let may_be_pinned = request.pinned_revision.is_some() && !generations.iter().any(is_pinned);
    let judged = generations.iter().enumerate().map(|(index, info)| {
        let number = info.generation.number;
        let needs = [
            (references.current.contains(&number), Need::Current),
            (previous.contains(&number), Need::Previous),
            (references.last.contains(&number), Need::LastChange),
            (references.open.contains(&number), Need::Transaction),
            (request.pinned.contains(&number) || is_pinned(info), Need::Pinned),
            (may_be_pinned, Need::PinnedRevision),
            (resumable.iter().any(|passage| passage.touches(number)), Need::Rollout),
            (index >= from, Need::Newest),
            (is_young(info), Need::Young),
        ];
        let needed = needs.into_iter().filter_map(|(is_needed, need)| is_needed.then_some(need)).collect();
        Judged { info: info.clone(), needed }
    });
    judged.collect()
}

/// Whether a generation was made from a revision. The revision may be abbreviated as in Git.
fn is_of(info: &GenerationInfo, revision: &str) -> bool {
    let made = info.made.revision.as_deref().filter(|made| !made.ends_with(DIRTY));
    revision.len() >= SHORTEST && made.is_some_and(|made| made.starts_with(revision))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use nixfleet_contract::generation::Generation;
    use nixfleet_contract::generation::Made;

    const DAY: u64 = 86400;
    const NOW: u64 = 100 * DAY;

    fn generation(number: u64, days_ago: u64) -> GenerationInfo {
        let closure = format!("/nix/store/{number}");
        GenerationInfo {
            generation: Generation { number, closure },
            created: NOW.saturating_sub(days_ago * DAY),
            made: Made::default(),
            external: false,
        }
    }

    fn request(retention: Retention) -> Request {
        Request { retention, pinned: BTreeSet::new(), pinned_revision: None, rollouts: BTreeSet::new() }
    }

    fn at(current: u64) -> References {
        References { current: BTreeSet::from([current]), ..References::default() }
    }

    fn going(judged: &[Judged]) -> Vec<u64> {
        judged.iter().filter(|judged| judged.goes()).map(|judged| judged.info.generation.number).collect()
    }

    #[test]
    fn the_newest_stay_with_what_is_needed() {
        let all: Vec<_> = (1..=9).map(|number| generation(number, 10 - number)).collect();
        let judged = judge(&all, &at(9), &request(Retention::Newest(3)), NOW);
        assert_eq!(going(&judged), [1, 2, 3, 4, 5, 6]);
        // The host was rolled back from generation 9 to 4, so the next rollback would go to 3. Generation 9
        // is kept because it is part of the last change.
        let last = BTreeSet::from([9, 4]);
        let judged = judge(&all, &References { last, ..at(4) }, &request(Retention::Newest(1)), NOW);
        assert_eq!(going(&judged), [1, 2, 5, 6, 7, 8]);
        let asked = Request {
            pinned: BTreeSet::from([2]),
            rollouts: BTreeSet::from([Passage { before: 6, after: 9 }, Passage { before: 3, after: 4 }]),
            ..request(Retention::Newest(1))
        };
        let judged = judge(&all, &at(9), &asked, NOW);
        assert_eq!(going(&judged), [1, 3, 4, 5, 7]);
        assert_eq!(judged[1].needed, [Need::Pinned]);
        assert_eq!(judged[8].needed, [Need::Current, Need::Rollout, Need::Newest]);
    }

    #[test]
    fn a_pin_to_a_revision_keeps_what_was_made_from_it_and_all_where_that_is_not_known() {
        let revision = |digit: &str, end: &str| Made { by: None, revision: Some(digit.repeat(40) + end) };
        let made = [
            Made::default(),
            revision("a", ""),
            revision("b", "-dirty"),
            revision("b", ""),
            revision("c", ""),
        ];
        let all: Vec<_> =
            (1..).zip(made).map(|(number, made)| GenerationInfo { made, ..generation(number, 9) }).collect();
        let pinned = |revision: &str| {
            let pinned_revision = Some(revision.to_owned());
            let judged =
                judge(&all, &at(5), &Request { pinned_revision, ..request(Retention::Newest(1)) }, NOW);
            (going(&judged), judged[1].needed.clone())
        };
        assert_eq!(pinned(&"a".repeat(40)), (vec![1, 3], vec![Need::Pinned]));
        assert_eq!(pinned("bbbbbbb"), (vec![1, 2, 3], vec![]));
        for unknown in ["v1.2", "a", "ddddddd"] {
            assert_eq!(pinned(unknown), (vec![], vec![Need::PinnedRevision]), "{unknown}");
        }
    }

    #[test]
    fn only_what_is_old_goes_and_never_the_last_number() {
        let all: Vec<_> = [(1, 40), (2, 31), (3, 29), (4, 50)].map(|(n, age)| generation(n, age)).into();
        let judged = judge(&all, &at(3), &request(Retention::Younger(30 * DAY)), NOW);
        assert_eq!(going(&judged), [1], "2 is the way back, 4 has the last number");
        assert_eq!(judged[2].needed, [Need::Current, Need::Young]);
    }

    fn numbers() -> impl Strategy<Value = BTreeSet<u64>> {
        prop::collection::btree_set(1..30_u64, 0..4)
    }

    fn retention() -> impl Strategy<Value = Retention> {
        prop_oneof![
            (0..12_usize).prop_map(Retention::Newest),
            (0..60_u64).prop_map(|days| Retention::Younger(days * DAY)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn nothing_goes_that_is_needed(
            ages in prop::collection::btree_map(1..30_u64, 0..90_u64, 0..20),
            current in numbers(), open in numbers(), last in numbers(),
            pinned in numbers(), passages in prop::collection::btree_set((1..30_u64, 1..30_u64), 0..4),
            retention in retention(),
        ) {
            let all: Vec<_> = ages.iter().map(|(number, age)| generation(*number, *age)).collect();
            let references = References { current, open, last };
            let passage = |(before, after): &(u64, u64)| Passage { before: *before, after: *after };
            let rollouts = passages.iter().map(passage).collect();
            let asked = Request { retention, pinned, pinned_revision: None, rollouts };
            let judged = judge(&all, &references, &asked, NOW);
            let gone: BTreeSet<u64> = going(&judged).into_iter().collect();
            let stay: Vec<_> =
                all.iter().filter(|info| !gone.contains(&info.generation.number)).cloned().collect();

            for kept in [&references.current, &references.open, &references.last, &asked.pinned] {
                prop_assert!(gone.is_disjoint(kept));
            }
            for Passage { before, after } in &asked.rollouts {
                let stands = references.current.contains(before) || references.current.contains(after);
                prop_assert!(!stands || (!gone.contains(before) && !gone.contains(after)));
            }
            // A rollback leads to the same generation as before the collection.
            for current in &references.current {
                let back = |all: &[GenerationInfo]| {
                    all.iter().map(|info| info.generation.number).rfind(|number| number < current)
                };
                prop_assert_eq!(back(&all), back(&stay));
            }
            // The newest generation is kept, so that its number is not used again.
            prop_assert_eq!(all.last(), stay.last());
            match retention {
                Retention::Newest(count) => {
                    let newest = all.iter().rev().take(count);
                    prop_assert!(newest.into_iter().all(|info| !gone.contains(&info.generation.number)));
                }
                Retention::Younger(age) => {
                    let is_young = |info: &&GenerationInfo| NOW - info.created < age;
                    let mut young = all.iter().filter(is_young);
                    prop_assert!(young.all(|info| !gone.contains(&info.generation.number)));
                }
            }
            // A second collection drops nothing.
            prop_assert!(going(&judge(&stay, &references, &asked, NOW)).is_empty());
            // Every generation gets a verdict.
            prop_assert_eq!(judged.len(), all.len());
        }
    }
}
