//! Changes the names of hosts and groups in other tools into valid names of hosts and tags.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use nixfleet_contract::values::Word;

/// The names that no host may have.
const RESERVED_HOSTS: [&str; 1] = ["all"];
/// The names of the groups that exist in every fleet. No tag may have such a name.
const RESERVED_TAGS: [&str; 3] = ["all", "ubuntu", "nixos"];
/// The maximum length of a host name.
const LONGEST: usize = 63;

/// Returns a valid host name for each name, in the same order. Valid names stay as they are. A name such as
/// `web-1.example.org` becomes `web-1`, if no other host would then have the name `web-1`.
pub fn hosts(originals: &[&str]) -> Vec<String> {
    let is_valid = |name: &str| Word::Host.check(name).is_ok() && !RESERVED_HOSTS.contains(&name);
    let mut shorts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in originals.iter().copied().collect::<BTreeSet<_>>() {
        *shorts.entry(short(name).unwrap_or(name)).or_default() += 1;
    }
    let mut taken: BTreeSet<String> =
        originals.iter().filter(|name| is_valid(name)).map(ToString::to_string).collect();
    let mut adapt = |name: &str| {
        if is_valid(name) {
            return name.to_owned();
        }
        let alone = short(name).filter(|short| is_valid(short) && shorts.get(short) == Some(&1));
        free(&alone.map_or_else(|| slug(name, "host"), str::to_owned), &mut taken, is_valid)
    };
    originals.iter().map(|name| adapt(name)).collect()
}

/// Returns a valid tag for each group, by the name of the group.
pub fn tags<'a>(groups: impl Iterator<Item = &'a str> + Clone) -> BTreeMap<String, String> {
    let is_valid = |name: &str| Word::Label.check(name).is_ok() && !RESERVED_TAGS.contains(&name);
    let mut taken: BTreeSet<String> =
        groups.clone().filter(|name| is_valid(name)).map(str::to_owned).collect();
    let mut adapt = |name: &str| {
        if is_valid(name) {
            return name.to_owned();
        }
        let kept = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
        let word: String = name.chars().map(kept).collect();
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let word = if RESERVED_TAGS.contains(&word) { format!("{word}-group") } else { word.to_owned() };
        free(if word.is_empty() { "group" } else { &word }, &mut taken, is_valid)
    };
    groups.map(|name| (name.to_owned(), adapt(name))).collect()
}

/// Returns the part of a name before its first dot. Returns `None` for an IP address, and if the name has no
/// such part with a letter.
fn short(name: &str) -> Option<&str> {
    let is_word = |label: &&str| label.bytes().any(|byte| byte.is_ascii_alphabetic());
    let (label, _) = name.split_once('.')?;
    Some(label).filter(is_word).filter(|_| name.parse::<IpAddr>().is_err())
}

/// Returns a name with hyphens in place of everything that is not a letter or a digit. If the name is empty
/// or begins with a digit, `noun` is put before it.
fn slug(name: &str, noun: &str) -> String {
    let words: Vec<&str> =
        name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let word = words.join("-");
    let word = match word.chars().next() {
        Some(first) if first.is_ascii_digit() => format!("{noun}-{word}"),
        Some(_) => word,
        None => noun.to_owned(),
    };
    word[..word.len().min(LONGEST)].trim_end_matches('-').to_owned()
}

/// Returns `name` if it is valid and not in `taken`, and otherwise `name` with a number at its end. Adds the
/// returned name to `taken`.
fn free(name: &str, taken: &mut BTreeSet<String>, is_valid: impl Fn(&str) -> bool) -> String {
    let numbered = |number: usize| {
        let end = format!("-{number}");
        let begin = &name[..name.len().min(LONGEST - end.len())];
        format!("{}{end}", begin.trim_end_matches('-'))
    };
    let mut candidates = std::iter::once(name.to_owned()).chain((2..).map(numbered));
    let found = candidates.find(|name| is_valid(name) && !taken.contains(name)).unwrap_or_default();
    taken.insert(found.clone());
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_become_host_names() {
        let names = [
            "web-1",
            "db.example.org",
            "a.one.org",
            "a.two.org",
            "10.0.0.1",
            "web_1",
            "all",
            "web.1",
            "ü",
            "::1",
            "web-1.example.org",
        ];
        let adapted = hosts(&names);
        let expected = [
            "web-1",
            "db",
            "a-one-org",
            "a-two-org",
            "host-10-0-0-1",
            "web-1-2",
            "all-2",
            "web",
            "host",
            "host-1",
            "web-1-example-org",
        ];
        assert_eq!(adapted, expected);
    }

    #[test]
    fn groups_become_tags() {
        let adapted = tags(["web", "ubuntu", "my group", "my-group", "@", "a.b"].into_iter());
        let of = |name: &str| adapted[name].as_str();
        assert_eq!(
            ["web", "ubuntu", "my group", "my-group", "@", "a.b"].map(of),
            ["web", "ubuntu-group", "my-group-2", "my-group", "group", "a.b"]
        );
    }

    proptest! {
        #[test]
        fn each_name_becomes_another_valid_name(names in prop::collection::btree_set(".{0,70}", 0..8)) {
            let originals: Vec<&str> = names.iter().map(String::as_str).collect();
            let adapted = hosts(&originals);
            prop_assert_eq!(adapted.iter().collect::<BTreeSet<_>>().len(), originals.len());
            prop_assert!(adapted.iter().all(|name| Word::Host.check(name).is_ok()), "{:?}", adapted);
            let adapted: BTreeSet<String> = tags(originals.iter().copied()).into_values().collect();
            prop_assert_eq!(adapted.len(), originals.len());
            prop_assert!(adapted.iter().all(|name| Word::Label.check(name).is_ok()), "{:?}", adapted);
        }
    }
}
