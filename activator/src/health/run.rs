//! Runs all health checks of one side, the host or the operator, in parallel, with their delays, retries and
//! limits.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nixfleet_contract::backoff::Backoff;
use nixfleet_contract::health::check::Check;
use nixfleet_contract::health::result::CheckResult;
use tracing::{Span, debug};

use super::probe::{Finding, attempt};
use super::vantage::Vantage;

/// The first pause between two attempts. Each further pause is twice as long, up to the interval of the
/// check. The first pause is short because most services need only a moment after their start.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The interval at which `run` looks whether the health checks were cancelled.
const PACE: Duration = Duration::from_millis(50);
/// The time that cancelled checks get to stop their commands. Checks that still wait for a server after this
/// time are abandoned.
const END: Duration = Duration::from_millis(500);

/// A handle that cancels running checks. All clones share the same state.
#[derive(Clone, Debug, Default)]
pub struct Call(Arc<(Mutex<bool>, Condvar)>);

impl Call {
    /// Cancels the checks. Their commands are killed, and any other work is abandoned.
    pub fn off(&self) {
        let (off, changed) = &*self.0;
        *off.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Whether the checks are cancelled.
    #[must_use]
    pub fn is_off(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a time, or until the checks are cancelled. Returns whether they are cancelled.
    #[must_use]
    pub fn off_within(&self, time: Duration) -> bool {
        let (off, changed) = &*self.0;
        let off = off.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(off, time, |off| !*off);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Runs checks in parallel until each has passed or used up its retries, or until they are cancelled. The
/// results are in the order of the checks.
#[must_use]
pub fn run(checks: &[&Check], from: &Vantage, call: &Call) -> Vec<CheckResult> {
    let (sender, results) = channel();
    for (place, check) in checks.iter().enumerate() {
        let (own, check, from, call) = (sender.clone(), Check::clone(check), from.clone(), call.clone());
        let span = Span::current();
        let trying = move || span.in_scope(|| own.send((place, one(&check, &from, &call))));
        if let Err(error) = thread::Builder::new().spawn(trying) {
            let why = format!("no thread could be started for it: {error}");
            // Sending cannot fail: the receiver lives until the end of this function.
            let _ = sender.send((place, CheckResult::untried(checks[place], &why)));
        }
    }
    drop(sender);
    let mut found: Vec<Option<CheckResult>> = vec![None; checks.len()];
    collect(&results, &mut found, call);
    let why = if call.is_off() { CALLED_OFF } else { "the check failed because of a bug" };
    let all = checks.iter().zip(found);
    all.map(|(check, found)| found.unwrap_or_else(|| CheckResult::untried(check, why))).collect()
}

/// Collects results until all checks have ended, or until the checks are cancelled and the time limit for
/// stopping has passed.
fn collect(results: &Receiver<(usize, CheckResult)>, found: &mut [Option<CheckResult>], call: &Call) {
    let mut deadline = None;
    loop {
        match results.recv_timeout(PACE) {
            Ok((place, result)) => found[place] = Some(result),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) if call.is_off() => {
                if Instant::now() >= *deadline.get_or_insert_with(|| Instant::now() + END) {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// The detail text in the result of a cancelled check.
const CALLED_OFF: &str = "it was cancelled";

fn one(check: &Check, from: &Vantage, call: &Call) -> CheckResult {
    let began = Instant::now();
    let mut finding = Err(CALLED_OFF.to_owned());
    let mut attempts = 0;
    let mut backoff = Backoff::new(FIRST_PAUSE, Duration::from_secs(check.interval));
    let mut called_off = call.off_within(Duration::from_secs(check.start_delay));
    while !called_off {
        finding = attempt(check, from, call);
        attempts += 1;
        if finding.is_ok() || attempts > check.retries {
            break;
        }
        let pause = backoff.pause();
        debug!(
            target: "nixfleet::retry",
            check = %check.name,
            attempt = attempts,
            delay_ms = pause.as_millis(),
            "health check failed, tried again"
        );
        called_off = call.off_within(pause);
    }
    let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (passed, Finding(detail)) = match finding {
        Ok(found) => (true, found),
        Err(why) => (false, Finding(why)),
    };
    CheckResult::of(check, passed, attempts, took, &detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_may_fail_as_often_as_it_likes() {
        let check = serde_json::json!({
            "name": "never", "kind": "command", "command": ["/bin/false"], "interval": 0, "retries": 80,
            "timeout": 5, "startDelay": 0, "from": "host", "onFailure": "stop",
        });
        let check: Check = serde_json::from_value(check).unwrap();
        let result = run(&[&check], &Vantage::default(), &Call::default()).remove(0);
        assert_eq!((result.passed, result.attempts, result.detail.as_str()), (false, 81, "exit code 1"));
    }
}
