//! Progress on standard error: live on a terminal, plain lines otherwise.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use nixfleet_activate::report::Outcome;

use crate::event::{Event, Happening, Level, Listener};

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
            Happening::HostEnded(end) => self.done(&end.host, said(event, end.outcome)),
            _ => self.line(&event.happening),
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

    /// What is no host's, a line each.
    fn line(&self, happening: &Happening) {
        let line = match happening {
            Happening::WaveBegan { of: 1, .. } => return,
            Happening::WaveBegan { wave, of, hosts } => {
                format!("wave {wave} of {of}: {}", super::hosts(hosts.len()))
            }
            Happening::WaveSoaking { wave, seconds } => {
                format!("wave {wave}: watched for {}", super::time(*seconds))
            }
            Happening::RolloutPaused { reason } => format!("no further host is begun: {reason}"),
            Happening::RolloutReturning { hosts } => format!("going back: {}", hosts.join(", ")),
            Happening::Log { level: Level::Warning, host: Some(host), text } => {
                format!("warning: {host}: {text}")
            }
            Happening::Log { level: Level::Warning, host: None, text } => format!("warning: {text}"),
            _ => return,
        };
        self.suspend(|| super::err(super::clean(&line)));
    }

    /// Prints without disturbing the live lines.
    pub fn suspend(&self, print: impl FnOnce()) {
        match &self.0.live {
            Some(live) => live.suspend(print),
            None => print(),
        }
    }
}

/// The word for a host that a rollout is done with; nothing where nothing was done.
fn said(event: &Event, outcome: Outcome) -> Option<&'static str> {
    let is_quiet = matches!(outcome, Outcome::Unchanged | Outcome::Skipped | Outcome::Deferred);
    (event.rollout.is_some() && !is_quiet).then(|| outcome.as_str())
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}
