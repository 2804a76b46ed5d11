//! A run of the activator: its notices while it is in progress, and its result.

use serde::{Deserialize, Serialize};

use crate::SCHEMA;
use crate::apt::lock::LockHolder;
use crate::generation::Generation;
use crate::health::CheckResult;
use crate::holder::Holder;
use crate::outcome::Outcome;
use crate::problem::Code;
use crate::report::Report;
use crate::run_id::RunId;

/// A line of JSON that a run prints before its report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The schema version, always [`SCHEMA`].
    pub schema: u32,
    /// The content of the notice.
    #[serde(flatten)]
    pub news: News,
}

/// The content of a notice: what the run is waiting for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum News {
    /// All steps are done, but the change is kept only if the operator confirms, over a new connection, that
    /// the host can still be reached.
    AwaitingConfirm(AwaitingConfirm),
    /// The run is waiting only for its health checks on the host.
    AwaitingChecks(RunId),
    /// The run is waiting for a lock of apt or dpkg, or has stopped waiting for it.
    AwaitingApt(AwaitingApt),
}

/// The details of a run that is waiting for a lock of apt or dpkg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AwaitingApt {
    /// The id of the run.
    pub run: RunId,
    /// The process that holds the lock; `None` if the wait is over.
    pub holder: Option<LockHolder>,
}

/// The details of a run that is waiting for a confirmation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AwaitingConfirm {
    /// The id of the run.
    pub run: RunId,
    /// How long the host waits before it rolls back by itself, in seconds.
    pub seconds: u64,
}

impl Notice {
    /// Creates the notice of a run that is waiting for a confirmation.
    #[must_use]
    pub const fn awaiting(run: RunId, seconds: u64) -> Self {
        Self { schema: SCHEMA, news: News::AwaitingConfirm(AwaitingConfirm { run, seconds }) }
    }

    /// Creates the notice of a run that is waiting only for its health checks.
    #[must_use]
    pub const fn checking(run: RunId) -> Self {
        Self { schema: SCHEMA, news: News::AwaitingChecks(run) }
    }

    /// Creates the notice of a run that is waiting for a lock of apt or dpkg, or no longer.
    #[must_use]
    pub const fn awaiting_apt(run: RunId, holder: Option<LockHolder>) -> Self {
        Self { schema: SCHEMA, news: News::AwaitingApt(AwaitingApt { run, holder }) }
    }
}

/// A confirmation, sent over a new connection to the run that is waiting for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Confirmation {
    /// The schema version, always [`SCHEMA`].
    pub schema: u32,
    /// The results of the health checks that run on the operator's machine.
    #[serde(default)]
    pub health_checks: Vec<CheckResult>,
    /// The reason why some health checks have no result; `None` if each has a result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untried: Option<String>,
}

impl Confirmation {
    /// Creates a confirmation that the host can be reached, with the reason why no health check was tried.
    #[must_use]
    pub fn without(why: impl Into<String>) -> Self {
        Self { untried: Some(why.into()), ..Self::with(Vec::new()) }
    }

    /// Creates a confirmation that the host can be reached, with the results of health checks.
    #[must_use]
    pub const fn with(health_checks: Vec<CheckResult>) -> Self {
        Self { schema: SCHEMA, health_checks, untried: None }
    }
}

/// The last run on a host, as recorded in `last.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastRun {
    /// The schema version, always [`SCHEMA`].
    pub schema: u32,
    /// The operator who started the run, the command, and the time of the start.
    pub holder: Holder,
    /// The time at which the run ended, in seconds since 1970-01-01 UTC.
    pub ended: u64,
    /// The result of the run.
    pub report: Report,
    /// Earlier runs, newest first; at most [`LastRun::EARLIER`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<EarlierRun>,
}

/// A summary of a run before the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EarlierRun {
    /// The operator who started the run, as `user@machine`.
    pub who: String,
    /// The command of the run: `apply`, `rollback` or `os-update`.
    pub command: String,
    /// The time at which the run ended, in seconds since 1970-01-01 UTC.
    pub ended: u64,
    /// The number of the generation in force before the run.
    pub before: Option<u64>,
    /// The number of the generation in force after the run.
    pub after: Option<u64>,
    /// The outcome of the run.
    pub outcome: Outcome,
    /// The code of the problem, if the run had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
}

impl LastRun {
    /// The file name of the record on a host.
    pub const RECORD: &str = "last.json";
    /// Maximum number of earlier runs in the record.
    pub const EARLIER: usize = 20;

    /// Creates the record of a run. `ended` is the time at which the run ended, in seconds since 1970-01-01
    /// UTC.
    #[must_use]
    pub const fn ended(holder: Holder, report: Report, ended: u64) -> Self {
        Self { schema: SCHEMA, holder, ended, report, earlier: Vec::new() }
    }

    /// Adds the runs of the former record as earlier runs. If the last run of the former record is this same
    /// run, only the runs before it are added.
    #[must_use]
    pub fn with_earlier(mut self, former: Option<Self>) -> Self {
        let Some(former) = former else { return self };
        let again = former.holder.run == self.holder.run;
        let shortened = (!again).then(|| EarlierRun::of(&former));
        self.earlier = shortened.into_iter().chain(former.earlier).take(Self::EARLIER).collect();
        self
    }

