//! Formats of sizes and times for people.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nixfleet_contract::gc::Disk;

/// Formats a number of bytes in the largest unit that fits, with at most one decimal digit.
pub fn size(bytes: u64) -> String {
    let units = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        None => format!("{bytes} B"),
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
    }
}

/// Formats the free and total space of a filesystem.
pub fn room(disk: Option<Disk>) -> String {
    disk.map_or_else(|| "-".to_owned(), |disk| format!("{} of {}", size(disk.free), size(disk.size)))
}

/// Formats a time that a host reported, to the minute. `seconds` is counted from 1970-01-01 UTC. A number
/// that is not a valid time is shown as `-`.
pub fn moment(seconds: u64, zone: &TimeZone) -> String {
    let at = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.map_or_else(|| "-".to_owned(), |at| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_dates_can_be_any_number() {
        let sizes = [0, 1023, 1536, 5 << 20, (3 << 30) + (1 << 29), u64::MAX].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.5 KiB", "5.0 MiB", "3.5 GiB", "16777215.9 TiB"]);
        assert_eq!(moment(1_795_183_402, &TimeZone::UTC), "2026-11-20 14:03");
        assert_eq!(moment(u64::MAX, &TimeZone::UTC), "-");
    }
}
