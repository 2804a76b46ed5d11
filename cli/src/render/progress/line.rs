//! Messages about progress that, unlike the live view, stay on the terminal.

use nixfleet_contract::outcome::Outcome;

use jiff::tz::TimeZone;

use super::waits::waits;
use crate::render::style::{YELLOW, outcome_style, paint};
use crate::render::time;
use nixfleet_operator::event::{Event, EventKind, HostEnd, Level};
use nixfleet_operator::text::{hosts, many_lines, one_line};

/// The message after the first Ctrl-C.
const INTERRUPTED: &str = "interrupted: no further host is started; waiting for the hosts that have started \
                           (Ctrl-C again: leave now; these hosts continue by themselves, and roll back if \
                           their change is not confirmed)";

/// Formats the message for an event; `None` if the event has no message.
pub fn line(event: &Event) -> Option<String> {
    let line = match &event.kind {
        EventKind::HostEnded(end) if event.rollout.is_some() => return ended(end),
        EventKind::WaveBegan { wave, of, hosts: members } if *of > 1 => {
            format!("wave {wave} of {of}: {}", hosts(members.len()))
        }
        EventKind::WaveSoaking { wave, seconds } => format!("wave {wave}: watched for {}", time(*seconds)),
        EventKind::HostAwaitsApt { host, holder: Some(holder) } => {
            format!("{host}: {}", waits(holder, &TimeZone::system()))
        }
        EventKind::HostDownloaded { host, units } => {
            format!("{host}: new packages bring {}", units.join(", "))
        }
        EventKind::RolloutPaused { reason } => format!("no further host is started: {reason}"),
        EventKind::RolloutReturning { hosts } => format!("going back: {}", hosts.join(", ")),
        EventKind::RolloutInterrupted => INTERRUPTED.to_owned(),
        EventKind::Log { level: Level::Warning, host, text } => {
            let host = host.as_ref().map(|host| format!("{host}: ")).unwrap_or_default();
            let text = many_lines(&format!("{host}{text}")).replace('\n', "\n  ");
            return Some(format!("{} {text}", paint(YELLOW, "warning:")));
        }
        _ => return None,
    };
    Some(one_line(&line))
}

/// Formats the result of a host in a rollout; `None` if no change was tried on the host.
fn ended(end: &HostEnd) -> Option<String> {
    if matches!(end.outcome, Outcome::Unchanged | Outcome::Skipped | Outcome::Deferred) {
        return None;
    }
    let why = end.problem.as_ref().map(|problem| format!(": [{}] {}", problem.code, one_line(&problem.what)));
    let took = std::time::Duration::from_millis(end.duration_ms).as_secs_f64();
    let outcome = paint(outcome_style(end.outcome), end.outcome);
    Some(format!("{}: {outcome} in {took:.1} s{}", one_line(&end.host), why.unwrap_or_default()))
}
