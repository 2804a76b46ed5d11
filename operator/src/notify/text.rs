//! Formats a message as plain text.

use std::time::Duration;

use nixfleet_contract::notification::Moment;

use super::message::Message;
use crate::event::End;

/// The maximum number of hosts that a text names.
const NAMED: usize = 5;

/// Returns the headline of a message. Apart from names, the headline is ASCII.
pub fn title(message: &Message) -> String {
    let command = &message.command;
    let word = match (message.event, message.end) {
        (Moment::Start, _) if message.resumed => "goes on",
        (Moment::Start, _) => "begins",
        (Moment::Success, _) => "is complete",
        (_, Some(End::Complete)) => "is complete, with failures",
        (_, Some(end)) => end.as_str(),
        (_, None) => "ended",
    };
    let hosts = crate::text::hosts(message.hosts);
    crate::text::one_line(&format!("{command} to {hosts}: {word}"))
}

/// Returns the text below the headline of a message, in lines.
pub fn body(message: &Message) -> String {
    let mut lines = Vec::new();
    let rest: Vec<&str> = message.flake.iter().chain(&message.revision).map(String::as_str).collect();
    let fleet = if rest.is_empty() { String::new() } else { format!(", {}", rest.join(" at ")) };
    lines.push(format!("{}: {}{fleet}", message.rollout, message.operator));
    if message.event == Moment::Start && message.waves > 1 {
        lines.push(format!("{} waves", message.waves));
    }
    if !message.outcomes.is_empty() {
        let counts: Vec<String> =
            message.outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        let took = message.duration_ms.map(Duration::from_millis).unwrap_or_default();
        lines.push(format!("{} in {:.1} s", counts.join(", "), took.as_secs_f64()));
    }
    lines.extend(message.reason.clone());
    for failed in message.failed.iter().take(NAMED) {
        let why = failed.problem.as_ref().map(|line| format!(" {line}")).unwrap_or_default();
        lines.push(format!("{}: {}{why}", failed.host, failed.outcome));
    }
    if message.failed.len() > NAMED {
        lines.push(format!("and {} more", message.failed.len() - NAMED));
    }
    lines.extend(message.next.iter().map(|line| format!("next: {line}")));
    let lines: Vec<String> = lines.iter().map(|line| crate::text::one_line(line)).collect();
    lines.join("\n")
}
