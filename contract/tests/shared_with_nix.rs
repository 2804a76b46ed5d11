//! Tests that Nix and Rust agree. The words, defaults and limits of options are in `options.json`, which Nix
//! and Rust both read. The rules for values are implemented once in each language; `checks/nix/values.nix`
//! tests the rules in Nix with the same examples.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::apt::intent::PackageState;
use nixfleet_contract::apt::{FirstStart, QuestionType};
use nixfleet_contract::fleet::{Base, RolloutSettings, Timeouts};
use nixfleet_contract::health::check::{CheckName, Method, Probe};
use nixfleet_contract::health::{Check, OnCheckFailure, Side};
use nixfleet_contract::manifest::{OnConflict, UNITS, UserField};
use nixfleet_contract::notification::{MessageFormat, Moment};
use nixfleet_contract::policy::{OnFailure, Order, Policy, Unreachable};
use nixfleet_contract::values::{
    AbsPath, AccountName, Invalid, ManagedPath, Mode, Owner, PackageName, PackagePattern, Reserved, UnitName,
    Url, VersionPattern, Word, hidden,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn shared() -> Value {
    serde_json::from_str(include_str!("../src/values/options.json")).unwrap()
}

/// Returns the names that the variants of an enum have in JSON. The names are extracted from the error
/// message with which serde refuses the invalid value `refused`.
fn words<T: DeserializeOwned>(refused: &Value) -> BTreeSet<String> {
    let error = serde_json::from_value::<T>(refused.clone()).err().unwrap().to_string();
    let (_, expected) = error.split_once("expected ").expect(&error);
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn an_option_takes_the_words_that_the_builder_and_the_command_line_know() {
    let nothing = Value::from("");
    let known = BTreeMap::from([
        ("base", words::<Base>(&nothing)),
        ("checkFailure", words::<OnCheckFailure>(&nothing)),
        ("checkMethod", words::<Method>(&nothing)),
        ("checkProbe", words::<Probe>(&serde_json::json!({ "kind": "" }))),
        ("checkSide", words::<Side>(&nothing)),
        ("debconfType", words::<QuestionType>(&nothing)),
        ("messageFormat", words::<MessageFormat>(&nothing)),
        ("moment", words::<Moment>(&nothing)),
        ("onConflict", words::<OnConflict>(&nothing)),
        ("packageStart", words::<FirstStart>(&nothing)),
        ("packageState", words::<PackageState>(&nothing)),
        ("rolloutFailure", words::<OnFailure>(&nothing)),
        ("rolloutOrder", words::<Order>(&nothing)),
        // An administrator cannot declare device units: they exist for devices that the kernel reports.
        (
            "unitSuffix",
            UnitName::SUFFIXES.into_iter().filter(|it| *it != "device").map(str::to_owned).collect(),
        ),
        ("unreachable", words::<Unreachable>(&nothing)),
        ("unstatedUserField", words::<UserField>(&nothing)),
    ]);
    let choices: BTreeMap<String, BTreeSet<String>> =
        serde_json::from_value(shared()["choices"].clone()).unwrap();
    let choices: BTreeMap<&str, _> =
        choices.iter().map(|(name, words)| (name.as_str(), words.clone())).collect();
    assert_eq!(choices, known);
}

#[test]
fn defaults_and_limits_are_those_of_the_inventory() {
    let shared = shared();
    let defaults = &shared["defaults"];
    assert_eq!(serde_json::to_value(Timeouts::default()).unwrap(), defaults["timeouts"]);
    assert_eq!(
        serde_json::to_value(RolloutSettings::default().confirm_timeout).unwrap(),
        defaults["confirmTimeout"]
    );
    let plain = serde_json::to_value(Policy::plain()).unwrap();
    for (option, default) in defaults["rollout"].as_object().unwrap() {
        assert_eq!(&plain[option], default, "{option}");
    }
    assert_eq!(shared["limits"]["checkSeconds"], Check::LONGEST.as_secs());
    assert_eq!(shared["protectedPackages"], serde_json::json!(PackageName::PROTECTED));
    assert_eq!(format!("{}/", shared["unitDirectory"].as_str().unwrap()), UNITS);
}

/// Example values of one type. Evaluation and the build accept the values in `both` and refuse the values in
/// `neither`. The values in `build` are refused by evaluation and accepted by the build.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Examples {
    both: Vec<String>,
    #[serde(default)]
    build: Vec<String>,
    neither: Vec<String>,
}

fn accepts(kind: &str, text: &str) -> bool {
    fn parses<T: std::str::FromStr<Err = Invalid>>(text: &str) -> bool {
        text.parse::<T>().is_ok()
    }
    let word = |word: Word| word.check(text).is_ok();
    match kind {
        "accountName" => parses::<AccountName>(text),
        "address" => word(Word::Address),
        "checkName" => parses::<CheckName>(text),
        "hostName" => word(Word::Host),
        "httpUrl" => parses::<Url>(text),
        "label" => word(Word::Label),
        "loginName" => word(Word::Login),
        "managedPath" => {
            parses::<ManagedPath>(text) && Reserved::at(text).is_none() && hidden(text).is_none()
        }
        "mode" => parses::<Mode>(text),
        "owner" => parses::<Owner>(text),
        "packageName" => parses::<PackageName>(text),
        "packagePattern" => parses::<PackagePattern>(text),
        "packageVersion" => parses::<VersionPattern>(text),
        // A path in /etc/passwd must not contain a colon. `AbsPath` allows colons; the builder refuses paths
        // with a colon.
        "path" => parses::<AbsPath>(text) && hidden(text).is_none() && !text.contains(':'),
        "system" => word(Word::System),
        "tag" => word(Word::Tag),
        "unitName" => parses::<UnitName>(text),
        _ => panic!("no type {kind}"),
    }
}

#[test]
fn values_follow_the_rules_that_evaluation_has_too() {
    let examples = include_str!("../../checks/fixtures/values.json");
    let examples: BTreeMap<String, Examples> = serde_json::from_str(examples).unwrap();
    for (kind, Examples { both, build, neither }) in &examples {
        assert!(!both.is_empty() && !neither.is_empty(), "{kind}");
        for good in both.iter().chain(build) {
            assert!(accepts(kind, good), "{kind} {good:?}");
        }
        for bad in neither {
            assert!(!accepts(kind, bad), "{kind} {bad:?}");
        }
    }
}
