//! The id of a run of the activator on a host.

use serde::{Deserialize, Serialize};

use crate::values::{Invalid, checked_string};

/// The id of a run: 32 hexadecimal digits. The operator's machine generates the id, so that this machine can
/// ask for the result of the run even after the connection broke.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

checked_string!(RunId);

impl RunId {
    /// Formats a number as an id. The number must be random, so that no two runs have the same id.
    #[must_use]
    pub fn of(number: u128) -> Self {
        Self(format!("{number:032x}"))
    }

    fn check(text: &str) -> Result<(), Invalid> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 32 && text.bytes().all(digit) {
            return Ok(());
        }
        Err(Invalid(format!("run `{}` is not valid: expected 32 hexadecimal digits", text.escape_debug())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_run_can_be_part_of_a_path_and_of_a_unit() {
        let drawn = RunId::of(u128::MAX / 3);
        assert_eq!(drawn.parse::<RunId>(), Ok(drawn.clone()));
        assert_eq!(RunId::of(1).len(), 32);
        for bad in ["", "ab", "../../../../etc/passwd-aaaaaaaaaaa", "0123456789ABCDEF0123456789ABCDEF"] {
            assert!(bad.parse::<RunId>().is_err(), "{bad}");
        }
    }
}
