//! Health checks that run on the operator's machine.

mod reach;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use nixfleet_activate::health::{Call, Vantage, run};
use nixfleet_contract::health::{Check, CheckResult, Probe, Side};
use nixfleet_contract::problem::Problem;
use tracing::Span;

use crate::diagnostics::of_host;
use crate::nix::stored;
use crate::ssh::Session;

pub use reach::obstacles;

/// The reason why the health checks of a generation cannot run on this machine.
pub const UNKNOWN: &str =
    "it is unknown: the closure of the generation is not in the Nix store of the operator's machine";

/// Returns the manifest's health checks that run on this machine, and the longest time limit of the
/// manifest's other health checks, which run on the host.
///
/// # Errors
/// The manifest cannot be parsed.
pub fn of_manifest(manifest: &[u8]) -> Result<(Vec<Check>, Duration), Problem> {
    let checks = Check::of_manifest(manifest)?;
    let (here, there): (Vec<_>, Vec<_>) = checks.into_iter().partition(|check| check.from == Side::Operator);
    Ok((here, there.iter().map(Check::limit).max().unwrap_or_default()))
}

/// Returns those health checks of a closure that run on this machine. The path of the closure comes from a
/// host, and a check may run a command here, so only a closure in the store of this machine is trusted. For
/// any other closure the result is `None`.
#[must_use]
pub fn of_closure(closure: &str) -> Option<Vec<Check>> {
    if !stored::is_path(closure) {
        return None;
    }
    let manifest = stored::read(&Path::new(closure).join("manifest.json")).ok()?;
    of_manifest(&manifest).ok().map(|(here, _)| here)
}

/// The number of threads that run health checks, and a signal when it decreases.
static RUNNING: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// Counts a thread in [`RUNNING`] until this value is dropped.
struct Counted;

impl Counted {
    fn new() -> Self {
        *RUNNING.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        *RUNNING.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        RUNNING.1.notify_all();
    }
}

/// Waits until the health checks that were cancelled have ended, but at most for `limit`. A program that
/// exits earlier would leave the commands of the health checks running.
pub fn wait_until_ended(limit: Duration) {
    let running = RUNNING.0.lock().unwrap_or_else(PoisonError::into_inner);
    // After the limit, the program exits nevertheless.
    drop(RUNNING.1.wait_timeout_while(running, limit, |running| *running > 0));
}

/// Cancels the running health checks when this guard is dropped.
struct CallGuard(Call);

impl Drop for CallGuard {
    fn drop(&mut self) {
        self.0.off();
    }
}

/// Returns the host and port that a health check connects to, if it makes a connection.
fn host_of(probe: &Probe) -> Option<(String, u16)> {
    match probe {
        Probe::Tcp { host, port } => Some((host.clone(), *port)),
        Probe::Http(http) => http.url.host_and_port(),
        Probe::Unit { .. } | Probe::Command { .. } => None,
    }
}

/// Returns the settings for health checks on this machine: the `PATH` in which health checks find programs,
/// and the host names that they replace before they connect. The address of the host may be an alias in the
/// SSH configuration of the user, so this address is replaced by the name that `ssh` uses instead.
async fn vantage(session: &Session, checks: &[Check]) -> Vantage {
    let path = std::env::var("PATH").unwrap_or_default();
    let addr = &session.host().addr;
    let concerned = |check: &Check| host_of(&check.probe).is_some_and(|(host, _)| host == *addr);
    if !checks.iter().any(concerned) {
        return Vantage::of(&path);
    }
    let hostname = &session.resolved().await.hostname;
    let other = (hostname != addr).then(|| (addr.clone(), hostname.clone()));
    Vantage { path, names: other.into_iter().collect::<BTreeMap<_, _>>() }
}

/// Runs health checks concurrently and returns their results. Dropping the future cancels the health checks.
pub async fn attempt(session: &Session, checks: &[Check]) -> Vec<CheckResult> {
    of_host(&session.host().name, attempt_here(session, checks)).await
}

async fn attempt_here(session: &Session, checks: &[Check]) -> Vec<CheckResult> {
    if checks.is_empty() {
        return Vec::new();
    }
    let owned = checks.to_vec();
    let from = vantage(session, checks).await;
    let end = CallGuard(Call::default());
    let call = end.0.clone();
    let span = Span::current();
    let counted = Counted::new();
    let trying = tokio::task::spawn_blocking(move || {
        let _counted = counted;
        span.in_scope(|| run(&owned.iter().collect::<Vec<_>>(), &from, &call))
    });
    let failed = |_| {
        checks.iter().map(|check| CheckResult::untried(check, "the check failed because of a bug")).collect()
    };
    trying.await.unwrap_or_else(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_check_is_waited_for() {
        let counted = Counted::new();
        let began = std::time::Instant::now();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            drop(counted);
        });
        wait_until_ended(Duration::from_secs(60));
        assert!(began.elapsed() >= Duration::from_millis(50));
    }

    #[test]
    fn only_closures_in_the_store_are_looked_at() {
        for bad in ["/etc", "/nix/store", "/nix/store/", "/nix/store/../../etc", "/nix/store/a/b", "relative"]
        {
            assert!(of_closure(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn of_a_manifest_only_the_checks_from_here_are_taken() {
        let check = |name: &str, from: &str| {
            serde_json::json!({
                "name": name, "kind": "tcp", "host": "web-1", "port": 80, "interval": 1, "retries": 0,
                "timeout": 1, "startDelay": 0, "from": from, "onFailure": "stop",
            })
        };
        let manifest = serde_json::json!({ "healthChecks": [check("a", "host"), check("b", "operator")] });
        let (checks, there) = of_manifest(manifest.to_string().as_bytes()).unwrap();
        assert_eq!(checks.iter().map(|check| &*check.name).collect::<Vec<_>>(), ["b"]);
        assert!(there > Duration::ZERO, "the other one is tried there");
        assert_eq!(of_manifest(b"{}").unwrap(), (Vec::new(), Duration::ZERO));
    }
}
