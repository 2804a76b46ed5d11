//! Recovers a host from an interrupted run before the host is changed.
//!
//! Each change of a host begins with the recovery from an interrupted run. So the operator makes a host
//! recover by ordering a change with a plan that the host refuses after the recovery. In this way, the
//! recovery runs in a systemd unit of its own, continues if the connection ends, and uses the activator of
//! the ordered change.

use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Report;
use tokio::sync::Mutex;

use super::going_back::ChangeTerms;
use crate::event::{Bus, EventKind, Level, Phase};
use crate::remote::Terms;
use crate::ssh::Session;

/// The maximum length, in characters, of the text that is kept of what a host says about its recovery.
const EXCERPT: usize = 2000;

/// A lock that is held while a host recovers. Hosts recover one at a time, because a recovery may restart
/// units, and the limits of a rollout do not apply yet.
static TURN: Mutex<()> = Mutex::const_new(());

/// Returns the interrupted run from which a host must recover before it is changed. Returns `None` if no run
/// was interrupted, or if the host may not be changed at all.
#[must_use]
pub fn interrupted<'p>(run: Option<&'p str>, problems: &[Problem]) -> Option<&'p str> {
    let is_other = |problem: &Problem| {
        matches!(problem.code, Code::OtherHost | Code::OtherBase | Code::Locked | Code::UnsafePath)
    };
    run.filter(|_| !problems.iter().any(is_other))
}

/// Recovers a host if `terms` allows a recovery and the plan of the host shows an interrupted run. `change`
/// orders a change with the fingerprint [`Plan::NONE`], which the host refuses after the recovery. Returns
/// what the recovery did, or `None` if the host was not asked to recover. After a recovery, `plan` is
/// outdated: the host has to make a new plan.
///
/// # Errors
/// Fails if the host cannot recover, or if another run is changing it.
pub async fn recover<F>(
    session: &Session,
    terms: &ChangeTerms,
    plan: &Plan,
    events: &Bus,
    change: impl FnOnce() -> F,
) -> Result<Option<String>, Problem>
where
    F: Future<Output = Result<Report, Problem>>,
{
    let host = session.host().name.as_str();
    let run = interrupted(plan.interrupted.as_deref(), &plan.problems);
    let Some(run) = run.filter(|_| terms.recover.has(host)) else { return Ok(None) };
    let _turn = TURN.lock().await;
    let phase = |phase| events.say(EventKind::HostPhase { host: host.to_owned(), phase });
    phase(Phase::Recovering);
    let text = told(host, run, change().await?)?;
    events.say(EventKind::Log { level: Level::Warning, host: Some(host.to_owned()), text: text.clone() });
    phase(Phase::Planning);
    Ok(Some(text))
}

/// Returns what a host did to recover from the interrupted run `run`.
fn told(host: &str, run: &str, report: Report) -> Result<String, Problem> {
    match (report.recovered, report.problem) {
        (Some(text), _) => Ok(text.chars().take(EXCERPT).collect()),
        (None, Some(problem)) if problem.code == Code::PlanOutdated => {
            Ok(format!("another run has recovered the host from the interrupted run ({run})"))
        }
        (None, Some(problem)) => Err(problem),
        (None, None) => Err(Problem::new(Code::BadAnswer, "the host did not report its recovery")
            .at(host)
            .help(format!("check the state of the host: nixfleet status --host {host}"))),
    }
}

/// Returns the terms of a change that is ordered only to make a host recover.
pub fn terms(substitute: bool, phase: &(dyn Fn(Phase) + Send + Sync)) -> Terms<'_> {
    Terms { confirm: None, revision: None, force: &[], substitute, checks: None, phase, waits: &|_| () }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::operation::recover_hosts::RecoverHosts;
    use crate::sample;
    use crate::ssh::Sockets;

    fn report(recovered: Option<&str>, code: Option<&str>) -> Report {
        let problem = code.map(|code| json!({ "code": code, "what": "it failed" }));
        let report = json!({
            "schema": 1, "host": "h", "outcome": "blocked", "before": null, "after": null, "stepsDone": 0,
            "kept": [], "problem": problem, "recovered": recovered, "durationMs": 5,
        });
        serde_json::from_value(report).unwrap()
    }

    #[test]
    fn only_a_host_that_recovered_is_planned_again() {
        let told = |recovered, code| told("h", "apply by ada", report(recovered, code));
        assert_eq!(told(Some("rolled back"), Some("NF-403")).unwrap(), "rolled back");
        assert!(told(None, Some("NF-403")).unwrap().starts_with("another run"));
        assert_eq!(told(None, Some("NF-412")).unwrap_err().code, Code::Recovery);
        assert_eq!(told(None, None).unwrap_err().code, Code::BadAnswer);
    }

    #[tokio::test]
    async fn only_a_host_that_the_user_was_shown_recovers() {
        let directory = tempfile::tempdir().unwrap();
        let sockets = Sockets::within(directory.path().join("ssh")).unwrap();
        let plan = sample::plan(json!({ "interrupted": "apply by ada" }));
        let shown = RecoverHosts::default().and(["a"]);
        for (agreed, host, recovers) in [
            (RecoverHosts::default(), "a", false),
            (shown.clone(), "a", true),
            (shown, "b", false),
            (RecoverHosts::All, "b", true),
        ] {
            let session = Session::new(sample::host(host), &sockets, 1, 0).unwrap();
            let terms = ChangeTerms { recover: agreed, ..ChangeTerms::default() };
            let change = || std::future::ready(Ok(report(Some("rolled back"), None)));
            let recovered = recover(&session, &terms, &plan, &Bus::default(), change).await.unwrap();
            assert_eq!(recovered.is_some(), recovers, "{host}: {terms:?}");
        }
    }

    #[test]
    fn a_host_that_may_be_another_machine_does_not_recover() {
        let problem = |code| vec![Problem::new(code, "no")];
        assert_eq!(interrupted(Some("run"), &problem(Code::Conflict)), Some("run"));
        assert_eq!(interrupted(Some("run"), &problem(Code::OtherHost)), None);
        assert_eq!(interrupted(None, &[]), None);
    }
}
