//! Progress on standard error: a live board on a terminal, plain lines otherwise.

mod board;
mod line;
mod live;

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Instant;

use crate::event::{Event, Listener};

use line::line;
use live::Live;

/// Tells what is being done.
#[derive(Clone)]
pub struct Progress {
    live: Option<Arc<Live>>,
}

impl Progress {
    /// Live where standard error is a terminal.
    pub fn new() -> Self {
        Self { live: std::io::stderr().is_terminal().then(|| Arc::new(Live::on_terminal())) }
    }

    /// Prints without disturbing what is live.
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
                live.hear(&event.happening, Instant::now());
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
