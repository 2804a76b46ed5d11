//! Diagnostics of the program: events of the `tracing` crate, printed on standard error if `-vv` or
//! environment variables request them.

use std::env;
use std::io::{self, Write};

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_operator::text::{json_line, one_line};
use serde_json::value::RawValue;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::render::{self, Progress};

/// The environment variable that selects which diagnostic events are printed.
const FILTER: &str = "NIXFLEET_LOG";
/// The environment variable that selects the format of diagnostic events.
const FORMAT: &str = "NIXFLEET_LOG_FORMAT";
/// The prefix that the `tracing` targets of all events of this program have in common.
const OURS: &str = "nixfleet";

/// The format in which diagnostic events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

/// The diagnostic events that the user requested, and their format.
#[derive(Debug)]
pub struct Diagnostics {
    filter: EnvFilter,
    format: Format,
}

impl Diagnostics {
    /// Determines which diagnostics are requested. The environment takes precedence over `verbosity`, the
    /// number of `-v` flags. Returns `None` if no diagnostics are requested.
    ///
    /// # Errors
    /// [`Code::Usage`] if an environment variable is not valid.
    pub fn wanted(verbosity: u8) -> Result<Option<Self>, Problem> {
        Self::of(variable(FILTER)?.as_deref(), variable(FORMAT)?.as_deref(), verbosity)
    }

    fn of(filter: Option<&str>, format: Option<&str>, verbosity: u8) -> Result<Option<Self>, Problem> {
        let format = match format {
            None | Some("text") => Format::Text,
            Some("json") => Format::Json,
            Some(other) => return Err(wrong(FORMAT, format!("`{other}` is neither text nor json"))),
        };
        let filter = match (filter, verbosity) {
            (Some(filter), _) => parse(filter)?,
            (None, 0 | 1) => return Ok(None),
            (None, 2) => EnvFilter::new(format!("{OURS}=debug")),
            (None, 3..) => EnvFilter::new(format!("{OURS}=trace")),
        };
        Ok(Some(Self { filter, format }))
    }

    /// Starts to write diagnostic events to standard error, above the live view of `progress`.
    pub fn begin(self, progress: Progress) {
        let Self { filter, format } = self;
        let lines = Lines { progress, format };
        let subscriber =
            tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(lines);
        // Setting the subscriber cannot fail, because no other subscriber was set before.
        let _ = match format {
            Format::Text => tracing::subscriber::set_global_default(subscriber.finish()),
            Format::Json => tracing::subscriber::set_global_default(
                subscriber.json().flatten_event(true).with_span_list(false).finish(),
            ),
        };
    }
}

/// Returns the value of an environment variable, unless it is blank.
fn variable(name: &str) -> Result<Option<String>, Problem> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.trim().is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(wrong(name, error.to_string())),
    }
}

/// Parses the directives of [`FILTER`]. The `tracing` crates interpret a word that is not a level as a
/// target, even if no event has this target. This function refuses such a word unless it starts with
/// [`OURS`], since it is most likely a mistyped level.
fn parse(filter: &str) -> Result<EnvFilter, Problem> {
    for word in filter.split(',').map(str::trim).filter(|word| !word.contains(['=', '['])) {
        if word.parse::<LevelFilter>().is_err() && !word.starts_with(OURS) {
            return Err(wrong(FILTER, format!("`{word}` is not a level")));
        }
    }
    EnvFilter::try_new(filter).map_err(|error| wrong(FILTER, format!("`{filter}`: {error}")))
}

fn wrong(name: &str, why: String) -> Problem {
    let help = match name {
        FORMAT => format!("set it to text or json: {FORMAT}=json"),
        _ => format!(
            "set it to off, error, warn, info, debug or trace, or to a list of TARGET=LEVEL: \
             {FILTER}=debug, {FILTER}={OURS}::ssh=trace,info"
        ),
    };
    Problem::new(Code::Usage, format!("the value of {name} is not valid")).because(why).help(help)
}

/// A writer that prints each diagnostic event as a line. Events may contain text from hosts, so invisible
/// characters are escaped.
#[derive(Clone)]
struct Lines {
    progress: Progress,
    format: Format,
}

impl Lines {
    fn line(&self, event: &str) -> String {
        match self.format {
            Format::Text => one_line(event),
            Format::Json => json(event).unwrap_or_else(|_| one_line(event)),
        }
    }
}

/// Returns the JSON value in `event` with invisible characters escaped.
fn json(event: &str) -> serde_json::Result<String> {
    let raw: &RawValue = serde_json::from_str(event)?;
    let mut line = Vec::new();
    json_line(&mut line, &raw, true)?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

impl Write for Lines {
    /// Writes one whole event: `tracing-subscriber` passes each event in a single call.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = self.line(String::from_utf8_lossy(event).trim_end());
        self.progress.suspend(|| render::err(line));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(filter: Option<&str>, verbosity: u8) -> Option<String> {
        Diagnostics::of(filter, None, verbosity).unwrap().map(|wanted| wanted.filter.to_string())
    }

    #[test]
    fn the_environment_counts_before_the_flag() {
        assert_eq!(shown(None, 0), None);
        assert_eq!(shown(None, 1), None, "-v shows results whole, and nothing else");
        assert_eq!(shown(None, 2).as_deref(), Some("nixfleet=debug"));
        assert_eq!(shown(None, 9).as_deref(), Some("nixfleet=trace"));
        assert_eq!(shown(Some("off"), 3).as_deref(), Some("off"));
        assert_eq!(shown(Some("nixfleet::ssh=trace"), 0).as_deref(), Some("nixfleet::ssh=trace"));
    }

    #[test]
    fn what_is_wrong_says_what_is_right() {
        for (filter, format) in [
            (Some("dbug"), None),
            (Some("nixfleet=lots"), None),
            (Some("nixfleet[host=debug"), None),
            (None, Some("xml")),
        ] {
            let problem = Diagnostics::of(filter, format, 0).unwrap_err();
            assert_eq!(problem.code, Code::Usage);
            let right = if format.is_some() { "NIXFLEET_LOG_FORMAT=json" } else { "NIXFLEET_LOG=debug" };
            assert!(problem.help.as_deref().is_some_and(|help| help.contains(right)), "{problem}");
        }
    }

    #[test]
    fn an_event_is_one_line_that_steers_no_terminal() {
        let lines = |format| Lines { progress: Progress::new(), format };
        let said = "a\nb\u{1b}[2J\u{202e}";
        assert_eq!(lines(Format::Text).line(said), "a␊b␛[2J\\u{202e}");
        let event = serde_json::json!({ "why": said }).to_string();
        let line = lines(Format::Json).line(&event);
        assert!(line.is_ascii() && !line.contains('\u{1b}'), "{line}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap()["why"], said);
    }
}
