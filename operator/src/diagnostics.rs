//! Helpers for logging: a span that adds the name of a host to log events, and the log event for an attempt
//! that failed and will be repeated.

use std::time::Duration;

use nixfleet_contract::problem::Problem;
use tracing::{Instrument as _, Span, debug, info_span};

/// The name of the `tracing` span that has the field `host`. A span `host` with a field `name` is not
/// possible, because the JSON log format stores the name of a span under `name`.
const WORK: &str = "work";

/// Runs a future within the `tracing` span of a host. If the span of a host is already active, the future
/// runs in that span.
pub fn of_host<F: Future>(name: &str, work: F) -> impl Future<Output = F::Output> + use<F> {
    let current = Span::current();
    let is_within = current.metadata().is_some_and(|span| span.name() == WORK);
    work.instrument(if is_within { current } else { info_span!(WORK, host = name) })
}

/// Logs that an attempt failed and will be repeated after at least `pause`.
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

/// Returns a duration in whole milliseconds. All log events state durations in milliseconds.
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

    /// The log output captured from this thread.
    #[derive(Clone, Default)]
    pub struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Captured {
        /// Returns the captured output as text.
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

    /// Captures log events of this thread while the returned guard exists.
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
