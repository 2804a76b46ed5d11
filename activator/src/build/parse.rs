//! Parses an [`Intent`], and reports every malformed element.

use nixfleet_contract::SCHEMA;
use nixfleet_contract::intent::{
    Directory, DistributionUnitIntent, File, Group, HealthCheck, Intent, Unit, User,
};
use nixfleet_contract::manifest::Package;
use nixfleet_contract::problem::{Code, Problem};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Parses an intent.
///
/// # Errors
/// Fails with every malformed element of a list. If there is none, fails with the first other mistake.
pub fn intent(value: Value) -> Result<Intent, Vec<Problem>> {
    let schema = value.get("schema").cloned().unwrap_or(Value::Null);
    if schema != SCHEMA {
        return Err(vec![wrong_schema("intent", &schema)]);
    }
    let mut problems = Vec::new();
    elements::<Package>(&value, "packages", "name", &mut problems);
    elements::<Group>(&value, "groups", "name", &mut problems);
    elements::<User>(&value, "users", "name", &mut problems);
    elements::<Directory>(&value, "directories", "path", &mut problems);
    elements::<File>(&value, "files", "path", &mut problems);
    elements::<Unit>(&value, "units", "name", &mut problems);
    elements::<DistributionUnitIntent>(&value, "unitStates", "name", &mut problems);
    elements::<HealthCheck>(&value, "healthChecks", "name", &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    serde_json::from_value(value).map_err(|error| vec![misshapen("intent", error)])
}

/// Returns the problem of a document whose schema this activator cannot read. `found`: the schema of the
/// document.
#[must_use]
pub fn wrong_schema(document: &str, found: &Value) -> Problem {
    Problem::new(
        Code::InvalidManifest,
        format!("the {document} has a schema that this activator cannot read"),
    )
    .at("schema")
    .because(format!("the {document} has schema {found}, but this activator can read only schema {SCHEMA}"))
    .help("take the NixFleet modules and the activator from the same release")
}

fn elements<T: DeserializeOwned>(value: &Value, list: &str, key: &str, problems: &mut Vec<Problem>) {
    for (index, element) in value.get(list).and_then(Value::as_array).into_iter().flatten().enumerate() {
        if let Err(error) = T::deserialize(element) {
            let at = match element.get(key).and_then(Value::as_str) {
                Some(name) => format!("intent.{list}[{index}], {key} {name:?}"),
                None => format!("intent.{list}[{index}]"),
            };
            problems.push(misshapen(&at, error));
        }
    }
}

fn misshapen(at: &str, error: serde_json::Error) -> Problem {
    Problem::new(Code::InvalidManifest, "the intent (the host's configuration) has an invalid structure")
        .at(at)
        .because(error)
}
