//! When weekly windows of time are open.
//!
//! A window begins and ends at local times of its time zone. If the clocks are put forward over one of these
//! times, the window begins or ends as much later; if the clocks are put back, the first of the two times
//! counts (RFC 5545 §3.3.5).

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use nixfleet_contract::os::window::{Day, TimeOfDay, WeeklyWindow};
use nixfleet_contract::problem::{Code, Problem};

/// Whether one of several windows is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WindowState {
    /// There is no window, so the time does not matter.
    Always,
    /// A window is open.
    Open {
        /// The time at which the window ends.
        until: Zoned,
    },
    /// No window is open.
    Closed {
        /// The time at which the next window begins.
        next: Zoned,
    },
}

impl WindowState {
    /// Returns the state of windows at a time.
    ///
    /// # Errors
    /// The time zone database of this machine does not have the time zone of a window.
    pub fn at(now: Timestamp, windows: &[WeeklyWindow]) -> Result<Self, Problem> {
        let mut spans = Vec::new();
        for window in windows {
            spans.extend(around(now, window)?);
        }
        let open = spans.iter().filter(|(from, to)| from.timestamp() <= now && now < to.timestamp());
        if let Some((_, until)) = open.max_by_key(|(_, to)| to.timestamp()) {
            return Ok(Self::Open { until: until.clone() });
        }
        let later = spans.into_iter().map(|(from, _)| from).filter(|from| from.timestamp() > now);
        Ok(match later.min_by_key(Zoned::timestamp) {
            Some(next) => Self::Closed { next },
            None => Self::Always,
        })
    }

    /// Returns the beginning of the next window, if no window is open.
    #[must_use]
    pub const fn closed(&self) -> Option<&Zoned> {
        match self {
            Self::Closed { next } => Some(next),
            Self::Always | Self::Open { .. } => None,
        }
    }
}

/// Formats a time for people, such as `Sun 2026-12-06 02:00 CET`.
#[must_use]
pub fn shown(time: &Zoned) -> String {
    time.strftime("%a %Y-%m-%d %H:%M %Z").to_string()
}

/// Returns the beginning and the end of a window, for each day from yesterday to the same day of the next
/// week.
fn around(now: Timestamp, window: &WeeklyWindow) -> Result<Vec<(Zoned, Zoned)>, Problem> {
    let zone = TimeZone::get(&window.zone).map_err(|error| {
        Problem::new(Code::Usage, format!("this machine does not know the time zone {}", window.zone))
            .at(window.to_string())
            .because(error)
            .help("correct the name in the inventory, or install the package `tzdata` on this machine")
    })?;
    let today = now.to_zoned(zone.clone()).date();
    let span = |offset: i64| {
        let date = today.checked_add(offset.days()).ok()?;
        let end = if window.ends_next_day() { date.tomorrow().ok()? } else { date };
        let is_day = window.days.contains(&day(date.weekday()));
        is_day.then(|| Some((local(date, window.from, &zone)?, local(end, window.to, &zone)?))).flatten()
    };
    Ok((-1..=7).filter_map(span).collect())
}

/// Returns the moment of a local time.
fn local(date: Date, time: TimeOfDay, zone: &TimeZone) -> Option<Zoned> {
    // 24:00 is the beginning of the next day.
    let (date, hour) = if time.hour == 24 { (date.tomorrow().ok()?, 0) } else { (date, time.hour) };
    date.at(i8::try_from(hour).ok()?, i8::try_from(time.minute).ok()?, 0, 0).to_zoned(zone.clone()).ok()
}

