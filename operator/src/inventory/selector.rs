//! Resolves a selection to hosts of the fleet.

use std::collections::BTreeSet;

use globset::{Glob, GlobMatcher};
use nixfleet_contract::fleet::{Base, Fleet, Host};
use nixfleet_contract::problem::{Code, Problem};

use super::expression::{Expression, Property, Term, list, parse};
use super::suggestion::suggestion;
use super::{Natural, Selection};

/// The name of the group of all hosts. Like the groups `ubuntu` and `nixos`, this group always exists.
const ALL: &str = "all";

/// Returns the hosts that a selection matches, ordered by name. A host is selected if it matches at least one
/// word of each field of the selection that is not empty. An empty selection means every host.
///
/// # Errors
/// The fleet does not have a given name, tag or role, a pattern or expression is malformed, or no host
/// matches.
pub fn select(fleet: &Fleet, selection: &Selection) -> Result<Vec<Host>, Problem> {
    if fleet.hosts.is_empty() {
        return Err(Problem::new(Code::Selection, "the fleet has no hosts").at("nixfleet.fleet").help(
            "add a host to the fleet module: hosts.web-1 = { base = \"ubuntu\"; addr = \"10.0.1.11\"; };",
        ));
    }
    let terms = |kind, patterns: &[String]| -> Vec<Expression> {
        let patterns = patterns.iter().flat_map(|given| list(given));
        patterns.map(|pattern| Expression::Term(Term { kind, pattern: pattern.to_owned() })).collect()
    };
    let bases: Vec<String> = selection.bases.iter().map(|base| base_word(*base).to_owned()).collect();
    let written =
        selection.expressions.iter().map(|text| parse(text).map_err(|error| malformed(text, error)));
    let kinds = [
        terms(Property::Host, &selection.hosts),
        terms(Property::Tag, &selection.tags),
        terms(Property::Role, &selection.roles),
        terms(Property::Base, &bases),
        written.collect::<Result<_, _>>()?,
    ];

    let mut selected: Vec<&Host> = fleet.hosts.values().collect();
    for expressions in kinds.iter().filter(|expressions| !expressions.is_empty()) {
        let matchers =
            expressions.iter().map(|each| Matcher::new(fleet, each)).collect::<Result<Vec<_>, _>>()?;
        selected.retain(|host| matchers.iter().any(|matcher| matcher.matches(host)));
    }
    if selected.is_empty() {
        return Err(Problem::new(Code::Selection, "the selection is empty")
            .at(written_out(&kinds))
            .because(format!("none of the {} hosts of the fleet matches", fleet.hosts.len()))
            .help("list all hosts with their tags and roles: nixfleet hosts"));
    }
    selected.sort_by_cached_key(|host| Natural::of(&host.name));
    Ok(selected.into_iter().cloned().collect())
}

/// Formats a selection as one expression for error messages. Words of one kind are joined by `or`, and the
/// kinds by `and`.
fn written_out(kinds: &[Vec<Expression>]) -> String {
    let given: Vec<&Vec<Expression>> = kinds.iter().filter(|expressions| !expressions.is_empty()).collect();
    let kinds = given.iter().map(|expressions| {
        let text = expressions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        if given.len() > 1 && expressions.len() > 1 { format!("({text})") } else { text }
    });
    kinds.collect::<Vec<_>>().join(" and ")
}

/// Returns the names of those `hosts` that at least one of the expressions selects.
///
/// # Errors
/// As for [`select`]. An expression that selects no host of the whole fleet is an error. An expression that
/// selects hosts of the fleet, but none of `hosts`, is not an error.
pub fn matching(fleet: &Fleet, expressions: &[String], hosts: &[Host]) -> Result<BTreeSet<String>, Problem> {
    let matcher = |text: &String| {
        let expression = parse(text).map_err(|error| malformed(text, error))?;
        let matcher = Matcher::new(fleet, &expression)?;
        if fleet.hosts.values().any(|host| matcher.matches(host)) {
            return Ok(matcher);
        }
        Err(Problem::new(Code::Selection, "the expression selects no host")
            .at(text)
            .because(format!("none of the {} hosts of the fleet matches", fleet.hosts.len()))
            .help("list all hosts with their tags and roles: nixfleet hosts"))
    };
    let matchers = expressions.iter().map(matcher).collect::<Result<Vec<_>, _>>()?;
    let matching = hosts.iter().filter(|host| matchers.iter().any(|matcher| matcher.matches(host)));
    Ok(matching.map(|host| host.name.clone()).collect())
}

const fn base_word(base: Base) -> &'static str {
    match base {
        Base::Ubuntu => "ubuntu",
        Base::Nixos => "nixos",
    }
}

