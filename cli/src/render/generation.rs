//! The description of a generation.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nixfleet_contract::generation::GenerationInfo;

use nixfleet_operator::text::one_line;

/// Describes when a generation was made, who made it and from which revision, as far as these facts are
/// known.
pub fn made(info: &GenerationInfo, zone: &TimeZone) -> String {
    let when = i64::try_from(info.created).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let when = when.map(|at| format!(" {}", at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M")));
    let by = info.made.by.as_ref().map(|who| format!(" by {who}"));
    let from = info.made.revision.as_ref().map(|revision| format!(" from {revision}"));
    let parts: String = [when, by, from].into_iter().flatten().collect();
    one_line(&format!("made{parts}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_known_of_a_generation_is_said() {
        let made = |info| made(&serde_json::from_value(info).unwrap(), &TimeZone::UTC);
        let all = json!({
            "number": 7, "closure": "/nix/store/a", "created": 1_795_874_602, "by": "ada@desk",
            "revision": "4f2c9d1-dirty",
        });
        assert_eq!(made(all), "made 2026-11-28 14:03 by ada@desk from 4f2c9d1-dirty");
        let old = json!({ "number": 7, "closure": "/nix/store/a", "created": 1_795_874_602 });
        assert_eq!(made(old), "made 2026-11-28 14:03");
        let forged =
            json!({ "number": 7, "closure": "/nix/store/a", "created": u64::MAX, "by": "a\n\u{1b}[2J" });
        assert_eq!(made(forged), "made by a␊␛[2J");
    }
}
