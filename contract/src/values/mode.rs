//! Permission bits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Invalid;

/// Permission bits including the set-user-ID, set-group-ID and sticky bits, at most `0o7777`. They are
/// written as four octal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mode(u32);

impl Mode {
    /// The mode of a directory that is managed only as a parent of managed paths.
    pub const DIRECTORY: Self = Self(0o755);

    /// The mode of a unit file.
    pub const FILE: Self = Self(0o644);

    /// Extracts the permission bits from the `st_mode` of stat(2).
    #[must_use]
    pub const fn from_bits(st_mode: u32) -> Self {
        Self(st_mode & 0o7777)
    }

    /// Returns the bits as the number that chmod(2) takes.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl FromStr for Mode {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let digits = (3..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        match u32::from_str_radix(text, 8) {
            Ok(bits) if digits => Ok(Self(bits)),
            _ => Err(Invalid(format!(
                "mode `{}` is not three or four octal digits, such as 0644",
                text.escape_debug()
            ))),
        }
    }
}

impl TryFrom<String> for Mode {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        mode.to_string()
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_three_or_four_octal_digits_and_prints_as_four() {
        assert_eq!("644".parse::<Mode>().unwrap().to_string(), "0644");
        assert_eq!("4755".parse::<Mode>().unwrap().bits(), 0o4755);
        for bad in ["", "64", "06440", "0888", "+644", "u=rw"] {
            assert!(bad.parse::<Mode>().is_err(), "{bad}");
        }
    }
}
