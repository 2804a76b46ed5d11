//! What each operation works with.

use std::time::Instant;

use nixfleet_contract::problem::Problem;

use crate::diagnostics;
use crate::event::{Bus, EventKind, Level, RolloutId, Stage};
use crate::interrupt::Interrupt;
use crate::nix::Show;

/// One operation: its name, whom it tells what happens, and whether to stop.
#[derive(Clone)]
pub struct Context {
    /// The id of the operation. If it begins a rollout, the rollout has the same one.
    pub id: RolloutId,
    /// The command, as the history names it: `apply`.
    pub command: &'static str,
    /// The user's wish to stop.
    pub interrupt: Interrupt,
    /// Listeners hear of everything here.
    pub events: Bus,
    /// Who is shown what Nix says while it works, line by line.
    pub show: Show,
}

impl Context {
    /// Does the work of a stage, and tells when it begins and ends.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn stage<T>(
        &self,
        stage: Stage,
        work: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        self.events.say(EventKind::StageBegan { stage });
        let began = Instant::now();
        let result = work.await;
        let problem = result.as_ref().err().cloned();
        self.events.say(EventKind::StageEnded { stage, duration_ms: milliseconds(began), problem });
        result
    }

    /// Warns of something about a host, or about the whole.
    pub fn warn(&self, host: Option<&str>, text: &str) {
        let (host, text) = (host.map(str::to_owned), text.to_owned());
        self.events.say(EventKind::Log { level: Level::Warning, host, text });
    }
}

/// The time since then in milliseconds.
#[must_use]
pub fn milliseconds(since: Instant) -> u64 {
    diagnostics::milliseconds(since.elapsed())
}
