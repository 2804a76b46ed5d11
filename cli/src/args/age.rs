//! Ages as arguments on the command line, such as the value of `--older-than`.

/// Parses an age, such as `30d`, into seconds. A number without a unit is refused, since it could mean days
/// as well as seconds.
pub fn age(text: &str) -> Result<u64, String> {
    let split = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(split);
    let unit: Option<u64> = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        "d" => Some(86400),
        "w" => Some(7 * 86400),
        _ => None,
    };
    let seconds = unit.zip(count.parse::<u64>().ok()).and_then(|(unit, count)| count.checked_mul(unit));
    seconds.ok_or_else(|| "expected a number and a unit, such as 90m, 12h, 30d or 4w".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_a_unit() {
        assert_eq!(
            ["90s", "5m", "12h", "30d", "2w"].map(age),
            [Ok(90), Ok(300), Ok(43200), Ok(2_592_000), Ok(1_209_600)]
        );
        for bad in ["", "30", "d", "-1d", "1y", "99999999999999999999d", "18446744073709551615w"] {
            assert!(age(bad).is_err(), "{bad}");
        }
    }
}
