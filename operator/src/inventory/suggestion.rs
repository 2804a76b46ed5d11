//! Suggestions for a name that the fleet does not have.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::Natural;

/// The minimum similarity of two words for a suggestion, from 0 to 1 on the Jaro-Winkler scale.
const NEAR: f64 = 0.75;
/// The maximum number of known words that a help text lists.
const LISTED: usize = 8;

/// Returns a help text for an unknown word: similar words of the same kind, or else a list of the known
/// words.
pub fn suggestion(kind: impl Display, unknown: &str, known: &BTreeSet<&str>) -> String {
    // A single typing error, such as two swapped letters, always counts as similar. The Jaro-Winkler scale
    // rates short words with such an error too low.
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
