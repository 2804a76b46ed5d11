//! The text about a host that waits until another program ends its use of apt.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nixfleet_contract::apt::lock::LockHolder;
use nixfleet_operator::text::one_line;

/// Formats the process for which a host waits, such as `waits for apt: 815 apt-get since 16:40:12`.
pub fn waits(holder: &LockHolder, zone: &TimeZone) -> String {
    let LockHolder { process, name, since } = holder;
    let name = if name.is_empty() { "a program that has ended".to_owned() } else { one_line(name) };
    let at = since.and_then(|seconds| Timestamp::from_second(i64::try_from(seconds).ok()?).ok());
    let since = at.map(|at| format!(" since {}", at.to_zoned(zone.clone()).strftime("%H:%M:%S")));
    format!("waits for apt: {process} {name}{}", since.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_named_with_its_start() {
        let holder = |name: &str, since| LockHolder { process: 815, name: name.to_owned(), since };
        let text = |holder| waits(&holder, &TimeZone::UTC);
        assert_eq!(text(holder("apt-get", Some(1_700_000_000))), "waits for apt: 815 apt-get since 22:13:20");
        assert_eq!(text(holder("", None)), "waits for apt: 815 a program that has ended");
        assert_eq!(text(holder("a\nb", Some(u64::MAX))), format!("waits for apt: 815 {}", one_line("a\nb")));
    }
}
