//! Regular expressions.

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::{Invalid, checked_string};

/// Maximum size of a compiled regular expression in memory, in bytes.
const SIZE: usize = 1024 * 1024;

/// A valid regular expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

checked_string!(Pattern);

impl Pattern {
    fn check(text: &str) -> Result<(), Invalid> {
        let invalid =
            |error| Invalid(format!("regular expression `{}` is not valid: {error}", text.escape_debug()));
        compile(text).map(drop).map_err(invalid)
    }

    /// Returns whether the expression matches any part of a text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        compile(&self.0).is_ok_and(|regex| regex.is_match(text))
    }
}

fn compile(text: &str) -> Result<Regex, regex_lite::Error> {
    RegexBuilder::new(text).size_limit(SIZE).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_expression_compiles_and_matches_a_part() {
        let pattern: Pattern = "^v[0-9]+ .*(up|ok)".parse().unwrap();
        assert!(pattern.matches("v12 is up and running"));
        assert!(!pattern.matches("version 12"));
        for bad in ["(", "a{1000}{1000}{1000}", "[z-a]"] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad}");
        }
    }
}
