//! The output of `nixfleet history`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nixfleet_contract::generation::Generation;
use nixfleet_contract::outcome::Outcome;

use super::style::{BOLD, DIM, GREEN, RED, YELLOW, outcome_style, paint};
use super::table;
use nixfleet_operator::event::End;
use nixfleet_operator::history::{CommandEntry, CommandState, HostEntry};
use nixfleet_operator::text::one_line;

/// Maximum length of a command line in the list of commands, in characters.
const LINE: usize = 60;

/// Formats a list of commands. With `of_hosts`, each command has a row for each of its hosts, instead of a
/// single row with a summary.
pub fn entries(entries: &[CommandEntry], of_hosts: bool) -> String {
    list(entries, of_hosts, &TimeZone::system())
}

/// Formats everything that the history contains about a command. `others` are the other commands of the same
/// rollout.
pub fn entry(entry: &CommandEntry, others: &[CommandEntry]) -> String {
    single(entry, others, &TimeZone::system())
}

fn list(entries: &[CommandEntry], of_hosts: bool, zone: &TimeZone) -> String {
    let mut rows = Vec::new();
    for entry in entries {
        let head = [
            entry.id.to_string(),
            time(entry.began, zone, "%Y-%m-%d %H:%M"),
            one_line(&entry.operator),
            short(&line(entry)),
        ];
        if of_hosts {
            let host = |host: &HostEntry| {
                let problem =
                    host.problem.as_ref().map(|line| one_line(&line.to_string())).unwrap_or_default();
                let rest = [one_line(&host.host), word(host, entry.state), generations(host), problem];
                head.iter().cloned().chain(rest).collect()
            };
            rows.extend(entry.hosts.iter().map(host));
        } else {
            rows.push(head.into_iter().chain([result(entry)]).collect());
        }
    }
    let heading: &[&str] = if of_hosts {
        &["name", "began", "who", "command", "host", "outcome", "generation", ""]
    } else {
        &["name", "began", "who", "command", "result"]
    };
    table(heading, rows)
}

fn single(entry: &CommandEntry, others: &[CommandEntry], zone: &TimeZone) -> String {
    let mut text = format!("{}  nixfleet {}\n", paint(BOLD, &entry.id), one_line(&line(entry)));
    let mut say = |name: &str, what: &str| {
        let _ = writeln!(text, "  {name:<9}{}", one_line(what));
    };
    say("who", &entry.operator);
    say("when", &when(entry, zone));
    if let Some(flake) = &entry.flake {
        let revision = entry.revision.as_deref().map_or("without a revision", |revision| revision);
        say("fleet", &format!("{flake}, {revision}"));
    }
    if let Some(rollout) = &entry.rollout {
        let end = entry.end.map_or("its end is not known", End::as_str);
        let why = entry.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        say("rollout", &format!("{rollout}, {end}{why}"));
    }
    for other in others {
        say("see also", &format!("{}  {}", other.id, line(other)));
    }
    let _ = writeln!(text, "  {:<9}{}", "result", result(entry));
    if entry.state == CommandState::Interrupted {
        let _ = writeln!(
            text,
            "           the command was killed, or could no longer write the history; check the state of the \
             hosts: nixfleet status"
        );
    }
    if entry.hosts.is_empty() {
        return text;
    }
    let rows = entry.hosts.iter().map(|host| {
        let took = host.duration_ms.map(|took| seconds(Duration::from_millis(took))).unwrap_or_default();
        let problem = host.problem.as_ref().map(|line| one_line(&line.to_string())).unwrap_or_default();
        vec![one_line(&host.host), word(host, entry.state), generations(host), took, problem]
    });
    let _ = write!(text, "\n{}", table(&["host", "outcome", "generation", "took", ""], rows));
    text
}

fn when(entry: &CommandEntry, zone: &TimeZone) -> String {
    let began = time(entry.began, zone, "%Y-%m-%d %H:%M:%S %Z");
    match entry.ended {
        Some(ended) => {
            let took = Duration::try_from(ended.duration_since(entry.began)).unwrap_or_default();
            format!("{began}, took {}", seconds(took))
        }
        None => format!("began {began}"),
    }
}

/// Summarizes how a command ended.
fn result(entry: &CommandEntry) -> String {
    let word = match (entry.state, &entry.problem) {
        (CommandState::Running, _) => Some(paint(YELLOW, "running")),
        (CommandState::Interrupted, _) => Some(paint(RED, "interrupted")),
        (CommandState::Ended, Some(problem)) => Some(paint(RED, one_line(&problem.to_string()))),
        (CommandState::Ended, None) => match entry.end.filter(|end| *end != End::Complete) {
            Some(End::Declined) => Some(paint(YELLOW, End::Declined.as_str())),
            Some(end) => Some(paint(RED, end.as_str())),
            None if entry.hosts.is_empty() => Some(paint(DIM, "no hosts")),
            None => None,
        },
    };
    let mut counts: BTreeMap<(Option<Outcome>, &str), usize> = BTreeMap::new();
    for host in &entry.hosts {
        *counts.entry((host.outcome, host.word(entry.state))).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .into_iter()
        .map(|((outcome, word), count)| {
            let style = outcome.map_or(if word == "unknown" { RED } else { YELLOW }, outcome_style);
            paint(style, format_args!("{count} {word}"))
        })
        .collect();
    let counts = (!counts.is_empty()).then(|| counts.join(", "));
    [word, counts].into_iter().flatten().collect::<Vec<_>>().join(": ")
}

fn word(host: &HostEntry, state: CommandState) -> String {
    let word = host.word(state);
    let style = match host.outcome {
        Some(outcome) => outcome_style(outcome),
        None if word == "to change" => GREEN,
        None => RED,
    };
    match host.exit_code.filter(|code| *code != 0) {
        Some(code) => paint(style, format_args!("{word}, exit code {code}")),
        None => paint(style, word),
    }
}

fn generations(host: &HostEntry) -> String {
    let number = |generation: &Option<Generation>| generation.as_ref().map(|generation| generation.number);
    match (number(&host.before), number(&host.after)) {
        (before, after) if before == after => before.map_or_else(String::new, |number| number.to_string()),
        (Some(before), None) => before.to_string(),
        (None, Some(after)) => format!("none → {after}"),
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (None, None) => String::new(),
    }
}

/// Returns the command line without the word `nixfleet`.
fn line(entry: &CommandEntry) -> String {
    let quoted = entry.arguments.iter().map(|word| {
        let plain = shlex::try_quote(word).map(std::borrow::Cow::into_owned);
        plain.unwrap_or_else(|_| word.clone())
    });
    std::iter::once(entry.command.clone()).chain(quoted).collect::<Vec<_>>().join(" ")
}

fn short(text: &str) -> String {
    let text = one_line(text);
    if text.chars().count() <= LINE {
        return text;
    }
    text.chars().take(LINE - 1).chain(['…']).collect()
}

fn time(at: Timestamp, zone: &TimeZone, format: &str) -> String {
    at.to_zoned(zone.clone()).strftime(format).to_string()
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
