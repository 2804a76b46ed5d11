//! The generation that a rollback leads to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The generation that a host is rolled back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Destination {
    /// The newest generation that is older than the current generation.
    Previous,
    /// The generation with this number.
    Number(u64),
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "previous" => Ok(Self::Previous),
            _ => match word.parse() {
                Ok(number) if number > 0 => Ok(Self::Number(number)),
                _ => Err("expected the number of a generation, from 1, or `previous`".to_owned()),
            },
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Previous => f.write_str("previous"),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}
