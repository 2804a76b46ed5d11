//! Tests of the window in which a change must be confirmed: the waiting run may be killed, and the system
//! clock may jump.

use std::env;
use std::time::{Duration, Instant};

use nixfleet_lab::command::wait_until;

use super::field::{End, Field, prepared};
use super::{ALL_OR_NOTHING, SOAK, record};

/// The jumps of the clock, in seconds: a day back and a day ahead.
const JUMPS: [i64; 2] = [-86_400, 86_400];
/// The further jumps that are tried if [`SOAK`] is set: an hour back and an hour ahead.
const MORE: [i64; 2] = [-3_600, 3_600];
/// The length of the window, in seconds.
const WINDOW: u64 = 2;

#[test]
fn killed_while_it_waits_to_be_confirmed() {
    let lab = prepared();
    let mut field = Field::of(&lab);
    let mut failures = Vec::new();
    let victims = ["killed", "told to stop"];
    for (index, victim) in victims.into_iter().enumerate() {
        let run = format!("e{index:031x}");
        let finished = std::thread::scope(|scope| {
            let change =
                ["apply", "--closure", &field.closure, "--json", "--confirm-timeout", "600", "--run", &run];
            let applied = field.activator().args(change);
            let finished = scope.spawn(|| applied.run().unwrap());
            let transcript = format!("/run/nixfleet/{run}.jsonl");
            let waits = || {
                Ok(field.guest.files()?.text(&transcript).is_ok_and(|said| said.contains("awaitingConfirm")))
            };
            wait_until("the run waits", Duration::from_secs(60), waits).unwrap();
            let kill = ["kill --kill-whom=main -s KILL", "stop"][index];
            field.guest.ask(&format!("systemctl {kill} nixfleet-run-{run}.service")).unwrap();
            finished.join().unwrap()
        });
        let end = field.judge().map(|(end, _)| end);
        if end != Ok(End::Old) || !finished.stdout.contains("rolled-back") {
            failures.push(format!("{victim}: {end:#?} {finished}"));
        }
        field.set_back();
    }
    let tried = format!("{} ways to end a run that waits to be confirmed", victims.len());
    record(ALL_OR_NOTHING, "window::killed_while_it_waits_to_be_confirmed", &tried, &failures);
}

#[test]
fn the_window_is_as_long_as_it_was_said_to_be() {
    let lab = prepared();
    let mut field = Field::of(&lab);
    let log = field.changes();
    let opened = log.iter().position(|line| line.contains("Create\t/run/nixfleet/")).unwrap() + 1;
    let mut failures = Vec::new();
    let more: &[i64] = if env::var_os(SOAK).is_some() { &MORE } else { &[] };
    let jumps = [&JUMPS, more].concat();
    for &jump in &jumps {
        for confirmed in [false, true] {
            let begun = Instant::now();
            let clock = format!("NIXFLEET_CLOCK={jump} {opened}");
            let seconds = if confirmed { 3_600 } else { WINDOW };
            let finished = field.runs(&[clock], seconds, confirmed);
            let end = field.judge().map(|(end, _)| end);
            let waited = begun.elapsed() >= Duration::from_secs(WINDOW);
            let right = if confirmed { end == Ok(End::New) } else { end == Ok(End::Old) && waited };
            if !right {
                failures.push(format!(
                    "{jump} s, confirmed {confirmed}: {end:#?} after {:?} {finished}",
                    begun.elapsed()
                ));
            }
            field.set_back();
        }
    }
    let tried =
        format!("{} jumps of the clock in the window, each with a confirmation and without", jumps.len());
    let promise = "No outcome depends on the clock on the wall";
    if env::var_os(SOAK).is_some() {
        return assert!(failures.is_empty(), "{failures:#?}");
    }
    record(promise, "window::the_window_is_as_long_as_it_was_said_to_be", &tried, &failures);
}
