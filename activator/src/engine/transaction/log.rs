//! Logs the results of journal entries. The messages never include the contents of files. The message about a
//! command includes only the program of the command, without its arguments.

use std::fmt;

use nixfleet_contract::problem::{Code, Problem};
use tracing::{debug, warn};

use super::journal::written::WrittenEntry;
use crate::engine::family::JournalEntry;
use crate::engine::family::commands::entry::CommandEntry;

/// The maximum number of entries for which each success is logged. journald drops messages of a service
/// beyond 10,000 in 30 seconds, and an important warning could be among the dropped messages.
const EACH: usize = 200;

/// Logs the results of the entries of one transaction.
#[derive(Clone, Copy, Debug)]
pub struct EntryLog {
    doing: &'static str,
    each: bool,
}

impl EntryLog {
    /// Creates a logger for this number of entries. `doing` describes a success in the messages, for example
    /// `carried out`.
    #[must_use]
    pub fn of(doing: &'static str, entries: usize) -> Self {
        let each = entries <= EACH;
        if !each {
            debug!(entries, "too many steps to tell of each: {doing}");
        }
        Self { doing, each }
    }

    /// Logs the result of an entry.
    pub fn ended(self, entry: &JournalEntry, ended: Result<(), &Problem>) {
        match ended {
            Ok(()) if self.each => debug!("{}: {}", self.doing, Shown(entry)),
            Ok(()) => {}
            Err(problem) => warn!("not {}: {}: {}", self.doing, Shown(entry), Brief(problem)),
        }
    }
}

/// Formats an entry for a log message.
struct Shown<'a>(&'a JournalEntry);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            JournalEntry::Command(CommandEntry::RunCommand { step, .. }) => {
                write!(f, "run {}", step.command.first().map_or("", String::as_str))
            }
            entry @ (JournalEntry::Account(_)
            | JournalEntry::Path(_)
            | JournalEntry::Profile(_)
            | JournalEntry::Unit(_)
            | JournalEntry::System(_)) => write!(f, "{}", WrittenEntry::from(entry.clone()).step.line()),
        }
    }
}

/// Formats a problem without its reason, which may quote a tool or a file, and without command lines.
pub struct Brief<'a>(pub &'a Problem);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { code, what, location, .. } = self.0;
        write!(f, "[{code}] {what}")?;
        match location {
            Some(location) if *code != Code::Command => write!(f, " ({location})"),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::level_filters::LevelFilter;

    use super::*;
    use crate::diagnostics::written;

    /// Returns an entry whose command line contains a secret.
    fn entry() -> JournalEntry {
        let entry = serde_json::json!({
            "step": {
                "step": "runCommand", "command": ["/opt/load", "--password", "hunter2"], "paths": ["/etc/a"],
            },
            "facts": { "of": "command", "back": [["/opt/load", "hunter2"]] },
        });
        serde_json::from_value(entry).unwrap()
    }

    #[test]
    fn a_problem_is_told_without_what_may_quote_a_secret() {
        let problem = |code| Problem::new(code, "it failed").at("/bin/x hunter2").because("hunter2");
        assert_eq!(Brief(&problem(Code::Command)).to_string(), "[NF-422] it failed");
        let problem =
            Problem::new(Code::Unit, "it failed").at("a.service").because("hunter2").help("hunter2");
        assert!(Brief(&problem).to_string().ends_with("it failed (a.service)"), "{}", Brief(&problem));
    }

    #[test]
    fn of_a_command_only_the_program_is_told() {
        assert_eq!(Shown(&entry()).to_string(), "run /opt/load");
    }

    #[test]
    fn of_many_entries_only_their_number_and_the_failures_are_told() {
        let (entry, problem) = (entry(), Problem::new(Code::Command, "it failed"));
        let of = |entries| {
            written(false, LevelFilter::DEBUG, || {
                let log = EntryLog::of("carried out", entries);
                log.ended(&entry, Ok(()));
                log.ended(&entry, Err(&problem));
            })
        };
        expect_test::expect![[r"
            carried out: run /opt/load
            not carried out: run /opt/load: [NF-422] it failed
        "]]
        .assert_eq(&of(EACH));
        expect_test::expect![[r"
            too many steps to tell of each: carried out entries=201
            not carried out: run /opt/load: [NF-422] it failed
        "]]
        .assert_eq(&of(EACH + 1));
    }
}
