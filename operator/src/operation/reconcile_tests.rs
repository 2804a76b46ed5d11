//! Tests of what a host says about changes that were not recorded.

use nixfleet_contract::outcome::{Outcome, ReasonCode};
use serde_json::{Value, json};

use super::*;
use crate::sample;

fn generation(number: u64) -> Value {
    json!({ "number": number, "closure": format!("/nix/store/{number}") })
}

/// A run: its outcome, and the numbers of the generations before and after.
type Run = (&'static str, Option<u64>, Option<u64>);

/// Returns the change that a host reports if its current generation is 2, which has the closure of the
/// rollout. `before`: the generation before the rollout. `runs`: the runs on the host, newest first.
fn changed(before: Option<u64>, runs: &[Run]) -> Option<(Outcome, Option<u64>, Option<u64>)> {
    let planned =
        json!({ "host": sample::host("a"), "closure": "/nix/store/2", "before": before.map(generation) });
    let [(outcome, from, to), earlier @ ..] = runs else { panic!("no run") };
    let earlier = earlier.iter().map(|(outcome, before, after)| {
        json!({
            "who": "ada@desk", "command": "apply", "ended": 1, "before": before, "after": after,
            "outcome": outcome,
        })
    });
    let infos = [1, 2, 3]
        .map(|number| json!({ "number": number, "closure": format!("/nix/store/{number}"), "created": 1 }));
    let status = json!({
        "schema": 1, "host": "a", "current": generation(2), "generations": infos, "drift": [], "units": [],
        "kept": [], "interrupted": null, "lockedBy": null,
        "last": {
            "schema": 1, "ended": 5, "earlier": earlier.collect::<Vec<_>>(),
            "holder": { "who": "ada@desk", "command": "apply", "pid": 1, "since": 1, "run": null },
            "report": {
                "schema": 1, "host": "a", "outcome": outcome, "before": from.map(generation),
                "after": to.map(generation), "stepsDone": 1, "kept": [], "problem": null, "recovered": null,
                "durationMs": 5, "reasonCode": (*outcome == "partial").then_some("reboot-to-finish"),
            },
        },
    });
    let planned = serde_json::from_value(planned).unwrap();
    let end = of("a", &planned, serde_json::from_value(status).unwrap())?;
    if *outcome == "partial" && end.outcome == Outcome::Partial {
        assert_eq!(end.reason_code, Some(ReasonCode::RebootToFinish));
    }
    let (before, after) =
        end.made().map(|(before, made)| (before.map(|before| before.number), made.number))?;
    Some((end.outcome, before, Some(after)))
}

#[test]
fn a_change_that_stands_is_found_however_the_run_ended() {
    for (word, outcome) in [("ok", Outcome::Ok), ("partial", Outcome::Partial), ("failed", Outcome::Failed)] {
        assert_eq!(
            changed(Some(1), &[(word, Some(1), Some(2))]),
            Some((outcome, Some(1), Some(2))),
            "{word}"
        );
    }
    assert_eq!(changed(None, &[("ok", None, Some(2))]), Some((Outcome::Ok, None, Some(2))));
    assert_eq!(changed(Some(1), &[("rolled-back", Some(1), Some(1))]), None);
}

#[test]
fn a_change_is_found_behind_later_runs_that_left_it_in_force() {
    let made = ("partial", Some(1), Some(2));
    let found = Some((Outcome::Partial, Some(1), Some(2)));
    // A later run was interrupted and undone, set the boot default, or was undone by a rollback.
    assert_eq!(changed(Some(1), &[("rolled-back", Some(2), Some(2)), made]), found);
    assert_eq!(changed(Some(1), &[("ok", Some(2), Some(2)), made]), found);
    assert_eq!(changed(Some(1), &[("ok", Some(3), Some(2)), ("ok", Some(2), Some(3)), made]), found);
}

#[test]
fn a_generation_from_before_the_rollout_was_not_made_by_it() {
    assert_eq!(changed(Some(2), &[("partial", Some(1), Some(2))]), None);
    assert_eq!(changed(Some(2), &[("rolled-back", Some(2), Some(2)), ("ok", Some(1), Some(2))]), None);
    let drift = changed(Some(2), &[("ok", Some(2), Some(2)), ("ok", Some(1), Some(2))]);
    assert_eq!(drift, Some((Outcome::Ok, Some(2), Some(2))));
}
