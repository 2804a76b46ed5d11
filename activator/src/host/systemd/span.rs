//! Time spans in the format of systemd.time(7), such as `1min 30s`, `500ms` or `infinity`.

use std::time::Duration;

/// Parses a time span. Returns `None` for `infinity` and for invalid text.
pub fn parse(text: &str) -> Option<Duration> {
    let words = text.split_whitespace().map(part);
    let total = words.sum::<Option<Duration>>()?;
    (!text.trim().is_empty()).then_some(total)
}

fn part(word: &str) -> Option<Duration> {
    let (number, unit) = word.split_at(word.find(|c: char| !c.is_ascii_digit() && c != '.')?);
    let microseconds = match unit {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "min" => 60e6,
        "h" => 3_600e6,
        "d" => 86_400e6,
        "w" => 604_800e6,
        // The lengths that systemd uses for a month and a year.
        "month" => 2_629_800e6,
        "y" => 31_557_600e6,
        _ => return None,
    };
    let microseconds = number.parse::<f64>().ok()? * microseconds;
    Duration::try_from_secs_f64(microseconds / 1e6).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_systemd_writes_them() {
        let seconds = |text: &str| parse(text).map(|span| span.as_secs_f64());
        assert_eq!(seconds("1min 30s"), Some(90.0));
        assert_eq!(seconds("2h 1.5s"), Some(7_201.5));
        assert_eq!(seconds("500ms"), Some(0.5));
        assert_eq!(seconds("1d"), Some(86_400.0));
        for endless in ["infinity", "", " ", "5", "5x", "s"] {
            assert_eq!(seconds(endless), None, "{endless}");
        }
    }
}