/// Returns the base that a word names.
fn base_of(word: &str) -> Option<Base> {
    [Base::Ubuntu, Base::Nixos].into_iter().find(|base| base_word(*base) == word)
}

/// Returns the values of this property of a host. A pattern is compared with each of them.
fn words(host: &Host, kind: Property) -> Vec<&str> {
    match kind {
        Property::Host => vec![&host.name],
        Property::Tag => host.tags.iter().map(String::as_str).collect(),
        Property::Role => host.roles.iter().map(String::as_str).collect(),
        Property::Base => vec![base_word(host.base)],
    }
}

/// A compiled expression. Each of its terms matches a host of the fleet, or names a base or a group that
/// always exists.
enum Matcher {
    All,
    Base(Base),
    Term(Property, GlobMatcher),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

impl Matcher {
    fn new(fleet: &Fleet, expression: &Expression) -> Result<Self, Problem> {
        let boxed = |inner| Self::new(fleet, inner).map(Box::new);
        Ok(match expression {
            Expression::Term(term) => match Self::group(fleet, term)? {
                Some(group) => group,
                None => Self::Term(term.kind, pattern(fleet, term)?),
            },
            Expression::Not(inner) => Self::Not(boxed(inner)?),
            Expression::And(left, right) => Self::And(boxed(left)?, boxed(right)?),
            Expression::Or(left, right) => Self::Or(boxed(left)?, boxed(right)?),
        })
    }

    /// Returns the predefined group that a term names, or `None` if the term names no such group. A bare word
    /// that is the name of a host means that host, even if a base has the same name.
    fn group(fleet: &Fleet, term: &Term) -> Result<Option<Self>, Problem> {
        let Term { kind, pattern } = term;
        let group = match base_of(pattern) {
            _ if pattern == ALL => Self::All,
            Some(base) => Self::Base(base),
            None => return Ok(None),
        };
        match kind {
            Property::Tag => {}
            Property::Host if !fleet.hosts.contains_key(pattern) => {}
            Property::Host | Property::Role | Property::Base => return Ok(None),
        }
        // The evaluation of a fleet refuses a tag that has the name of a predefined group, but an older
        // NixFleet may not have refused such a tag.
        if let Some(host) = fleet.hosts.values().find(|host| host.tags.contains(pattern)) {
            return Err(Problem::new(Code::Selection, format!("the tag `{pattern}` is reserved"))
                .at(format!("hosts.{}.tags", host.name))
                .because("a group of this name always exists and may contain other hosts")
                .help("rename the tag"));
        }
        Ok(Some(group))
    }

