//! The name of a rollout, and of the command that begins it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rustix::rand::{GetRandomFlags, getrandom};
use serde::{Deserialize, Serialize};

/// Letters that are drawn: none looks like a digit or another letter, and no word comes of them.
const LETTERS: &[u8; 20] = b"bcdfghjkmnpqrstvwxyz";
/// How many are drawn.
const DRAWN: usize = 4;
/// `20261120-140322-`
const TIME: usize = 16;

/// Names a command and the rollout that it begins: when it began, in UTC, and four drawn letters,
/// `20261120-140322-kbzq`. Names sort by the second, and can be part of a path.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct RolloutId(String);

impl RolloutId {
    /// Draws the name of a rollout that begins now.
    #[must_use]
    pub fn draw() -> Self {
        let now = Timestamp::now();
        let mut bytes = [0; DRAWN];
        if getrandom(&mut bytes, GetRandomFlags::empty()).is_err() {
            // No random numbers: fractions of a second tell the rollouts of one operator apart.
            bytes = now.subsec_nanosecond().to_le_bytes();
        }
        let letters = bytes.map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
        Self(format!("{}{}", now.strftime("%Y%m%d-%H%M%S-"), String::from_iter(letters)))
    }
}

impl RolloutId {
    /// The second in which it began: those of one second are in no order.
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
            "`{}` is not the name of a rollout, such as 20261120-140322-kbzq; see them: nixfleet history",
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
