//! Tests of rollouts over simulated hosts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::policy::{Amount, OnFailure, Policy};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Report;
use tokio::sync::Notify;

use super::verdict::{Pause, Verdict};
use super::waves_tests::{fleet, host};
use super::{Driver, HostState, Hosts, Outline, Work};
use crate::event::{Bus, Event, EventKind, Listener};
use crate::host_result::HostResult;
use crate::interrupt::Interrupt;

/// Simulated work on hosts: one host can fail, and the first host can be slow.
struct Hands {
    names: Vec<String>,
    fails: &'static str,
    slow: Arc<Notify>,
    is_slow: bool,
}

impl Work for Hands {
    async fn prepare(&self, host: usize) -> Result<(), Problem> {
        if self.names[host] == "uncopied" {
            return Err(Problem::new(Code::Copy, "no room"));
        }
        Ok(())
    }

    async fn perform(&self, host: usize) -> HostResult {
        if host == 0 && self.is_slow {
            self.slow.notified().await;
        }
        let name = &self.names[host];
        if name == "unhealthy" {
            return HostResult::reported(name, unhealthy(name));
        }
        HostResult::new(name, if name == self.fails { Outcome::RolledBack } else { Outcome::Ok })
    }

    async fn undo(&self, host: usize) -> HostResult {
        HostResult::new(&self.names[host], Outcome::RolledBack)
    }
}

/// Returns the report of a host that keeps its change although its health checks fail.
fn unhealthy(name: &str) -> Report {
    serde_json::from_value(serde_json::json!({
        "schema": 1, "host": name, "outcome": "failed", "before": null,
        "after": { "number": 1, "closure": "/nix/store/x" }, "stepsDone": 1, "kept": [], "problem": null,
        "recovered": null, "durationMs": 1,
    }))
    .unwrap()
}

/// A listener that records what happens to hosts and waves, one line per event.
struct Diary {
    lines: Arc<Mutex<Vec<String>>>,
    slow: Arc<Notify>,
}

impl Listener for Diary {
    fn name(&self) -> &'static str {
        "diary"
    }

    fn hear(&mut self, event: &Event) -> anyhow::Result<()> {
        let line = match &event.kind {
            EventKind::WaveBegan { wave, .. } => format!("wave {wave}"),
            EventKind::HostEnded(end) => format!("{} {}", end.host, end.outcome),
            EventKind::RolloutPaused { .. } => "paused".to_owned(),
            EventKind::RolloutReturning { hosts } => format!("back: {}", hosts.join(" ")),
            EventKind::RolloutInterrupted => "interrupted".to_owned(),
            _ => return Ok(()),
        };
        // The slow host ends only after the host `c`, which is the last other host in the wave of the slow
        // host.
        if line == "c ok" {
            self.slow.notify_one();
        }
        self.lines.lock().unwrap().push(line);
        Ok(())
    }
}

struct Driven {
    verdict: Verdict,
    lines: String,
    results: BTreeMap<String, HostResult>,
}

async fn driven(
    names: &[&str],
    policy: Policy,
    fails: &'static str,
    is_slow: bool,
    interrupt: &Interrupt,
) -> Driven {
    let hosts: Vec<_> = names.iter().map(|name| host(name, &[])).collect();
    let outline = Outline::of(&fleet(&hosts, &[]), &hosts, policy).unwrap();
    let (bus, slow, lines) = (Bus::default(), Arc::new(Notify::new()), Arc::default());
    bus.subscribe(Diary { lines: Arc::clone(&lines), slow: Arc::clone(&slow) });
    let names = outline.hosts().map(|(_, name)| name.to_owned()).collect();
    let hands = Hands { names, fails, slow, is_slow };
    let driver = Driver::new(&outline, Hosts::new(&outline, |_| HostState::Waiting), false, hands, &bus);
    let ended = tokio::time::timeout(Duration::from_secs(100), driver.drive(interrupt)).await;
    let (verdict, results) = ended.expect("it does not end").unwrap();
    let lines = lines.lock().unwrap().join(", ");
    Driven { verdict, lines, results }
}

fn after_two() -> Policy {
    Policy { waves: vec![Amount::Count(2)], ..Policy::plain() }
}

#[tokio::test]
async fn waves_follow_each_other_and_everything_is_told() {
    let told = driven(&["a", "b", "c"], after_two(), "", false, &Interrupt::default()).await;
    assert_eq!(told.lines, "wave 1, a ok, b ok, wave 2, c ok");
    assert_eq!((told.verdict, told.results.len()), (Verdict::Complete, 3));
}

#[tokio::test]
async fn a_slow_host_keeps_no_other_of_its_wave_from_ending() {
    let told = driven(&["a", "b", "c"], Policy::plain(), "", true, &Interrupt::default()).await;
    assert_eq!(told.lines, "wave 1, b ok, c ok, a ok");
}

#[tokio::test]
async fn a_wave_goes_back_behind_a_failure_in_it() {
    let policy = Policy { on_failure: OnFailure::RollbackWave, ..after_two() };
    let told = driven(&["a", "b", "c", "d", "e"], policy, "d", false, &Interrupt::default()).await;
    let expected = "wave 1, a ok, b ok, wave 2, c ok, d rolled-back, paused";
    assert!(told.lines.starts_with(expected), "{}", told.lines);
    assert!(told.lines.ends_with("back: c e, c rolled-back, e rolled-back"), "{}", told.lines);
    assert_eq!(told.results["c"].outcome, Outcome::RolledBack);
    assert_eq!(told.results["a"].outcome, Outcome::Ok);
}

#[tokio::test]
async fn a_host_that_failed_and_stays_changed_goes_back_with_the_others() {
    let policy = Policy { on_failure: OnFailure::RollbackAll, ..after_two() };
    let told = driven(&["a", "b", "unhealthy"], policy, "", false, &Interrupt::default()).await;
    let expected = "unhealthy failed, paused, back: a b unhealthy, ";
    assert!(told.lines.contains(expected), "{}", told.lines);
    assert_eq!(told.results["unhealthy"].outcome, Outcome::RolledBack);
}

#[tokio::test]
async fn a_host_that_cannot_be_copied_to_has_failed() {
    let told = driven(&["a", "b", "uncopied"], after_two(), "", false, &Interrupt::default()).await;
    assert_eq!(told.results["uncopied"].problem.as_ref().unwrap().code, Code::Copy);
    assert!(
        matches!(told.verdict, Verdict::Paused(Pause::Failures { failures: 1, .. })),
        "{:?}",
        told.verdict
    );
}

#[tokio::test]
async fn after_an_interrupt_nothing_is_begun() {
    let interrupt = Interrupt::default();
    interrupt.request();
    let told = driven(&["a", "b"], Policy::plain(), "", true, &interrupt).await;
    assert_eq!(told.verdict, Verdict::Paused(Pause::Interrupted));
    assert!(told.lines.contains("interrupted"), "{}", told.lines);
}
