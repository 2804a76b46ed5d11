//! Diagnostics that several parts have: the span that gives every event about a host its name, and attempts
//! that are repeated.

use std::time::Duration;

use nixfleet_contract::problem::Problem;
use tracing::{Instrument as _, Span, debug, info_span};

/// The name of the span. Not `host`: in JSON, `name` is taken for this.
const WORK: &str = "work";

/// Works within the span of a host. Work that is within one already keeps it.
pub fn of_host<F: Future>(name: &str, work: F) -> impl Future<Output = F::Output> + use<F> {
    let current = Span::current();
    let is_within = current.metadata().is_some_and(|span| span.name() == WORK);
    work.instrument(if is_within { current } else { info_span!(WORK, host = name) })
}

/// Tells that something failed and is tried again after a pause, at least.
pub fn retried(what: &'static str, attempt: u32, pause: Duration, problem: &Problem) {
    debug!(
        target: "nixfleet::retry",
        what,
        attempt,
        delay_ms = milliseconds(pause),
        code = %problem.code,
        why = problem.why.as_deref().unwrap_or(&problem.what).trim(),
        "tried again"
    );
}

/// A duration as all events have it.
#[must_use]
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub use capture::captured;

#[cfg(test)]
mod capture {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::Level;
    use tracing::subscriber::DefaultGuard;

    /// What was told on this thread.
    #[derive(Clone, Default)]
    pub struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Captured {
        /// All of it.
        pub fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl io::Write for Captured {
        fn write(&mut self, event: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(event);
            Ok(event.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Captures what is told on this thread as long as the guard is held.
    pub fn captured() -> (Captured, DefaultGuard) {
        let captured = Captured::default();
        let lines = captured.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .without_time()
            .with_ansi(false)
            .with_writer(move || lines.clone())
            .finish();
        (captured, tracing::subscriber::set_default(subscriber))
    }
}
