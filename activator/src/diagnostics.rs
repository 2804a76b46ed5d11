//! Writes each event of the `tracing` library as a line to standard error, for diagnosis.
//!
//! If standard error is the systemd journal, each line carries its priority. Otherwise, nothing is written
//! unless `NIXFLEET_LOG` names a level, because the operator's machine reads the standard error of the
//! activator.

use std::env;
use std::fmt::{self, Debug, Write as _};
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::fstat;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber, debug};

/// The time to wait for a systemd journal that accepts no data. After this time, the journal gets no more
/// lines, because a change must not depend on it.
const PATIENCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Starts to write events to standard error, unless the level is `OFF`.
pub fn begin() {
    let is_journal = is_journal(env::var("JOURNAL_STREAM").ok().as_deref(), io::stderr());
    let asked = env::var("NIXFLEET_LOG").ok().and_then(|level| level.parse().ok());
    let level = asked.unwrap_or(if is_journal { LevelFilter::DEBUG } else { LevelFilter::OFF });
    if level != LevelFilter::OFF {
        let lines = Lines { is_journal, level, is_stuck: AtomicBool::new(false) };
        // This cannot fail: no subscriber was set before.
        let _ = tracing::subscriber::set_global_default(lines);
    }
}

/// Logs that an attempt failed and will be repeated after `pause`.
pub fn retried(what: &'static str, attempt: u32, pause: Duration, why: &dyn fmt::Display) {
    debug!(target: "nixfleet::retry", what, attempt, delay_ms = pause.as_millis(), %why, "tried again");
}

/// Whether systemd names this stream in `JOURNAL_STREAM`, as `DEVICE:INODE`.
fn is_journal(named: Option<&str>, stream: impl AsFd) -> bool {
    named.is_some_and(|named| {
        fstat(stream).is_ok_and(|found| named == format!("{}:{}", found.st_dev, found.st_ino))
    })
}

/// A subscriber that writes each event as a line.
struct Lines {
    is_journal: bool,
    level: LevelFilter,
    /// Whether the journal stopped accepting data.
    is_stuck: AtomicBool,
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    // Spans are disabled, so the id does not matter.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if self.is_stuck.load(Ordering::Relaxed) {
            return;
        }
        let stream = io::stderr();
        let mut watched = [PollFd::new(&stream, PollFlags::OUT)];
        if poll(&mut watched, Some(&PATIENCE)).is_ok_and(|ready| ready == 0) {
            self.is_stuck.store(true, Ordering::Relaxed);
            return;
        }
        // Ignore errors: there is no other place to report them.
        let _ = stream.lock().write_all(line(event, self.is_journal).as_bytes());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Formats an event as a line. For the journal, the line starts with the priority, as in sd-daemon(3).
fn line(event: &Event<'_>, is_journal: bool) -> String {
    let mut line = String::new();
    if is_journal {
        line.push_str(priority(*event.metadata().level()));
    }
    event.record(&mut Words(&mut line));
    line.push('\n');
    line
}

fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        _ => "<7>",
    }
}

/// A visitor that appends the message of an event, then ` NAME=VALUE` for each field. Control characters
/// become spaces, so that the text stays on one line.
struct Words<'a>(&'a mut String);

impl Visit for Words<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() != "message" {
            let _ = write!(self.0, " {}=", field.name());
        }
        let _ = write!(OneLine(self.0), "{value:?}");
    }
}

struct OneLine<'a>(&'a mut String);

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend(text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }));
        Ok(())
    }
}

#[cfg(test)]
pub(crate) use capture::written;

#[cfg(test)]
mod capture {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A subscriber that collects the lines instead of writing them.
    struct Kept {
        lines: Lines,
        text: Arc<Mutex<String>>,
    }

    impl Subscriber for Kept {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            self.lines.enabled(metadata)
        }

        fn new_span(&self, span: &Attributes<'_>) -> Id {
            self.lines.new_span(span)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            self.text.lock().unwrap().push_str(&line(event, self.lines.is_journal));
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    /// Returns the lines that would be written while `work` runs on this thread.
    pub fn written(is_journal: bool, level: LevelFilter, work: impl FnOnce()) -> String {
        let text = Arc::default();
        let lines = Lines { is_journal, level, is_stuck: AtomicBool::new(false) };
        tracing::subscriber::with_default(Kept { lines, text: Arc::clone(&text) }, work);
        let text = text.lock().unwrap();
        text.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::MetadataExt as _;

    use tracing::{info, warn};

    use super::*;

    #[test]
    fn each_event_is_one_line_of_its_priority() {
        let work = || {
            debug!(duration_ms = 5, exit = Some(3), program = %"systemctl", "process ended");
            info!(generation = 7, "committed");
            warn!(problem = %"[NF-406] a\n<0>b", "change failed");
        };
        expect_test::expect![[r"
            <7>process ended duration_ms=5 exit=3 program=systemctl
            <6>committed generation=7
            <4>change failed problem=[NF-406] a <0>b
        "]]
        .assert_eq(&written(true, LevelFilter::DEBUG, work));
        expect_test::expect![[r"
            committed generation=7
            change failed problem=[NF-406] a <0>b
        "]]
        .assert_eq(&written(false, LevelFilter::INFO, work));
    }

    #[test]
    fn only_the_stream_that_systemd_names_is_the_journal() {
        let file = File::open("/dev/null").unwrap();
        let found = file.metadata().unwrap();
        let named = format!("{}:{}", found.dev(), found.ino());
        assert!(is_journal(Some(&named), &file));
        for other in [None, Some(""), Some("1:1")] {
            assert!(!is_journal(other, &file), "{other:?}");
        }
    }
}
