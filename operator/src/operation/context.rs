//! The context in which an operation runs.

use std::time::Instant;

use nixfleet_contract::problem::Problem;

use crate::diagnostics;
use crate::event::{Bus, EventKind, Level, RolloutId, Stage};
use crate::interrupt::Interrupt;
use crate::nix::Show;

/// The context of one operation: its id, its events, and whether the user wants to stop it.
#[derive(Clone)]
pub struct Context {
    /// The id of the operation. If the operation starts a rollout, the rollout has the same id.
    pub id: RolloutId,
    /// The name of the command in the history, such as `apply`.
    pub command: &'static str,
    /// Tells whether the user has asked to stop the operation.
    pub interrupt: Interrupt,
    /// The bus that passes events to all listeners.
    pub events: Bus,
    /// The callback that receives each line that Nix prints while it works.
    pub show: Show,
}

impl Context {
    /// Runs the work of a stage, and reports when the stage starts and ends.
    ///
    /// # Errors
    /// Fails with the error that the work returns.
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

    /// Warns about a host, or about the operation as a whole.
    pub fn warn(&self, host: Option<&str>, text: &str) {
        let (host, text) = (host.map(str::to_owned), text.to_owned());
        self.events.say(EventKind::Log { level: Level::Warning, host, text });
    }
}

/// Returns the time elapsed since an instant, in milliseconds.
#[must_use]
pub fn milliseconds(since: Instant) -> u64 {
    diagnostics::milliseconds(since.elapsed())
}
