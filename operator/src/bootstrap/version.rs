//! Compares versions by their first two numbers, which is enough for the oldest supported versions.

/// Whether a version such as `2.26.3+dfsg-1` is at least `oldest`. A version without numbers is not.
#[must_use]
pub fn is_at_least(version: &str, oldest: (u64, u64)) -> bool {
    // An epoch, as in `1:2.8`, comes first in versions of Debian packages.
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= oldest,
        (Some(Ok(major)), _) => (major, 0) >= oldest,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for new in ["2.0", "2.26.3+dfsg-1", "10.1", "1:2.8.0", "3", "2.4pre20220101"] {
            assert!(is_at_least(new, (2, 0)), "{new}");
        }
        for old in ["1.11", "1.8.2.3", "", "unknown"] {
            assert!(!is_at_least(old, (2, 0)), "{old}");
        }
        assert!(is_at_least("2.15.0", (2, 15)) && !is_at_least("2.8.1", (2, 15)));
    }
}
