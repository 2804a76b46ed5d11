//! Progress on standard error: live on a terminal, plain lines otherwise.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::event::{Event, Happening, Listener};

/// What hosts are being worked on, and how.
#[derive(Clone)]
pub struct Progress(Arc<Inner>);

struct Inner {
    live: Option<MultiProgress>,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
}

/// How often a live line moves.
const TICK: Duration = Duration::from_millis(120);
/// What a live line that is about no host is kept under.
const WHOLE: &str = "";

impl Listener for Progress {
    fn name(&self) -> &'static str {
        "progress"
    }

    fn hear(&mut self, event: &Event) -> anyhow::Result<()> {
        match &event.happening {
            Happening::StageBegan { stage } => self.doing(WHOLE, stage.as_str()),
            Happening::StageEnded { .. } => self.done(WHOLE, None),
            Happening::HostPhase { host, phase } => self.doing(host, phase.as_str()),
            Happening::HostPlanned { host, .. } => self.done(host, None),
            Happening::HostEnded(end) if event.rollout.is_some() => {
                self.done(&end.host, Some(end.outcome.as_str()));
            }
            Happening::HostEnded(end) => self.done(&end.host, None),
            _ => {}
        }
        Ok(())
    }
}

impl Progress {
    /// Live where standard error is a terminal.
    pub fn new() -> Self {
        let live = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self(Arc::new(Inner { live, bars: Mutex::default() }))
    }

    /// Says what is being done about a host, or about the whole. Without a terminal nothing is said: only what is
    /// finished makes a line there.
    fn doing(&self, host: &str, what: &str) {
        let Some(live) = &self.0.live else { return };
        let mut bars = self.0.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bars.entry(host.to_owned()).or_insert_with(|| {
            let bar = live.add(ProgressBar::new_spinner().with_style(style()));
            bar.enable_steady_tick(TICK);
            bar
        });
        bar.set_message(if host == WHOLE { what.to_owned() } else { format!("{host}: {what}") });
    }

    /// Takes a host off the live lines; a line stays if there is something to say.
    fn done(&self, host: &str, what: Option<&str>) {
        if let Some(bar) = self.0.bars.lock().unwrap_or_else(PoisonError::into_inner).remove(host) {
            bar.finish_and_clear();
        }
        if let Some(what) = what {
            self.suspend(|| super::err(format_args!("{host}: {what}")));
        }
    }

    /// Prints without disturbing the live lines.
    pub fn suspend(&self, print: impl FnOnce()) {
        match &self.0.live {
            Some(live) => live.suspend(print),
            None => print(),
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}
