//! Deserialization of steps. The field `step` determines the family of a step.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use strum::VariantNames;

use super::{AccountStep, CommandStep, PathStep, ProfileStep, Step, SystemStep, UnitStep};

/// The field that contains the name of the step.
const TAG: &str = "step";

/// Deserializes a step of any family.
///
/// # Errors
/// No family has a step of this name, or the fields do not match the step.
pub fn step<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Step, D::Error> {
    deserializer.deserialize_map(StepVisitor)
}

struct StepVisitor;

impl<'de> Visitor<'de> for StepVisitor {
    type Value = Step;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a step, which has a field `{TAG}`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Step, A::Error> {
        let mut all = Map::new();
        while let Some((field, value)) = fields.next_entry::<String, Value>()? {
            all.insert(field, value);
        }
        let name = all.get(TAG).and_then(Value::as_str).map(str::to_owned);
        let name = name.ok_or_else(|| A::Error::missing_field(TAG))?;
        of_family(&name, Value::Object(all)).map_err(A::Error::custom)
    }
}

/// Deserializes the step `name`, which belongs to exactly one family. The function is not generic over the
/// input, since it would then be compiled once for each input type.
fn of_family(name: &str, fields: Value) -> Result<Step, serde_json::Error> {
    let is_of = |family: &[&str]| family.contains(&name);
    if is_of(PathStep::VARIANTS) {
        PathStep::deserialize(fields).map(Step::Path)
    } else if is_of(UnitStep::VARIANTS) {
        UnitStep::deserialize(fields).map(Step::Unit)
    } else if is_of(AccountStep::VARIANTS) {
        AccountStep::deserialize(fields).map(Step::Account)
    } else if is_of(CommandStep::VARIANTS) {
        CommandStep::deserialize(fields).map(Step::Command)
    } else if is_of(ProfileStep::VARIANTS) {
        ProfileStep::deserialize(fields).map(Step::Profile)
    } else if is_of(SystemStep::VARIANTS) {
        SystemStep::deserialize(fields).map(Step::System)
    } else {
        Err(serde_json::Error::custom(format_args!("unknown step `{}`", name.escape_debug())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_read_whatever_its_family_and_the_order_of_its_fields() {
        let samples = [
            r#"{"step":"createGroup","name":"app","gid":null}"#,
            r#"{"step":"removeDirectory","path":"/etc/a"}"#,
            r#"{"step":"switchProfile","from":null,"to":1}"#,
            r#"{"step":"runCommand","command":["/bin/a"],"paths":["/etc/a"]}"#,
            r#"{"step":"startUnit","unit":"a.service","why":"it is new"}"#,
            r#"{"step":"daemonReload"}"#,
            r#"{"step":"activateSystem","from":"/nix/store/a","to":"/nix/store/b"}"#,
        ];
        for text in samples {
            let step: Step = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&step).unwrap(), text);
            // `Value` sorts its fields, so `step` is not the first field here.
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::from_value::<Step>(value).unwrap(), step);
        }
    }

    #[test]
    fn what_is_no_step_says_why() {
        let why = |text: &str| serde_json::from_str::<Step>(text).unwrap_err().to_string();
        assert!(why(r#"{"step":"frobnicate"}"#).starts_with("unknown step `frobnicate`"));
        assert!(why(r#"{"path":"/etc/a","step":"frobnicate"}"#).starts_with("unknown step `frobnicate`"));
        assert!(why(r#"{"step":"removeDirectory"}"#).starts_with("missing field `path`"));
        assert!(why(r#"{"path":"/etc/a"}"#).starts_with("missing field `step`"));
        assert!(why("{}").starts_with("missing field `step`"));
        assert!(why("[]").contains("expected a step"));
    }
}
