//! Tests of the assignment of hosts to waves.

use crate::sample;
use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::fleet::{Fleet, Host, Tag};
use nixfleet_contract::policy::{Amount, Canary, Order, Policy, PolicyOptions};
use proptest::prelude::*;

use super::{Outline, check_growth, policy_for};

pub(in crate::rollout) fn host(name: &str, tags: &[&str]) -> Host {
    Host { addr: name.into(), tags: tags.iter().map(ToString::to_string).collect(), ..sample::host(name) }
}

pub(in crate::rollout) fn fleet(hosts: &[Host], tags: &[(&str, Tag)]) -> Fleet {
    Fleet {
        schema: 1,
        revision: None,
        host_keys: None,
        notifications: BTreeMap::new(),
        hosts: hosts.iter().map(|host| (host.name.clone(), host.clone())).collect(),
        rollout: PolicyOptions::default(),
        tags: tags.iter().map(|(name, tag)| ((*name).to_owned(), tag.clone())).collect(),
    }
}

#[test]
fn the_second_host_comes_before_the_tenth() {
    let hosts = ["web-10", "web-2", "web-1"].map(|name| host(name, &[]));
    let outline =
        Outline::of(&fleet(&hosts, &[]), &hosts, Policy { canary: Canary::First(1), ..Policy::plain() });
    assert_eq!(outline.unwrap().waves, [vec!["web-1"], vec!["web-2", "web-10"]]);
}

fn many(count: usize) -> Vec<Host> {
    (1..=count).map(|number| host(&format!("web-{number:03}"), &["web"])).collect()
}

fn sizes(hosts: &[Host], policy: Policy) -> Vec<usize> {
    Outline::of(&fleet(hosts, &[]), hosts, policy).unwrap().waves.iter().map(Vec::len).collect()
}

fn amounts(text: &str) -> Vec<Amount> {
    text.split(' ').map(|amount| amount.parse().unwrap()).collect()
}

fn before(tags: &[&str]) -> Tag {
    Tag { before: tags.iter().map(ToString::to_string).collect(), ..Tag::default() }
}

#[test]
fn amounts_say_how_many_hosts_are_done_after_a_wave() {
    let policy = |text: &str| Policy { waves: amounts(text), ..Policy::plain() };
    assert_eq!(sizes(&many(100), policy("1 10% 50% 100%")), [1, 9, 40, 50]);
    assert_eq!(sizes(&many(11), policy("1 10% 50%")), [1, 1, 4, 5]);
    assert_eq!(sizes(&many(3), policy("1 10% 50% 100%")), [1, 1, 1]);
    assert_eq!(sizes(&many(1), policy("1 10% 50% 100%")), [1]);
    assert_eq!(sizes(&many(4), policy("50% 1 200")), [2, 2]);
    assert_eq!(sizes(&many(4), Policy::plain()), [4]);
}

