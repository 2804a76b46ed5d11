//! Tests of the glossary: it contains all terms of the interface, and each entry links to a page.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use nixfleet_contract::outcome::Outcome;

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference")
}

fn page(name: &str) -> String {
    fs::read_to_string(reference().join(name)).unwrap()
}

/// Returns the terms and their explanations, in the order of the page.
fn entries(page: &str) -> Vec<(&str, &str)> {
    page.split("\n## ").skip(1).map(|entry| entry.split_once('\n').unwrap()).collect()
}

/// Returns the names of all outcomes. They are extracted from the error message with which serde refuses an
/// unknown outcome.
fn outcomes() -> Vec<String> {
    let error = serde_json::from_str::<Outcome>("\"\"").unwrap_err().to_string();
    let (_, expected) = error.split_once("expected ").unwrap();
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Returns the first word of each event name, such as `wave` for `waveBegan`.
fn event_groups() -> BTreeSet<String> {
    let schema: serde_json::Value =
        serde_json::from_str(&nixfleet_operator::event::schema().unwrap()).unwrap();
    let kinds = schema["oneOf"].as_array().unwrap();
    let names = kinds.iter().map(|kind| kind["properties"]["event"]["const"].as_str().unwrap());
    names.map(|name| name.split(char::is_uppercase).next().unwrap().to_owned()).collect()
}

/// Returns the options that select hosts, from the generated reference page.
fn selectors() -> BTreeSet<String> {
    let page = page("cli.md");
    let (_, targets) = page.split_once("\nTargets:\n").unwrap();
    let lines = targets.trim_start().lines().take_while(|line| line.starts_with("- `--"));
    let spelled =
        lines.map(|line| line.split('`').nth(1).unwrap()).take_while(|option| !option.contains("parallel"));
    spelled
        .flat_map(|option| {
            option.split(['<', ',', ' ']).filter(|word| word.starts_with("--")).map(str::to_owned)
        })
        .collect()
}

#[test]
fn every_outcome_event_and_selector_is_in_the_glossary() {
    let page = page("glossary.md");
    let terms: BTreeSet<&str> = entries(&page).into_iter().map(|(term, _)| term).collect();
    for word in outcomes().into_iter().chain(event_groups()) {
        assert!(terms.contains(word.as_str()), "docs/reference/glossary.md lacks `{word}`");
    }
    let (_, selector) = entries(&page).into_iter().find(|(term, _)| *term == "selector").unwrap();
    let selectors = selectors();
    assert!(selectors.len() > 4, "{selectors:?}");
    for option in selectors {
        assert!(selector.contains(&format!("`{option}`")), "the glossary's `selector` lacks {option}");
    }
}

#[test]
fn terms_come_from_a_to_z_and_each_link_leads_somewhere() {
    let page = page("glossary.md");
    let entries = entries(&page);
    let terms: Vec<&str> = entries.iter().map(|(term, _)| *term).collect();
    assert!(terms.is_sorted_by(|a, b| a < b), "{terms:?}");
    for (term, text) in entries {
        let links: Vec<&str> = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
        assert!(!links.is_empty(), "`{term}` has no link");
        for link in links {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = fs::read_to_string(reference().join(file)).unwrap_or_default();
            assert!(!target.is_empty(), "`{term}`: there is no {file}");
            let leads =
                anchor.is_empty() || target.lines().any(|line| line.starts_with('#') && slug(line) == anchor);
            assert!(leads, "`{term}`: {file} has no heading #{anchor}");
        }
    }
}

/// Returns the link anchor that GitHub and similar services generate for a heading.
fn slug(heading: &str) -> String {
    let title = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    title.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}
