//! Finds types that have the same name.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::checkout;
use crate::crates::CRATES;

/// The words of the field that must be the name of at most one type of the product.
pub const UNIQUE: [&str; 11] = [
    "Change", "Found", "Phase", "Planned", "Rollout", "Settings", "State", "Target", "Told", "Verdict",
    "Wanted",
];

/// Returns the types of the product by name, each with its places as `file:line`. Types in tests count too.
///
/// # Errors
/// The files of the repository cannot be listed or read.
pub fn places() -> Result<BTreeMap<String, Vec<String>>> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let is_ours = |file: &str| CRATES.iter().any(|(folder, _)| file.starts_with(&format!("{folder}/src/")));
    for file in checkout::files()?.into_iter().filter(|file| {
        Path::new(file).extension().is_some_and(|extension| extension == "rs") && is_ours(file)
    }) {
        let text =
            fs::read_to_string(checkout::path(&file)).with_context(|| format!("Failed to read {file}"))?;
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(name) = declared(line) {
                places.entry(name.to_owned()).or_default().push(format!("{file}:{number}"));
            }
        }
    }
    Ok(places)
}

/// Returns the name of the type or trait that a line declares. A type that belongs to a trait is not one.
fn declared(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().filter(|word| !word.starts_with("pub") && *word != "in");
    let kind = words.by_ref().find(|word| !word.ends_with(')'))?;
    let is_type =
        matches!(kind, "struct" | "enum" | "trait" | "union") || kind == "type" && line.starts_with(kind);
    let name = words.next().filter(|_| is_type)?;
    name.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_the_field_is_the_name_of_one_type() {
        let places = places().unwrap();
        let repeated: Vec<_> =
            UNIQUE.iter().filter_map(|name| places.get(*name).filter(|places| places.len() > 1)).collect();
        assert!(repeated.is_empty(), "types with the same name: {repeated:?}");
        assert!(UNIQUE.iter().any(|name| places.contains_key(*name)), "the types are found");
    }

    #[test]
    fn a_type_is_found_however_visible_it_is() {
        let found = |line| declared(line);
        assert_eq!(found("pub struct Change<'a> {"), Some("Change"));
        assert_eq!(found("    pub(in crate::engine) enum Phase {"), Some("Phase"));
        assert_eq!(found("pub(super) trait Planned: Send {"), Some("Planned"));
        assert_eq!(found("struct Found(String);"), Some("Found"));
        assert_eq!(found("type Running = ();"), Some("Running"));
        assert_eq!(found("    type Target = Lab;"), None);
        assert_eq!(found("/// A struct Change"), None);
        assert_eq!(found("let structure = enumerate();"), None);
    }
}
