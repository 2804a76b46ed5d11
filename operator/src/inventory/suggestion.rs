//! What a user may have meant who named something that the fleet does not have.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::Natural;

/// How alike two words must be to be suggested, on the scale of Jaro and Winkler from 0 to 1.
const NEAR: f64 = 0.75;
/// How many words are listed at most.
const LISTED: usize = 8;

/// What to say to somebody who wants what is not there, of all things of this kind that hosts have.
pub fn suggestion(kind: impl Display, unknown: &str, known: &BTreeSet<&str>) -> String {
    // Two letters that changed places are one slip, of which the scale thinks little in a short word.
    let likeness = |word: &str| {
        if strsim::osa_distance(unknown, word) == 1 { 1.0 } else { strsim::jaro_winkler(unknown, word) }
    };
    let mut near: Vec<&str> = known.iter().copied().filter(|word| likeness(word) >= NEAR).collect();
    near.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    near.truncate(3);
    if !near.is_empty() {
        return format!("check the name: did you mean {}?", near.join(" or "));
    }
    if known.is_empty() {
        return format!("add a {kind} to a host: no host of the fleet has one");
    }
    let mut listed: Vec<&str> = known.iter().copied().collect();
    listed.sort_by_cached_key(|word| Natural::of(word));
    listed.truncate(LISTED);
    let more =
        if known.len() > LISTED { format!(" and {} more", known.len() - LISTED) } else { String::new() };
    format!("choose one of: {}{more}; list them with: nixfleet hosts", listed.join(", "))
}
