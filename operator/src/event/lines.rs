//! The `--events` option: prints each event as a line of JSON.

use std::io::Write;

use super::{Event, Listener};

/// A listener that writes each event as it occurs.
pub struct Lines<W> {
    writer: W,
    is_terminal: bool,
}

impl<W: Write + Send> Lines<W> {
    /// Creates a listener that writes to `writer`.
    pub const fn new(writer: W, is_terminal: bool) -> Self {
        Self { writer, is_terminal }
    }
}

impl<W: Write + Send> Listener for Lines<W> {
    fn name(&self) -> &'static str {
        "--events"
    }

    fn hear(&mut self, event: &Event) -> anyhow::Result<()> {
        let mut line = Vec::new();
        crate::text::json_line(&mut line, event, self.is_terminal)?;
        self.writer.write_all(&line)?;
        // Flush, since readers of the output need each event immediately.
        Ok(self.writer.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::outcome::Outcome;
    use nixfleet_contract::problem::{Code, Problem};

    use super::*;
    use crate::event::{EventKind, HostEnd, Phase};

    #[test]
    fn an_event_is_one_line_and_reads_back_as_the_same() {
        let end = HostEnd {
            host: "web-1".into(),
            outcome: Outcome::RolledBack,
            reason_code: None,
            problem: Some(Problem::new(Code::Unit, "web.service did not start").because("two\nlines")),
            before: None,
            after: None,
            exit_code: None,
            duration_ms: 12,
        };
        let mut written = Vec::new();
        let mut lines = Lines::new(&mut written, false);
        for kind in [
            EventKind::HostPhase { host: "web-1".into(), phase: Phase::RollingBack },
            EventKind::HostEnded(end),
            EventKind::RolloutInterrupted,
        ] {
            let event = Event { time: jiff::Timestamp::UNIX_EPOCH, ..Event::now(None, kind) };
            lines.hear(&event).unwrap();
            let read: Event = serde_json::from_slice(&serde_json::to_vec(&event).unwrap()).unwrap();
            assert_eq!(read, event);
        }
        let written = String::from_utf8(written).unwrap();
        expect_test::expect![[r#"
            {"schema":1,"time":"1970-01-01T00:00:00Z","event":"hostPhase","host":"web-1","phase":"rollingBack"}
            {"schema":1,"time":"1970-01-01T00:00:00Z","event":"hostEnded","host":"web-1","outcome":"rolled-back","problem":{"code":"NF-406","what":"web.service did not start","why":"two\nlines"},"durationMs":12}
            {"schema":1,"time":"1970-01-01T00:00:00Z","event":"rolloutInterrupted"}
        "#]]
        .assert_eq(&written);
    }
}
