//! The id of a command, and of the rollout that it starts.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rustix::rand::{GetRandomFlags, getrandom};
use serde::{Deserialize, Serialize};

/// The letters that an id may contain. No letter looks like a digit or like another letter, and without
/// vowels the letters form no words.
const LETTERS: &[u8; 20] = b"bcdfghjkmnpqrstvwxyz";
/// The number of random letters in an id.
const DRAWN: usize = 4;
/// The length in bytes of the time at the start of an id, including the last hyphen: `20261120-140322-`.
const TIME: usize = 16;

/// The id of a command, and of the rollout that it starts: the start time in UTC and four random letters,
/// such as `20261120-140322-kbzq`. Ids sort by second, and can be part of a path.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct RolloutId(String);

impl RolloutId {
    /// Creates the id of a command that starts now.
    #[must_use]
    pub fn draw() -> Self {
        let now = Timestamp::now();
        let mut bytes = [0; DRAWN];
        if getrandom(&mut bytes, GetRandomFlags::empty()).is_err() {
            // If no random numbers are available, fractions of a second distinguish the ids of one operator.
            bytes = now.subsec_nanosecond().to_le_bytes();
        }
        let letters = bytes.map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
        Self(format!("{}{}", now.strftime("%Y%m%d-%H%M%S-"), String::from_iter(letters)))
    }
}

impl RolloutId {
    /// Returns the second in which the command started. Ids of the same second are in no particular order.
    #[must_use]
    pub fn second(&self) -> &str {
        &self.0[..TIME]
    }
}

impl FromStr for RolloutId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let right = |(place, byte): (usize, u8)| match place {
            8 | 15 => byte == b'-',
            ..TIME => byte.is_ascii_digit(),
            _ => LETTERS.contains(&byte),
        };
        if text.len() == TIME + DRAWN && text.bytes().enumerate().all(right) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{}` is not the name of a rollout, such as 20261120-140322-kbzq; list the rollouts: nixfleet \
             history",
            text.escape_debug()
        ))
    }
}

impl TryFrom<String> for RolloutId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RolloutId> for String {
    fn from(id: RolloutId) -> Self {
        id.0
    }
}

impl fmt::Display for RolloutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_and_can_be_part_of_a_path() {
        let drawn = RolloutId::draw();
        assert_eq!(drawn.to_string().parse(), Ok(drawn.clone()));
        for bad in [
            "",
            "kbzq",
            "20261120-140322-",
            "20261120-140322-kbza",
            "../../../etc/passwd",
            "2026112é-140322-kbz",
        ] {
            assert!(bad.parse::<RolloutId>().is_err(), "{bad}");
        }
    }
}
