//! Positive numbers as arguments on the command line.

use std::num::NonZeroUsize;

/// Parses a positive number.
pub fn count(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a number, from 1".to_owned())
}

/// Parses a positive number of seconds. A number with a unit, such as `90s`, is refused with an explanation,
/// since other flags accept units.
pub fn seconds(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(seconds) if seconds > 0 => Ok(seconds),
        _ => Err("expected a number of seconds, from 1, without a unit".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_from_1_is_refused() {
        assert_eq!(count("3").map(NonZeroUsize::get), Ok(3));
        assert_eq!(seconds("90"), Ok(90));
        for bad in ["", "0", "-1", "x", "5m", "99999999999999999999"] {
            assert!(count(bad).is_err(), "{bad}");
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