const fn day(weekday: Weekday) -> Day {
    match weekday {
        Weekday::Monday => Day::Mon,
        Weekday::Tuesday => Day::Tue,
        Weekday::Wednesday => Day::Wed,
        Weekday::Thursday => Day::Thu,
        Weekday::Friday => Day::Fri,
        Weekday::Saturday => Day::Sat,
        Weekday::Sunday => Day::Sun,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Describes the state of windows at a time.
    fn at(now: &str, windows: &[&str]) -> String {
        let windows: Vec<WeeklyWindow> = windows.iter().map(|text| text.parse().unwrap()).collect();
        match WindowState::at(now.parse().unwrap(), &windows).unwrap() {
            WindowState::Always => "always".to_owned(),
            WindowState::Open { until } => format!("open until {}", shown(&until)),
            WindowState::Closed { next } => format!("next {}", shown(&next)),
        }
    }

    const SUNDAY: &str = "Sun 02:00-04:00 Europe/Berlin";

    #[test]
    fn a_window_is_open_from_its_beginning_until_just_before_its_end() {
        for (now, expected) in [
            ("2026-12-06T01:59:59+01", "next Sun 2026-12-06 02:00 CET"),
            ("2026-12-06T02:00:00+01", "open until Sun 2026-12-06 04:00 CET"),
            ("2026-12-06T03:59:59+01", "open until Sun 2026-12-06 04:00 CET"),
            ("2026-12-06T04:00:00+01", "next Sun 2026-12-13 02:00 CET"),
            ("2026-12-09T12:00:00+01", "next Sun 2026-12-13 02:00 CET"),
        ] {
            assert_eq!(at(now, &[SUNDAY]), expected, "{now}");
        }
        assert_eq!(at("2026-12-06T02:00:00+01", &[]), "always");
    }

    #[test]
    fn a_window_past_midnight_belongs_to_the_day_on_which_it_begins() {
        let window = "Fri 22:00-02:00 UTC";
        assert_eq!(at("2026-12-05T01:00:00Z", &[window]), "open until Sat 2026-12-05 02:00 UTC");
        assert_eq!(at("2026-12-05T02:00:00Z", &[window]), "next Fri 2026-12-11 22:00 UTC");
        assert_eq!(at("2026-12-04T01:00:00Z", &[window]), "next Fri 2026-12-04 22:00 UTC");
    }

    #[test]
    fn the_window_that_ends_last_or_begins_first_counts() {
        let windows = ["Sun 01:00-03:00 UTC", "Sun 02:00-05:00 UTC", "Wed 02:00-03:00 UTC"];
        assert_eq!(at("2026-12-06T02:30:00Z", &windows), "open until Sun 2026-12-06 05:00 UTC");
        assert_eq!(at("2026-12-06T05:00:00Z", &windows), "next Wed 2026-12-09 02:00 UTC");
        assert_eq!(at("2026-12-06T23:59:00Z", &["00:00-24:00 UTC"]), "open until Mon 2026-12-07 00:00 UTC");
    }

    #[test]
    fn clocks_that_are_put_forward_or_back_move_a_window() {
        // 2026-03-29: 02:00 CET is followed by 03:00 CEST.
        let skipped = "Sun 02:30-04:00 Europe/Berlin";
        assert_eq!(at("2026-03-29T00:00:00Z", &[skipped]), "next Sun 2026-03-29 03:30 CEST");
        assert_eq!(at("2026-03-29T01:30:00Z", &[skipped]), "open until Sun 2026-03-29 04:00 CEST");
        // 2026-10-25: 03:00 CEST is followed by 02:00 CET.
        let twice = "Sun 02:30-03:30 Europe/Berlin";
        assert_eq!(at("2026-10-25T00:00:00Z", &[twice]), "next Sun 2026-10-25 02:30 CEST");
        assert_eq!(at("2026-10-25T02:29:59Z", &[twice]), "open until Sun 2026-10-25 03:30 CET");
    }

    #[test]
    fn an_unknown_time_zone_is_told() {
        let window = "02:00-04:00 Europe/Nowhere".parse().unwrap();
        let problem = WindowState::at(Timestamp::UNIX_EPOCH, &[window]).unwrap_err();
        assert!(problem.what.contains("does not know the time zone Europe/Nowhere"), "{problem}");
    }
}
