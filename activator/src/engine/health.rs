//! The health checks of a change. They run within the transaction, after the steps on units and before the
//! commit.

use std::thread;
use std::time::Duration;

use nixfleet_contract::force::Force;
use nixfleet_contract::generation::Generation;
use nixfleet_contract::health::check::CheckName;
use nixfleet_contract::health::{Check, CheckChanges, CheckResult, Checked, HealthVerdict, Probe, Side};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::run::Confirmation;

use crate::engine::plan::target::{self, Target, TargetClosure};
use crate::engine::state::State;
use crate::health::probe::curl;
use crate::health::{Call, Vantage, last, run};
use crate::host::Host;
use crate::host::profile::{self, Profile};
use crate::host::{clock, command};

/// The effect that failed health checks can have on a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// The change is undone if a check fails whose failure is declared to cause a rollback.
    Undo,
    /// The change remains in force, whatever the checks find.
    Stand,
}

impl May {
    /// Returns the effect that health checks can have on a change to a target. Failed health checks
    /// never undo a rollback, because otherwise a host could not leave a broken generation.
    #[must_use]
    pub fn of(target: &Target, force: &[Force]) -> Self {
        let stands = target.number.is_some() || force.contains(&Force::HealthChecks);
        if stands { Self::Stand } else { Self::Undo }
    }
}

/// The health checks of a target.
#[derive(Clone, Debug)]
pub struct Health<'a> {
    /// Checks that run on this host.
    here: Vec<&'a Check>,
    /// Checks that run elsewhere, such as on the operator's machine.
    elsewhere: Vec<&'a Check>,
    may: May,
    from: Vantage,
}

impl<'a> Health<'a> {
    /// Selects the checks that can run on a host. Checks of units are left out if the host is only a
    /// directory tree.
    #[must_use]
    pub fn of(host: &Host, checks: &'a [Check], may: May) -> Self {
        let (here, elsewhere) = checks.iter().partition(|check| check.from == Side::Host);
        let mut here: Vec<&Check> = here;
        if !host.is_machine() {
            here.retain(|check| !matches!(check.probe, Probe::Unit { .. }));
        }
        let from = Vantage::of(&profile::search_path());
        Self { here, elsewhere, may, from }
    }

    /// The effect that failed checks can have on the change.
    #[must_use]
    pub const fn may(&self) -> May {
        self.may
    }

    /// Runs the checks of this host while `other` runs. Cancels the checks if `other` fails. Calls `alone` if
    /// `other` ends before the checks do.
    ///
    /// # Errors
    /// Fails with the error of `other`.
    pub fn beside<T>(
        &self,
        other: impl FnOnce() -> Result<T, Problem>,
        alone: impl FnOnce(),
    ) -> Result<(T, Vec<CheckResult>), Problem> {
        if self.here.is_empty() {
            return other().map(|done| (done, Vec::new()));
        }
        let call = Call::default();
        thread::scope(|scope| {
            let trying = thread::Builder::new().spawn_scoped(scope, || run(&self.here, &self.from, &call));
            let done = other().inspect_err(|_| call.off())?;
            let found = match trying {
                Ok(trying) => {
                    if !trying.is_finished() {
                        alone();
                    }
                    trying.join().unwrap_or_else(|_| self.untried("a bug"))
                }
                Err(error) => self.untried(&format!("no thread could be started for it: {error}")),
            };
            Ok((done, found))
        })
    }

    fn untried(&self, why: &str) -> Vec<CheckResult> {
        self.here.iter().map(|check| CheckResult::untried(check, why)).collect()
    }

    /// Returns the results of the checks that ran elsewhere. The effect of a failure is taken from the
    /// manifest, and a check without a result counts as failed.
    #[must_use]
    pub fn found_elsewhere(&self, said: &Confirmation) -> Vec<CheckResult> {
        let untried = said.untried.as_deref().unwrap_or("it was not tried");
        let of = |check: &&Check| match said.health_checks.iter().find(|result| result.name == check.name) {
            Some(result) => {
                CheckResult::of(check, result.passed, result.attempts, result.duration_ms, &result.detail)
            }
            None => CheckResult::untried(check, untried),
        };
        self.elsewhere.iter().map(of).collect()
    }

    /// The names of the checks that run elsewhere.
    #[must_use]
    pub fn elsewhere(&self) -> Vec<CheckName> {
        self.elsewhere.iter().map(|check| check.name.clone()).collect()
    }

    /// The extra time to wait for the confirmation, which is sent after the checks that run elsewhere have
    /// ended.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.elsewhere.iter().map(|check| check.limit()).max().unwrap_or_default()
    }

    /// Returns a record of the results for a generation, with the names of the checks that run elsewhere.
    #[must_use]
    pub fn checked(&self, generation: &Generation, results: &[CheckResult]) -> Checked {
        Checked::at(clock::seconds(), generation.clone(), results.to_vec(), self.elsewhere())
    }

    /// Records the results for a generation if that generation is still in force: another generation can be
    /// applied while the checks run.
    pub fn record_results(&self, host: &Host, generation: Option<&Generation>, results: &[CheckResult]) {
        let in_force = || Profile::read(host).ok()?.current;
        if let Some(generation) = generation.filter(|_| !results.is_empty())
            && in_force().is_some_and(|in_force| in_force.number == generation.number)
        {
            last::record(host, &self.checked(generation, results));
        }
    }

    /// Decides from the results what happens to the change.
    ///
    /// # Errors
    /// Fails with [`Code::HealthCheck`] if the change must be undone.
    pub fn judge(&self, results: &[CheckResult]) -> Result<HealthVerdict, Problem> {
        let verdict = HealthVerdict::on(results);
        match (self.may == May::Undo && verdict.is_to_undo(), verdict.clone().into_problem()) {
            (true, Some(problem)) => Err(problem),
            _ => Ok(verdict),
        }
    }
}