    fn matches(&self, host: &Host) -> bool {
        match self {
            Self::All => true,
            Self::Base(base) => host.base == *base,
            Self::Term(kind, glob) => words(host, *kind).into_iter().any(|word| glob.is_match(word)),
            Self::Not(inner) => !inner.matches(host),
            Self::And(left, right) => left.matches(host) && right.matches(host),
            Self::Or(left, right) => left.matches(host) || right.matches(host),
        }
    }
}

/// Compiles the pattern of a term. A pattern that matches nothing in the whole fleet is an error, unless it
/// names a base.
fn pattern(fleet: &Fleet, term: &Term) -> Result<GlobMatcher, Problem> {
    let Term { kind, pattern } = term;
    let glob = Glob::new(pattern).map_err(|error| malformed(pattern, error.kind()))?.compile_matcher();
    let known: BTreeSet<&str> = fleet.hosts.values().flat_map(|host| words(host, *kind)).collect();
    if known.iter().any(|word| glob.is_match(word)) {
        return Ok(glob);
    }
    if *kind == Property::Base && base_of(pattern).is_some() {
        return Ok(glob);
    }
    let what = if pattern.contains(['*', '?', '[', '{']) {
        format!("no {kind} matches `{pattern}`")
    } else {
        format!("unknown {kind} `{pattern}`")
    };
    let group = || fleet.hosts.values().any(|host| host.tags.contains(pattern));
    let help = if *kind == Property::Host && group() {
        format!("use the tag of this name: @{pattern}")
    } else if let Some(word) = pattern.strip_prefix('!') {
        format!("to select all other hosts, write: --on 'not {word}'")
    } else {
        suggestion(kind, pattern, &known)
    };
    Err(Problem::new(Code::Selection, what).help(help))
}

fn malformed(text: &str, why: impl std::fmt::Display) -> Problem {
    Problem::new(Code::Selection, "the selector is not valid")
        .at(text)
        .because(why)
        .help("write, for example: --on 'web-* and @prod and not @canary'")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use nixfleet_contract::policy::PolicyOptions;
    use proptest::prelude::*;

    use super::*;
    use crate::sample;

    fn host(name: &str, base: Base, tags: &[&str], roles: &[&str]) -> (String, Host) {
        let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        let host = Host { base, tags: owned(tags), roles: owned(roles), ..sample::host(name) };
        (name.to_owned(), host)
    }

    fn fleet() -> Fleet {
        let hosts = BTreeMap::from([
            host("web-1", Base::Ubuntu, &["prod", "canary"], &["nginx"]),
            host("web-2", Base::Ubuntu, &["prod"], &["nginx"]),
            host("web-3", Base::Ubuntu, &["staging"], &["nginx"]),
            host("db-1", Base::Nixos, &["prod"], &["postgres", "backup"]),
        ]);
        Fleet {
            schema: 1,
            revision: None,
            host_keys: None,
            notifications: BTreeMap::new(),
            hosts,
            rollout: PolicyOptions::default(),
            tags: BTreeMap::new(),
        }
    }

    /// Selects hosts by words such as `tag=prod`, each of which stands for a flag. Returns the names of the
    /// selected hosts, or the error.
    fn on(line: &str) -> String {
        let mut selection = Selection::default();
        for word in shlex::split(line).unwrap() {
            let (flag, value) = word.split_once('=').unwrap();
            match flag {
                "host" => selection.hosts.push(value.into()),
                "tag" => selection.tags.push(value.into()),
                "role" => selection.roles.push(value.into()),
                "base" => selection.bases.push(base_of(value).unwrap()),
                _ => selection.expressions.push(value.into()),
            }
        }
        match select(&fleet(), &selection) {
            Ok(hosts) => hosts.into_iter().map(|host| host.name).collect::<Vec<_>>().join(" "),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn no_flag_selects_every_host() {
        assert_eq!(on(""), "db-1 web-1 web-2 web-3");
    }

    #[test]
    fn flags_of_one_kind_add_up_and_kinds_narrow_each_other_down() {
        assert_eq!(on("host=web-1 host=db-1"), "db-1 web-1");
        assert_eq!(on("tag=canary tag=staging"), "web-1 web-3");
        assert_eq!(on("host='web-*' tag=prod"), "web-1 web-2");
        assert_eq!(on("tag=prod base=nixos role=backup"), "db-1");
    }

    #[test]
    fn an_expression_selects_as_it_reads() {
        assert_eq!(on("on='web-* and @prod and not @canary'"), "web-2");
        assert_eq!(on("on='not (role:nginx or base:ubuntu)'"), "db-1");
        assert_eq!(on("on='@staging or web-1' on=db-1"), "db-1 web-1 web-3");
        assert_eq!(on("on='web-[12]' tag=canary"), "web-1");
    }

    #[test]
    fn expressions_add_up() {
        assert_eq!(on("on=web-1"), "web-1");
        assert_eq!(on("on=web-1 on=db-1"), "db-1 web-1");
        assert_eq!(on("on='web-* and @prod'"), "web-1 web-2");
        assert_eq!(on("on='@canary' on=db-1"), "db-1 web-1");
        // The shell splits an expression without quotes into several arguments, which count as several
        // expressions.
        assert_eq!(on("on=web-1 on=role:backup tag=prod"), "db-1 web-1");
    }

    #[test]
    fn lists_and_exclamation_marks_mean_what_they_look_like() {
        assert_eq!(on("host=web-1,db-1"), "db-1 web-1");
        assert_eq!(on("host='web-{1,2}, db-1'"), "db-1 web-1 web-2");
        assert_eq!(on("tag=canary,staging role=nginx,backup"), "web-1 web-3");
        assert_eq!(on("on='!@prod'"), "web-3");
        assert_eq!(on("on='!web-1,web-2'"), "db-1 web-3");
        expect_test::expect![[r"
            [NF-103] unknown host `!web-1`
              help: to select all other hosts, write: --on 'not web-1'"]]
        .assert_eq(&on("host='!web-1'"));
    }

    #[test]
    fn all_and_the_bases_are_groups() {
        let everybody = "db-1 web-1 web-2 web-3";
        for all in ["on=all", "tag=all", "on=@all", "on=all tag=all"] {
            assert_eq!(on(all), everybody, "{all}");
        }
        for ubuntu in ["on=ubuntu", "tag=ubuntu", "on='all and not @nixos'", "base=ubuntu"] {
            assert_eq!(on(ubuntu), "web-1 web-2 web-3", "{ubuntu}");
        }
        assert_eq!(on("tag='*'"), everybody, "a pattern means tags");
        assert!(on("tag='ubunt*'").contains("no tag matches `ubunt*`"));
        expect_test::expect![[r"
            [NF-103] unknown host `prod`
              help: use the tag of this name: @prod"]]
        .assert_eq(&on("on=prod"));

        let mut fleet = fleet();
        let named = host("nixos", Base::Ubuntu, &["all"], &[]);
        fleet.hosts.insert(named.0, named.1);
        let selected = |word: &str| {
            let selection = Selection { expressions: vec![word.to_owned()], ..Selection::default() };
            select(&fleet, &selection)
                .map(|hosts| hosts.into_iter().map(|host| host.name).collect::<Vec<_>>())
        };
        assert_eq!(selected("nixos").unwrap(), ["nixos"], "a host of that name");
        assert_eq!(selected("@nixos").unwrap(), ["db-1"]);
        assert!(selected("all").unwrap_err().what.contains("reserved"), "an older library let it pass");
    }

    #[test]
    fn the_inventory_reserves_every_group_that_exists_always() {
        let reserved = include_str!("../../../lib/inventory/reserved-tags.nix");
        let word = reserved.split('"').skip(1).step_by(2).collect::<Vec<_>>();
        assert!(word == [ALL] && reserved.contains("types.shared.choices.base"), "{reserved}");
        let shared = include_str!("../../../contract/src/values/options.json");
        let shared: serde_json::Value = serde_json::from_str(shared).unwrap();
        let bases = [Base::Ubuntu, Base::Nixos].map(base_word);
        assert_eq!(shared["choices"]["base"], serde_json::json!(bases));
    }

    #[test]
    fn hosts_come_in_the_order_in_which_people_count() {
        let mut fleet = fleet();
        fleet.hosts.extend(["web-10", "web-20"].map(|name| host(name, Base::Ubuntu, &[], &[])));
        let hosts = select(&fleet, &Selection::default()).unwrap();
        let names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(names, ["db-1", "web-1", "web-2", "web-3", "web-10", "web-20"]);
    }

    #[test]
    fn an_unknown_word_is_refused_with_what_it_may_have_meant() {
        expect_test::expect![[r"
            [NF-103] unknown host `wbe-1`
              help: check the name: did you mean web-1 or web-2 or web-3?"]]
        .assert_eq(&on("host=wbe-1"));
        expect_test::expect![[r"
            [NF-103] unknown tag `europe`
              help: choose one of: canary, prod, staging; list them with: nixfleet hosts"]]
        .assert_eq(&on("on='web-* and not @europe'"));
        expect_test::expect![[r"
            [NF-103] no host matches `mail-*`
              help: choose one of: db-1, web-1, web-2, web-3; list them with: nixfleet hosts"]]
        .assert_eq(&on("host=web-1 host='mail-*'"));
        expect_test::expect![[r"
            [NF-103] unknown tag `rpod`
              help: check the name: did you mean prod?"]]
        .assert_eq(&on("tag=rpod"));
    }

    #[test]
    fn an_empty_selection_is_refused() {
        expect_test::expect![[r"
            [NF-103] the selection is empty
              where: db-1 and @staging
              why: none of the 4 hosts of the fleet matches
              help: list all hosts with their tags and roles: nixfleet hosts"]]
        .assert_eq(&on("host=db-1 tag=staging"));
        expect_test::expect![[r"
            [NF-103] the selector is not valid
              where: web-1 and
              why: expected a host, @tag, role:NAME or base:NAME, found the end
              help: write, for example: --on 'web-* and @prod and not @canary'"]]
        .assert_eq(&on("on='web-1 and'"));
        expect_test::expect![[r"
            [NF-103] the selector is not valid
              where: web-[1
              why: unclosed character class; missing ']'
              help: write, for example: --on 'web-* and @prod and not @canary'"]]
        .assert_eq(&on("host='web-[1'"));
    }

    proptest! {
        #[test]
        fn and_or_not_are_those_of_sets(a in "(web|db)-[1*]", b in "@(prod|canary|staging)") {
            let names = |text: String| -> BTreeSet<String> {
                let selection = Selection { expressions: vec![text], ..Selection::default() };
                select(&fleet(), &selection).map(|hosts| hosts.into_iter().map(|host| host.name).collect())
                    .unwrap_or_default()
            };
            let all: BTreeSet<String> = fleet().hosts.into_keys().collect();
            let (left, right) = (names(a.clone()), names(b.clone()));
            prop_assert_eq!(names(format!("{a} and {b}")), &left & &right);
            prop_assert_eq!(names(format!("{a} or {b}")), &left | &right);
            prop_assert_eq!(names(format!("not {a}")), &all - &left);
            prop_assert_eq!(names(format!("not ({a} or {b})")), names(format!("not {a} and not {b}")));
        }
    }
}
