//! All health checks of one side at once, each with its delays, retries and limits.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::check::Check;
use super::probe::{Finding, attempt};
use super::result::CheckResult;

/// The first pause between two attempts; each further one is twice as long, up to the check's interval. A service that
/// has just started needs a moment, most often a short one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Calls checks off that are under way: they end after the attempt they are at.
#[derive(Debug, Default)]
pub struct Call {
    off: Mutex<bool>,
    changed: Condvar,
}

impl Call {
    /// Calls them off.
    pub fn off(&self) {
        *self.off.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits. Says whether they are called off meanwhile.
    #[must_use]
    pub fn off_within(&self, time: Duration) -> bool {
        let off = self.off.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(off, time, |off| !*off);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Tries checks, all at once, until each has passed or failed for good. The results are in their order.
#[must_use]
pub fn run(checks: &[&Check], path: &str, call: &Call) -> Vec<CheckResult> {
    thread::scope(|scope| {
        let begun: Vec<_> = checks.iter().map(|check| scope.spawn(|| one(check, path, call))).collect();
        let ended = begun.into_iter().zip(checks).map(|(thread, check)| {
            thread.join().unwrap_or_else(|_| CheckResult::untried(check, "trying it ended in a bug"))
        });
        ended.collect()
    })
}

fn one(check: &Check, path: &str, call: &Call) -> CheckResult {
    let began = Instant::now();
    let mut finding = Err("it was called off before it was tried".to_owned());
    let mut attempts = 0;
    let (mut pause, longest) = (FIRST_PAUSE, Duration::from_secs(check.interval));
    let mut called_off = call.off_within(Duration::from_secs(check.start_delay));
    while !called_off {
        finding = attempt(check, path, call);
        attempts += 1;
        if finding.is_ok() || attempts > check.retries {
            break;
        }
        called_off = call.off_within(pause.min(longest));
        pause *= 2;
    }
    let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (passed, Finding(detail)) = match finding {
        Ok(found) => (true, found),
        Err(why) => (false, Finding(why)),
    };
    CheckResult::of(check, passed, attempts, took, &detail)
}