    /// Describes how the run ended, in one line for people. `now` is the current time, in seconds since
    /// 1970-01-01 UTC.
    #[must_use]
    pub fn line(&self, now: u64) -> String {
        let Holder { who, command, since, .. } = &self.holder;
        let ago = now.saturating_sub(self.ended);
        let took = self.ended.saturating_sub(*since);
        let outcome = &self.report.outcome;
        let after = match &self.report.after {
            Some(generation) => format!("generation {}", generation.number),
            None => "no generation".to_owned(),
        };
        let problem = self.report.problem.as_ref();
        let problem =
            problem.map(|problem| format!(": [{}] {}", problem.code, problem.what)).unwrap_or_default();
        format!("{command} by {who}, ended {ago} s ago after {took} s: {outcome}, {after}{problem}")
    }
}

impl EarlierRun {
    /// Describes how the run ended, in one line for people. `now` is the current time, in seconds since
    /// 1970-01-01 UTC.
    #[must_use]
    pub fn line(&self, now: u64) -> String {
        let Self { who, command, outcome, .. } = self;
        let ago = in_one_unit(now.saturating_sub(self.ended));
        let number =
            |number: Option<u64>| number.map_or_else(|| "none".to_owned(), |number| number.to_string());
        let way = if self.before == self.after {
            number(self.after)
        } else {
            format!("{} → {}", number(self.before), number(self.after))
        };
        let code = self.code.map(|code| format!(" [{code}]")).unwrap_or_default();
        format!("{command} by {who}, {ago} ago: {outcome}, generation {way}{code}")
    }

    fn of(run: &LastRun) -> Self {
        let number =
            |generation: &Option<Generation>| generation.as_ref().map(|generation| generation.number);
        Self {
            who: run.holder.who.clone(),
            command: run.holder.command.clone(),
            ended: run.ended,
            before: number(&run.report.before),
            after: number(&run.report.after),
            outcome: run.report.outcome,
            code: run.report.problem.as_ref().map(|problem| problem.code),
        }
    }
}

/// Formats a duration in the largest unit that gives a number of at least two, such as `3 h`.
fn in_one_unit(seconds: u64) -> String {
    let unit = [(86400, "days"), (3600, "h"), (60, "min")].into_iter().find(|(unit, _)| seconds >= 2 * unit);
    let (unit, name) = unit.unwrap_or((1, "s"));
    format!("{} {name}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(run: Option<&RunId>, number: u64) -> LastRun {
        let generation = |number| serde_json::json!({ "number": number, "closure": "/nix/store/x" });
        let report = serde_json::json!({
            "schema": 1, "host": "web-1", "outcome": "ok", "before": generation(number - 1),
            "after": generation(number), "stepsDone": 1, "kept": [], "problem": null, "recovered": null,
            "durationMs": 5,
        });
        let holder =
            serde_json::json!({ "who": "ada@desk", "command": "apply", "pid": 1, "since": 1, "run": run });
        LastRun::ended(serde_json::from_value(holder).unwrap(), serde_json::from_value(report).unwrap(), 2)
    }

    #[test]
    fn the_last_runs_stay_known_and_no_more() {
        let one_after_the_other =
            |former, number: u64| Some(ended(Some(&RunId::of(number.into())), number).with_earlier(former));
        let last = (1..=30).fold(None, one_after_the_other).unwrap();
        let after: Vec<u64> = last.earlier.iter().filter_map(|run| run.after).collect();
        assert_eq!(after, (10..30).rev().collect::<Vec<_>>());
        assert_eq!((last.earlier[0].before, last.earlier[0].who.as_str()), (Some(28), "ada@desk"));
    }

    #[test]
    fn a_run_that_ends_twice_is_known_once() {
        let (first, second) = (RunId::of(1), RunId::of(2));
        let last = ended(Some(&second), 2).with_earlier(Some(ended(Some(&first), 1)));
        let last = ended(Some(&second), 3).with_earlier(Some(last));
        assert_eq!((last.earlier.len(), last.earlier[0].after), (1, Some(1)));
    }

    #[test]
    fn a_notice_is_one_line_that_names_the_run() {
        let run: RunId = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let holder = LockHolder { process: 815, name: "apt-get".to_owned(), since: Some(1) };
        for (notice, line) in [
            (
                Notice::awaiting(run.clone(), 30),
                r#"{"schema":1,"awaitingConfirm":{"run":"RUN","seconds":30}}"#,
            ),
            (Notice::checking(run.clone()), r#"{"schema":1,"awaitingChecks":"RUN"}"#),
            (
                Notice::awaiting_apt(run.clone(), Some(holder)),
                r#"{"schema":1,"awaitingApt":{"run":"RUN","holder":{"process":815,"name":"apt-get","since":1}}}"#,
            ),
            (
                Notice::awaiting_apt(run.clone(), None),
                r#"{"schema":1,"awaitingApt":{"run":"RUN","holder":null}}"#,
            ),
        ] {
            let line = line.replace("RUN", &run);
            assert_eq!(serde_json::to_string(&notice).unwrap(), line);
            assert_eq!(serde_json::from_str::<Notice>(&line).unwrap(), notice);
        }
        let report = serde_json::to_string(&ended(None, 1).report).unwrap();
        assert!(serde_json::from_str::<Notice>(&report).is_err());
    }
}
