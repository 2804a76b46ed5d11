//! Diagnostics that several parts have: the span that gives every event about a host its name, and attempts that are repeated.

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