/// Runs the checks of a host that needs no change, and records the results.
#[must_use]
pub fn of_unchanged(host: &Host, current: Option<&Generation>, checks: &[Check]) -> Vec<CheckResult> {
    let health = Health::of(host, checks, May::Stand);
    let found = run(&health.here, &health.from, &Call::default());
    health.record_results(host, current, &found);
    found
}

/// Runs the checks of the generation in force, and records the results.
///
/// # Errors
/// Fails with [`Code::NoGeneration`] if no generation is in force, or with another problem if the manifest of
/// the generation or the state cannot be read.
pub fn on_demand(host: &Host) -> Result<Checked, Problem> {
    let (state, _) = State::read(host)?;
    let Some((number, closure)) = state.generation.zip(state.closure) else {
        return Err(Problem::new(Code::NoGeneration, "the host is not managed yet"));
    };
    let checks = Check::of_manifest(&TargetClosure::of_closure(&closure)?.manifest)?;
    let generation = Generation { number, closure };
    let found = of_unchanged(host, Some(&generation), &checks);
    Ok(Health::of(host, &checks, May::Stand).checked(&generation, &found))
}

/// Returns the differences between the health checks of the generation in force and those of a target. They
/// are empty if the generation in force cannot be read.
#[must_use]
pub fn changes(state: &State, target: &Target) -> CheckChanges {
    let before = match &state.closure {
        None => Some(Vec::new()),
        Some(closure) if *closure == target.closure => None,
        Some(closure) => target::checks_of(closure),
    };
    let Some(before) = before else { return CheckChanges::default() };
    CheckChanges::between(&before, &target.manifest.health_checks)
}

/// Returns a problem for each check that cannot run on the host. A check of an `https` address cannot run if
/// the host has no `curl`.
#[must_use]
pub fn objections(host: &Host, target: &Target) -> Vec<Problem> {
    let tls = |check: &&Check| {
        check.from == Side::Host && matches!(&check.probe, Probe::Http(http) if http.url.is_tls())
    };
    let mut checks = target.manifest.health_checks.iter().filter(tls).peekable();
    let brought = target.manifest.packages.iter().any(|package| package.name == "curl");
    if checks.peek().is_none() || brought || has_curl(host) {
        return Vec::new();
    }
    let objection = |check: &Check| {
        Problem::new(Code::HealthCheck, format!("health check {} cannot be tried on this host", check.name))
            .at(format!("nixfleet.healthChecks.{}", check.name))
            .because("the check requests an https address, which requires `curl`, but the host has no `curl`")
            .help(
                "add pkgs.curl to nixfleet.packages, install curl on the host, or set `from = \
                 \"operator\"` in the check",
            )
    };
    checks.map(objection).collect()
}

fn has_curl(host: &Host) -> bool {
    command::path().split(':').any(|directory| host.path(directory).join(curl::PROGRAM).is_file())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_check_that_hangs_holds_up_no_way_back() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        let mark = root.path().join("mark");
        let script = format!("sleep 2; touch {}", mark.display());
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", silent.local_addr().unwrap());
        let probes = [
            serde_json::json!({ "name": "a", "kind": "command", "command": ["/bin/sh", "-c", script] }),
            serde_json::json!({
                "name": "b", "kind": "http", "url": url, "method": "GET", "maxRedirects": 0,
                "verifyCertificate": true,
            }),
        ];
        let check = |mut check: serde_json::Value| {
            for (field, value) in [("interval", 1), ("retries", 9), ("timeout", 60), ("startDelay", 0)] {
                check[field] = value.into();
            }
            (check["from"], check["onFailure"]) = ("host".into(), "rollback".into());
            serde_json::from_value(check).unwrap()
        };
        let checks: Vec<Check> = probes.map(check).into();
        let host = Host::open(root.path()).unwrap();
        let health = Health::of(&host, &checks, May::Undo);
        let began = Instant::now();
        let unconfirmed = || -> Result<(), Problem> {
            thread::sleep(Duration::from_millis(200));
            Err(Problem::new(Code::Unconfirmed, "nobody came"))
        };
        assert_eq!(health.beside(unconfirmed, || ()).unwrap_err().code, Code::Unconfirmed);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        thread::sleep(Duration::from_secs(3).saturating_sub(began.elapsed()));
        assert!(!mark.exists(), "its command has ended with it");
    }

    #[test]
    fn no_unit_is_called_good_where_nobody_can_be_asked_about_it() {
        let check = serde_json::json!({
            "name": "a", "kind": "unit", "unit": "nixfleet-no-such.service", "stableFor": 0, "interval": 0,
            "retries": 0, "timeout": 5, "startDelay": 0, "from": "host", "onFailure": "stop",
        });
        let checks = [serde_json::from_value(check).unwrap()];
        let health = Health::of(&Host::open(Path::new("/")).unwrap(), &checks, May::Undo);
        let ((), found) = health.beside(|| Ok(()), || ()).unwrap();
        assert_eq!((found.len(), found[0].passed), (1, false), "{found:?}");
    }
}
