//! Pins, in the format of `apt_preferences(5)`.

use std::collections::BTreeMap;

use nixfleet_contract::values::PackagePattern;
use serde::Serialize;

use super::stanza::stanzas;

/// A pin to declare.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DraftPin {
    /// The packages to which the pin applies.
    pub packages: Vec<String>,
    /// The kind of the selector: `release`, `origin` or `version`.
    pub selector: &'static str,
    /// The versions that the pin selects.
    pub selected: String,
    /// The priority.
    pub priority: i32,
}

/// Reads the pins of a file, each as a pin to declare or as the reason why it cannot be declared.
pub(super) fn read(text: &str) -> Vec<Result<DraftPin, String>> {
    let is_pin = |stanza: &BTreeMap<String, String>| stanza.keys().any(|field| field != "explanation");
    stanzas(text).iter().filter(|stanza| is_pin(stanza)).map(of_stanza).collect()
}

fn of_stanza(stanza: &BTreeMap<String, String>) -> Result<DraftPin, String> {
    let field = |name: &str| stanza.get(name).map(String::as_str).unwrap_or_default();
    let packages: Vec<String> = field("package").split_whitespace().map(str::to_owned).collect();
    if packages.is_empty() || !packages.iter().all(|each| each.parse::<PackagePattern>().is_ok()) {
        return Err("a pin has packages that cannot be declared".to_owned());
    }
    let priority = field("pin-priority").parse().ok().filter(|priority| *priority != 0);
    let Some(priority) = priority.filter(|priority| i16::try_from(*priority).is_ok()) else {
        return Err("a pin has a priority that cannot be declared".to_owned());
    };
    let (kind, rest) = field("pin").split_once([' ', '\t']).unwrap_or_default();
    let rest = rest.trim();
    let (selector, selected) = match kind {
        "release" => ("release", released(rest)),
        "origin" => ("origin", Some(rest.trim_matches('"').to_owned())),
        "version" => ("version", Some(rest.to_owned())),
        _ => ("", None),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._:~+*-".contains(c);
    let is_right = |text: &String| {
        !text.is_empty() && (selector == "release" || text.chars().all(is_plain) && !text.starts_with('-'))
    };
    match selected.filter(is_right) {
        Some(selected) => Ok(DraftPin { packages, selector, selected, priority }),
        None => Err("a pin selects versions in a way that cannot be declared".to_owned()),
    }
}

/// Returns the properties of a release as the option has them, without spaces.
fn released(text: &str) -> Option<String> {
    let properties: Vec<&str> = text.split(',').map(str::trim).collect();
    let is_property = |property: &&str| {
        property.split_once('=').is_some_and(|(name, value)| {
            ["a", "c", "n", "o", "l", "v", "b"].contains(&name)
                && !value.is_empty()
                && value.chars().all(|c| c == ' ' || c.is_ascii_graphic())
        })
    };
    properties.iter().all(is_property).then(|| properties.join(","))
}
