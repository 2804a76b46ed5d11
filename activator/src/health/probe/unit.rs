//! Probe that a unit is active and has been active without interruption for some time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nixfleet_contract::values::UnitName;

use super::super::run::Call;
use super::{Attempt, Finding};
use crate::host::{clock, command};

/// The properties of a unit to query.
const PROPERTIES: &str =
    "--property=LoadState,ActiveState,SubState,Result,NRestarts,ActiveEnterTimestampMonotonic,InvocationID";
/// The interval between two queries while a unit changes its state.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The state of a unit.
struct ProbedUnit {
    loaded: bool,
    active: String,
    sub: String,
    result: String,
    restarts: u32,
    invocation: String,
    /// The time when the unit became active, as time since boot.
    since: Duration,
}

/// Waits until a unit has been active for `stable_for` without interruption. Returns at once if the unit has
/// been active for that long already.
///
/// # Errors
/// The unit is not active, or did not stay active.
pub fn attempt(unit: &UnitName, stable_for: Duration, limit: Duration, call: &Call) -> Attempt {
    let deadline = Instant::now() + stable_for + limit;
    let mut first: Option<ProbedUnit> = None;
    loop {
        let now = look(unit, limit)?;
        if !now.loaded {
            return Err("systemd knows no such unit".to_owned());
        }
        if let Some(before) = first.as_ref().filter(|before| before.invocation != now.invocation) {
            let again = now.restarts.saturating_sub(before.restarts);
            let times = if again == 0 { String::new() } else { format!(", {} times by now", now.restarts) };
            return Err(format!("it ended and was restarted{times}; it is {} ({})", now.active, now.sub));
        }
        let up = clock::since_boot().saturating_sub(now.since);
        let wait = match now.active.as_str() {
            "active" if up >= stable_for => return Ok(found(&now, up)),
            "active" => stable_for.saturating_sub(up),
            "activating" | "reloading" | "refreshing" if !now.sub.starts_with("auto-restart") => LOOK_AGAIN,
            _ => return Err(format!("it is {} ({}), result {}", now.active, now.sub, now.result)),
        };
        if Instant::now() + wait > deadline {
            return Err(format!("it is still {} ({}) after {} s", now.active, now.sub, limit.as_secs()));
        }
        if now.active == "active" {
            first.get_or_insert(now);
        }
        if call.off_within(wait.min(LOOK_AGAIN * 5)) {
            return Err("cancelled".to_owned());
        }
    }
}

fn found(now: &ProbedUnit, up: Duration) -> Finding {
    Finding(format!("{} ({}) for {} s", now.active, now.sub, up.as_secs()))
}

fn look(unit: &UnitName, limit: Duration) -> Result<ProbedUnit, String> {
    let argv = ["systemctl", "show", "--no-pager", PROPERTIES, "--", unit];
    let finished = command::run(&argv, limit).map_err(|error| format!("systemctl cannot be run: {error}"))?;
    if finished.success() {
        return Ok(parse(&finished.stdout));
    }
    Err(format!("systemd does not answer: {}", finished.why()))
}

fn parse(text: &str) -> ProbedUnit {
    let properties: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let get = |key: &str| properties.get(key).copied().unwrap_or_default();
    ProbedUnit {
        loaded: !matches!(get("LoadState"), "not-found" | ""),
        active: get("ActiveState").to_owned(),
        sub: get("SubState").to_owned(),
        result: if get("Result").is_empty() { "success" } else { get("Result") }.to_owned(),
        restarts: get("NRestarts").parse().unwrap_or_default(),
        invocation: get("InvocationID").to_owned(),
        since: Duration::from_micros(get("ActiveEnterTimestampMonotonic").parse().unwrap_or_default()),
    }
}