#[test]
fn amounts_that_do_not_grow_are_refused() {
    for good in ["1", "1 10% 50% 100%", "50% 1 200", "1 100%"] {
        assert!(check_growth(&amounts(good)).is_ok(), "{good}");
    }
    for bad in ["0", "0%", "1 1 1", "3 2", "50% 10%", "1 50% 2 50%", "100% 3"] {
        assert!(check_growth(&amounts(bad)).is_err(), "{bad}");
    }
    expect_test::expect![[r"
        [NF-101] the wave 1 would have no hosts
          where: rollout.waves: 1,1,1
          why: each number is the total number of hosts after that wave, so each number must be larger than the number before it
          help: write increasing numbers: 1,2,3 means three waves of one host each, then all other hosts"]]
    .assert_eq(&check_growth(&amounts("1 1 1")).unwrap_err().to_string());
}

#[test]
fn canaries_go_first_and_count_as_done() {
    let mut hosts = many(10);
    hosts[7].tags.push("canary".to_owned());
    let chosen = Canary::Chosen(vec!["@canary".to_owned()]);
    let policy = Policy { canary: chosen, waves: amounts("1 50%"), ..Policy::plain() };
    let waves = Outline::of(&fleet(&hosts, &[]), &hosts, policy.clone()).unwrap().waves;
    assert_eq!(waves[0], ["web-008"]);
    assert_eq!(waves.iter().map(Vec::len).collect::<Vec<_>>(), [1, 4, 5]);
    assert_eq!(sizes(&many(10), Policy { canary: Canary::First(2), ..policy.clone() }), [2, 3, 5]);
    let without = Outline::of(&fleet(&hosts, &[]), &hosts[..3], policy.clone()).unwrap().waves;
    assert_eq!(without.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
    let unknown = Policy { canary: Canary::Chosen(vec!["@cannary".to_owned()]), ..policy };
    let problem = Outline::of(&fleet(&hosts, &[]), &hosts, unknown).unwrap_err();
    assert_eq!(problem.help.as_deref(), Some("check the name: did you mean canary?"));
    assert_eq!(problem.location.as_deref(), Some("rollout.canary: @cannary"));
    let nobody = Policy { canary: Canary::Chosen(vec!["@canary and web-001".to_owned()]), ..Policy::plain() };
    assert!(Outline::of(&fleet(&hosts, &[]), &hosts, nobody).is_err(), "it would go to all at once");
}

#[test]
fn what_comes_before_is_in_an_earlier_wave_or_earlier_in_the_same() {
    let hosts =
        [host("a", &["web"]), host("b", &["db"]), host("c", &["cache"]), host("d", &[]), host("e", &["db"])];
    let fleet = fleet(&hosts, &[("db", before(&["cache"])), ("cache", before(&["web"]))]);
    let policy = Policy { waves: amounts("2 4"), ..Policy::plain() };
    let outline = Outline::of(&fleet, &hosts, policy).unwrap();
    assert_eq!(outline.waves, [vec!["b", "d"], vec!["e", "c"], vec!["a"]]);
    let names: Vec<_> =
        outline.groups.iter().map(|group| (group.hosts.join(" "), group.after.clone())).collect();
    assert_eq!(names, [("c".to_owned(), vec![1]), ("b e".to_owned(), vec![]), ("a".to_owned(), vec![0, 1])]);
}

#[test]
fn an_order_that_cannot_be_kept_is_refused() {
    let hosts = [host("a", &["web"]), host("b", &["db"])];
    let tags = [("db", before(&["web"])), ("web", before(&["db"]))];
    let problem = Outline::of(&fleet(&hosts, &tags), &hosts, Policy::plain()).unwrap_err();
    assert_eq!(problem.why.as_deref(), Some("the tag db comes before itself"));
    // The order of the tags has no cycle, but the resulting order of the hosts has a cycle.
    let hosts = [host("a", &["x2", "y1"]), host("b", &["y2", "z1"]), host("c", &["z2", "x1"])];
    let tags = [("x1", before(&["x2"])), ("y1", before(&["y2"])), ("z1", before(&["z2"]))];
    let problem = Outline::of(&fleet(&hosts, &tags), &hosts, Policy::plain()).unwrap_err();
    assert!(problem.why.unwrap().contains("contradict each other"));
}

#[test]
fn a_tag_says_how_a_selection_of_its_hosts_goes() {
    let hosts = [host("a", &["db", "prod"]), host("b", &["db"])];
    let said =
        |soak| Tag { rollout: PolicyOptions { soak: Some(soak), ..Default::default() }, ..Tag::default() };
    let mut fleet = fleet(&hosts, &[("db", said(60)), ("prod", said(300))]);
    fleet.rollout =
        PolicyOptions { soak: Some(5), max_failures: Some(Amount::Percent(5)), ..Default::default() };
    assert_eq!(policy_for(&fleet, &hosts).soak, 60);
    assert_eq!(policy_for(&fleet, &hosts[..1]).soak, 300);
    assert_eq!(policy_for(&fleet, &hosts).max_failures, Amount::Percent(5));
    assert_eq!(policy_for(&fleet, &[host("c", &[])]).soak, 5);
}

#[test]
fn a_part_of_a_tag_is_one_of_all_its_hosts_and_one_may_always_go() {
    let hosts = many(10);
    let most = |max_down: &str| {
        let tag = Tag { max_down: Some(max_down.parse().unwrap()), ..Tag::default() };
        let outline = Outline::of(&fleet(&hosts, &[("web", tag)]), &hosts[..2], Policy::plain()).unwrap();
        (outline.budgets[0].most, outline.budgets[0].hosts.len())
    };
    assert_eq!([most("25%"), most("5%"), most("3")], [(2, 2), (1, 2), (3, 2)]);
}

#[test]
fn a_dimension_that_no_host_has_is_refused() {
    let hosts = [host("a", &["rack:a", "web"]), host("b", &["zone:x"])];
    let over = |dimension: &str| {
        let policy = Policy { spread: Some(dimension.to_owned()), ..Policy::plain() };
        Outline::of(&fleet(&hosts, &[]), &hosts[..1], policy).map(drop)
    };
    assert_eq!((over("rack"), over("zone")), (Ok(()), Ok(())));
    expect_test::expect![[r#"
        [NF-103] no tag has the dimension `rak`
          where: rollout.spread
          why: no host of the fleet has a tag such as rak:a
          help: check the name: did you mean rack?"#]]
    .assert_eq(&over("rak").unwrap_err().to_string());
    let help = over("web").unwrap_err().help.unwrap();
    assert_eq!(help, "choose one of: rack, zone; list them with: nixfleet hosts");
}

proptest! {
    #[test]
    fn every_host_is_in_one_wave_and_each_time_in_the_same(
        count in 1usize..60,
        waves in proptest::collection::vec(prop_oneof![
            (0usize..80).prop_map(Amount::Count), (0u8..=100).prop_map(Amount::Percent)
        ], 0..5),
        canaries in 0usize..5,
        shuffled: bool,
        racks in 0usize..5,
    ) {
        let hosts: Vec<Host> = (0..count)
            .map(|number| host(&format!("h{number}"), &[&*format!("rack:{}", number % (racks + 1))]))
            .collect();
        let policy = Policy {
            waves,
            canary: Canary::First(canaries),
            order: if shuffled { Order::Shuffled } else { Order::Name },
            spread: (racks > 0).then(|| "rack".to_owned()),
            ..Policy::plain()
        };
        let fleet = fleet(&hosts, &[]);
        let outline = Outline::of(&fleet, &hosts, policy.clone()).unwrap();
        let reversed: Vec<Host> = hosts.iter().rev().cloned().collect();
        prop_assert_eq!(&Outline::of(&fleet, &reversed, policy).unwrap().waves, &outline.waves);
        let all: BTreeSet<&str> = outline.hosts().map(|(_, name)| name).collect();
        prop_assert_eq!((all.len(), outline.hosts().count()), (count, count));
        prop_assert!(outline.waves.iter().all(|wave| !wave.is_empty()));
    }

    #[test]
    fn the_first_hosts_are_spread_as_evenly_as_all(counts in proptest::collection::vec(1usize..20, 1..5)) {
        let mut hosts = Vec::new();
        for (rack, count) in counts.iter().enumerate() {
            let tag = format!("rack:{rack}");
            hosts.extend((0..*count).map(|number| host(&format!("h{rack}-{number}"), &[&*tag])));
        }
        let policy = Policy { spread: Some("rack".to_owned()), ..Policy::plain() };
        let outline = Outline::of(&fleet(&hosts, &[]), &hosts, policy).unwrap();
        let (mut seen, all) = (BTreeMap::<usize, usize>::new(), hosts.len());
        for (taken, name) in outline.waves.concat().iter().enumerate() {
            let rack: usize = name[1..name.find('-').unwrap()].parse().unwrap();
            *seen.entry(rack).or_default() += 1;
            for (rack, count) in counts.iter().enumerate() {
                let share = (taken + 1) * count;
                let of_rack = seen.get(&rack).copied().unwrap_or(0) * all;
                // The number of hosts taken from a rack differs from the share of the rack by at most one
                // host, plus half a host for each rack.
                let slack = all + all * counts.len() / 2;
                prop_assert!(of_rack <= share + slack && share <= of_rack + slack);
            }
        }
    }
}
