//! The display of progress on standard error: a live view on a terminal, plain lines otherwise.

mod board;
mod line;
mod live;
mod screen;
mod waits;

use std::ffi::OsStr;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Instant;

use nixfleet_operator::event::{Event, Listener};

pub use line::line;
use live::Live;

/// An event listener that shows the progress of a command.
#[derive(Clone)]
pub struct Progress {
    live: Option<Arc<Live>>,
}

impl Progress {
    /// Creates the display of progress. The display is a live view if standard error is a terminal that can
    /// move its cursor.
    pub fn new() -> Self {
        let kind = std::env::var_os("TERM");
        let is_drawn_on = std::io::stderr().is_terminal() && can_be_drawn_on(kind.as_deref());
        Self { live: is_drawn_on.then(|| Arc::new(Live::on_terminal())) }
    }

    /// Runs `print`, which may print lines without disturbing the live view.
    pub fn suspend(&self, print: impl FnOnce()) {
        match &self.live {
            Some(live) => live.suspend(print),
            None => print(),
        }
    }
}

impl Listener for Progress {
    fn name(&self) -> &'static str {
        "progress"
    }

    fn hear(&mut self, event: &Event) -> anyhow::Result<()> {
        let stays = line(event);
        match &self.live {
            Some(live) => {
                live.hear(&event.kind, Instant::now());
                if let Some(line) = stays {
                    live.suspend(|| super::err(&line));
                }
            }
            None => {
                if let Some(line) = stays {
                    super::err(format_args!("{:.0} {line}", event.time));
                }
            }
        }
        Ok(())
    }
}

/// Returns whether a terminal can move its cursor. `kind` is the value of the environment variable `TERM`.
fn can_be_drawn_on(kind: Option<&OsStr>) -> bool {
    kind.is_some_and(|kind| !kind.is_empty() && kind != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_drawn_on_a_terminal_that_only_takes_lines() {
        assert!(can_be_drawn_on(Some("xterm-256color".as_ref())));
        for kind in [None, Some(""), Some("dumb")] {
            assert!(!can_be_drawn_on(kind.map(OsStr::new)), "{kind:?}");
        }
    }
}
