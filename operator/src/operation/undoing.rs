//! The undoing of a change by a rollback: the steps that belong to it, and how the host ends.

use nixfleet_contract::generation::Generation;
use nixfleet_contract::outcome::{Outcome, ReasonCode};
use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::{Code, Problem};

use crate::host_result::HostResult;

/// Removes the steps from the plan of a rollback that do not undo the change from `before` to `made`.
///
/// # Errors
/// [`Code::PlanOutdated`] if the host has neither of the two generations.
pub fn limit_to_undo(
    host: &str,
    plan: &mut Plan,
    before: &Generation,
    made: &Generation,
) -> Result<(), Problem> {
    if plan.current.as_ref() == Some(before) {
        // The host was already rolled back, by hand or by a command that was killed. Any remaining steps
        // would only correct drift, which is not part of the change to undo. But if the rollback of a NixOS
        // host waited for a boot, steps are left that change the system or the boot default. The host can
        // carry out a plan only as a whole, so all steps stay.
        if plan.steps.iter().all(|step| step.as_system().is_none()) {
            plan.steps.clear();
        }
    } else if plan.interrupted.is_some() {
        // The generation of the host is known only after the host has recovered.
        plan.steps.clear();
    } else if plan.current.as_ref() != Some(made) || plan.target != before.closure {
        return Err(moved_on(host, plan.current.as_ref(), made));
    }
    Ok(())
}

/// Returns the result of a host that was rolled back because other hosts failed. `gone` is the result of the
/// rollback, and `before` the generation to which the host was rolled back.
pub fn gone_with_others(gone: HostResult, before: Option<&Generation>) -> HostResult {
    let boots = gone.reason_code == Some(ReasonCode::RebootToFinish);
    match (gone.outcome, before) {
        (Outcome::Partial | Outcome::Deferred, Some(before)) if boots => {
            let again = format!("nixfleet rollback --host {} --to {}", gone.host, before.number);
            let reason = format!("rolled back with others; to finish, restart the host, then run: {again}");
            HostResult { outcome: Outcome::RolledBack, reason_code: None, reason: Some(reason), ..gone }
        }
        (Outcome::Ok | Outcome::Partial | Outcome::Unchanged, _) => HostResult {
            outcome: Outcome::RolledBack,
            reason_code: None,
            reason: Some("rolled back with others".to_owned()),
            ..gone
        },
        // The rollback failed and was undone, so the host still has the generation that the rollout made.
        (Outcome::RolledBack, _) => HostResult { outcome: Outcome::Failed, ..gone },
        _ => gone,
    }
}

/// Returns the problem that the host is no longer at the generation `made`, which a rollout made.
fn moved_on(host: &str, current: Option<&Generation>, made: &Generation) -> Problem {
    let now = current.map_or_else(|| "none".to_owned(), |current| current.number.to_string());
    Problem::new(Code::PlanOutdated, "the host is no longer at the generation of the rollout")
        .at(host)
        .because(format!("the host is at generation {now}, but the rollout made generation {}", made.number))
        .help(format!("check the state of the host: nixfleet status --host {host}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::sample;

    fn generation(number: u64) -> Generation {
        Generation { number, closure: format!("/nix/store/{number}") }
    }

    /// Returns the names of the steps that are left of a plan to undo the change from generation 1 to 2.
    /// `current`: the current generation of the host.
    fn left(current: u64, steps: &[Value]) -> Result<Vec<String>, Problem> {
        let differs = json!({ "current": generation(current), "target": "/nix/store/1", "steps": steps });
        let mut plan = sample::plan(differs);
        limit_to_undo("a", &mut plan, &generation(1), &generation(2))?;
        let steps = serde_json::to_value(&plan.steps).unwrap();
        Ok(steps.as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap().to_owned()).collect())
    }

    fn drift() -> Value {
        json!({ "step": "startUnit", "unit": "web.service", "why": "it does not run" })
    }

    #[test]
    fn a_rollback_that_waited_for_a_boot_is_finished() {
        let default = json!({ "step": "setBootDefault", "from": "/nix/store/b", "to": "/nix/store/a" });
        assert_eq!(left(1, std::slice::from_ref(&default)).unwrap(), ["setBootDefault"]);
        // The host carries out its plan as a whole, so the plan shows the correction of drift too.
        assert_eq!(left(1, &[drift(), default]).unwrap(), ["startUnit", "setBootDefault"]);
    }

    #[test]
    fn a_host_that_was_rolled_back_is_left_as_it_is() {
        assert_eq!(left(1, &[drift()]).unwrap(), [""; 0]);
        assert_eq!(left(2, &[drift()]).unwrap(), ["startUnit"]);
        assert_eq!(left(3, &[drift()]).unwrap_err().code, Code::PlanOutdated);
    }

    #[test]
    fn a_host_that_waits_for_a_boot_says_how_its_rollback_is_finished() {
        let gone = |outcome, reason_code| {
            let gone = HostResult { reason_code, ..HostResult::new("a", outcome) };
            let gone = gone_with_others(gone, Some(&generation(1)));
            (gone.outcome, gone.reason.unwrap_or_default())
        };
        let back = (Outcome::RolledBack, "rolled back with others".to_owned());
        assert_eq!(gone(Outcome::Ok, None), back);
        assert_eq!(gone(Outcome::Partial, Some(ReasonCode::HealthChecks)), back);
        for outcome in [Outcome::Partial, Outcome::Deferred] {
            let (outcome, reason) = gone(outcome, Some(ReasonCode::RebootToFinish));
            assert_eq!(outcome, Outcome::RolledBack);
            assert!(
                reason.ends_with("restart the host, then run: nixfleet rollback --host a --to 1"),
                "{reason}"
            );
        }
        assert_eq!(gone(Outcome::RolledBack, None).0, Outcome::Failed);
    }
}
