//! Weekly windows of time, such as `Sun 02:00-04:00 Europe/Berlin`.
//!
//! A window has days, a time of the day at which it begins, one at which it ends, and a time zone. The days
//! are those on which it begins. A window whose end is not after its beginning ends on the next day. Only the
//! text is read here: whether the time zone exists, and when the window is next, depends on the time zone
//! database of the machine.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A weekly window of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WeeklyWindow {
    /// The days on which the window begins, sorted, without duplicates and never empty.
    pub days: Vec<Day>,
    /// The beginning.
    pub from: TimeOfDay,
    /// The end, which is not part of the window.
    pub to: TimeOfDay,
    /// The name of the time zone in the IANA database, such as `Europe/Berlin` or `UTC`.
    pub zone: String,
}

impl WeeklyWindow {
    /// Returns whether the window ends on the day after its beginning.
    #[must_use]
    pub fn ends_next_day(&self) -> bool {
        self.to <= self.from
    }
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Day {
    /// All days, Monday first.
    pub const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Mon => "Mon",
            Self::Tue => "Tue",
            Self::Wed => "Wed",
            Self::Thu => "Thu",
            Self::Fri => "Fri",
            Self::Sat => "Sat",
            Self::Sun => "Sun",
        }
    }
}

/// A time of the day, to the minute. `24:00` is the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay {
    /// The hour, from 0 to 24.
    pub hour: u8,
    /// The minute, from 0 to 59.
    pub minute: u8,
}

impl FromStr for WeeklyWindow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            |why: &str| format!("`{text}` is no window such as `Sun 02:00-04:00 Europe/Berlin`: {why}");
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, times, zone) = match words[..] {
            [days, times, zone] => (parse_days(days).map_err(|why| wrong(&why))?, times, zone),
            [times, zone] => (Day::ALL.to_vec(), times, zone),
            _ => return Err(wrong("it has no time and time zone")),
        };
        let (from, to) = times.split_once('-').ok_or_else(|| wrong("the time has no end"))?;
        let time = |text: &str| TimeOfDay::parse(text).ok_or_else(|| wrong(&format!("`{text}` is no time")));
        let (from, to) = (time(from)?, time(to)?);
        if from.hour == 24 {
            return Err(wrong("a day ends at 24:00, so nothing begins then"));
        }
        if from == to {
            return Err(wrong("it begins and ends at the same time; a whole day is 00:00-24:00"));
        }
        Ok(Self { days, from, to, zone: zone.to_owned() })
    }
}

/// Parses days such as `Sun`, `Mon,Wed` or `Mon..Fri`.
fn parse_days(text: &str) -> Result<Vec<Day>, String> {
    let day = |word: &str| {
        let found = Day::ALL.into_iter().find(|day| day.as_str() == word);
        found.ok_or_else(|| format!("`{word}` is none of Mon, Tue, Wed, Thu, Fri, Sat and Sun"))
    };
    let mut days = Vec::new();
    for part in text.split(',') {
        match part.split_once("..") {
            None => days.push(day(part)?),
            Some((first, last)) => {
                let (first, last) = (day(first)?, day(last)?);
                // A range such as `Sat..Mon` goes past the end of the week.
                let week = Day::ALL.into_iter().cycle().skip_while(|day| *day != first);
                let range: Vec<Day> = week.take(7).collect();
                let length = range.iter().position(|day| *day == last).map_or(7, |position| position + 1);
                days.extend(range.into_iter().take(length));
            }
        }
    }
    days.sort();
    days.dedup();
    Ok(days)
}

impl TimeOfDay {
    fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let number = |text: &str| {
            let is_plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            is_plain.then(|| text.parse::<u8>().ok()).flatten()
        };
        let (hour, minute) = (number(hour)?, number(minute)?);
        let is_valid = (hour < 24 && minute < 60) || (hour == 24 && minute == 0);
        is_valid.then_some(Self { hour, minute })
    }
}

impl fmt::Display for WeeklyWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days.len() < Day::ALL.len() {
            let days: Vec<&str> = self.days.iter().map(|day| day.as_str()).collect();
            write!(f, "{} ", days.join(","))?;
        }
        write!(f, "{}-{} {}", self.from, self.to, self.zone)
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl TryFrom<String> for WeeklyWindow {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<WeeklyWindow> for String {
    fn from(window: WeeklyWindow) -> Self {
        window.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, String> {
        text.parse::<WeeklyWindow>().map(|window| window.to_string())
    }

    #[test]
    fn a_window_is_written_in_one_way() {
        for (text, canonical) in [
            ("Sun 02:00-04:00 Europe/Berlin", "Sun 02:00-04:00 Europe/Berlin"),
            ("Wed,Mon,Wed 22:00-02:00 UTC", "Mon,Wed 22:00-02:00 UTC"),
            ("Mon..Wed 00:00-24:00 UTC", "Mon,Tue,Wed 00:00-24:00 UTC"),
            ("Sat..Mon 01:30-02:00 UTC", "Mon,Sat,Sun 01:30-02:00 UTC"),
            ("  03:00-05:00   UTC ", "03:00-05:00 UTC"),
            ("Mon..Sun 03:00-05:00 UTC", "03:00-05:00 UTC"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(canonical), "{text}");
            assert_eq!(shown(canonical).as_deref(), Ok(canonical));
        }
    }

    #[test]
    fn a_wrong_window_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "it has no time and time zone"),
            ("Sun 02:00-04:00", "the time has no end"),
            ("Sonntag 02:00-04:00 UTC", "`Sonntag` is none of Mon"),
            ("sun 02:00-04:00 UTC", "`sun` is none of Mon"),
            ("Sun 2:00-04:00 UTC", "`2:00` is no time"),
            ("Sun 02:60-04:00 UTC", "`02:60` is no time"),
            ("Sun 02:00-25:00 UTC", "`25:00` is no time"),
            ("Sun 02:00 UTC", "the time has no end"),
            ("Sun 24:00-04:00 UTC", "nothing begins then"),
            ("Sun 02:00-02:00 UTC", "begins and ends at the same time"),
            ("Sun 02:00-04:00 Europe/Berlin now", "it has no time and time zone"),
        ] {
            let error = shown(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_window_past_midnight_ends_on_the_next_day() {
        let ends_next_day = |text: &str| text.parse::<WeeklyWindow>().unwrap().ends_next_day();
        assert!(ends_next_day("22:00-02:00 UTC"));
        assert!(!ends_next_day("02:00-22:00 UTC") && !ends_next_day("02:00-24:00 UTC"));
    }
}
