//! Units, through `systemctl`.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Host;
use super::clock::Since;
use super::command::{self, Finished};
use crate::problem::{Code, Problem};
use crate::values::UnitName;

/// How long a job may take: systemd's own default time limits for stop and start together.
const JOB_LIMIT: Duration = Duration::from_secs(200);
/// How long a question may take.
const QUERY_LIMIT: Duration = Duration::from_secs(60);
/// How long a unit may stay in between states after its job has ended.
const SETTLE_LIMIT: Duration = Duration::from_secs(15);
/// How long a service that cannot say that it is ready has to stay up to count as started.
const FIRST_MOMENTS: Duration = Duration::from_millis(200);
/// What is asked about each unit.
const PROPERTIES: &str = "--property=Id,LoadState,ActiveState,SubState,Type,Result,ConditionResult,TriggeredBy,\
                          Triggers,InvocationID";

/// The systemd of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Systemd(());

/// A unit as systemd shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitState {
    /// `ActiveState`: `active`, `inactive`, `failed`, `activating` …
    pub active: String,
    /// `SubState`: `running`, `dead`, `auto-restart` …
    pub sub: String,
    /// `Type` of a service, `oneshot` for one; empty for other units.
    pub service_type: String,
    /// `Result` of the last run, `success` where all is well.
    pub result: String,
    /// Whether its conditions held when it was last started.
    pub condition: bool,
    /// Timers, sockets and paths that start it.
    pub triggered_by: Vec<String>,
    /// What it starts, if it is a timer, socket or path.
    pub triggers: Vec<String>,
    /// Identifies one run of the unit; another run has another.
    pub invocation: String,
}

impl UnitState {
    /// Whether it runs, or is about to.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.active.as_str(), "active" | "activating" | "reloading" | "refreshing")
    }

    /// Whether it failed.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.active == "failed"
    }
}

/// What is done to a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Restart it.
    Restart,
    /// Reload it.
    Reload,
}

impl Verb {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
        }
    }
}

impl Systemd {
    /// The systemd of a host; nothing for a tree of files, or where another init runs.
    #[must_use]
    pub fn of(host: &Host) -> Option<Self> {
        (host.is_machine() && Path::new("/run/systemd/system").is_dir()).then_some(Self(()))
    }

    /// Asks for the state of units, of all running instances where a template is named. One call for all.
    ///
    /// # Errors
    /// [`Code::Unit`] where systemd does not answer.
    pub fn show(self, units: &[&UnitName]) -> Result<BTreeMap<UnitName, UnitState>, Problem> {
        let (templates, plain): (Vec<&UnitName>, Vec<&UnitName>) =
            units.iter().partition(|unit| unit.is_template());
        if units.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut argv: Vec<String> =
            ["systemctl", "show", "--no-pager", PROPERTIES, "--"].map(str::to_owned).to_vec();
        argv.extend(plain.iter().map(ToString::to_string));
        argv.extend(templates.iter().map(|template| template.replacen("@.", "@*.", 1)));
        let finished = query(&argv)?;
        Ok(parse_show(&finished.stdout, &plain))
    }

    /// Makes systemd read its unit files again.
    ///
    /// # Errors
    /// [`Code::Unit`].
    pub fn daemon_reload(self) -> Result<(), Problem> {
        let argv = ["systemctl", "daemon-reload"].map(str::to_owned);
        let finished = command::run(&argv, JOB_LIMIT).map_err(|error| no_answer(&error))?;
        if finished.success() {
            return Ok(());
        }
        Err(Problem::new(Code::Unit, "systemd could not read its unit files again").because(finished.why()))
    }

    /// Does one thing to several units at once, so that systemd orders them, and waits until each is settled.
    ///
    /// # Errors
    /// [`Code::Unit`] for the first unit that did not get where it should, with its last messages.
    pub fn job(self, verb: Verb, units: &[&UnitName]) -> Result<(), Problem> {
        if units.is_empty() {
            return Ok(());
        }
        let since = Since::now();
        if matches!(verb, Verb::Start | Verb::Restart) {
            // A unit that failed too often of late would not be started even once it is right.
            for unit in units {
                self.reset_failed(unit);
            }
        }
        let mut argv: Vec<String> =
            ["systemctl", "--no-ask-password", verb.as_str(), "--"].map(str::to_owned).to_vec();
        argv.extend(units.iter().map(ToString::to_string));
        let finished = command::run(&argv, JOB_LIMIT).map_err(|error| no_answer(&error))?;
        self.judge(verb, units, since)?;
        if finished.success() {
            return Ok(());
        }
        let names: Vec<&str> = units.iter().map(|unit| &***unit).collect();
        Err(failed(verb, &names.join(", "), &finished.why()))
    }

    /// Does one thing to several units without waiting for it.
    ///
    /// # Errors
    /// [`Code::Unit`] where systemd does not take the job.
    pub fn queue(self, verb: Verb, units: &[&UnitName]) -> Result<(), Problem> {
        if units.is_empty() {
            return Ok(());
        }
        let mut argv: Vec<String> =
            ["systemctl", "--no-block", verb.as_str(), "--"].map(str::to_owned).to_vec();
        argv.extend(units.iter().map(ToString::to_string));
        query(&argv).map(drop)
    }

    /// Has systemd look anew at what a booting host should start, without waiting for it.
    ///
    /// # Errors
    /// [`Code::Unit`] where systemd does not answer.
    pub fn boot_on(self) -> Result<(), Problem> {
        query(&["systemctl", "--no-block", "start", "default.target"].map(str::to_owned)).map(drop)
    }

    /// Looks once more at services that were started and cannot say when they are ready: one that ends at once, over
    /// a wrong configuration say, ends within moments.
    ///
    /// # Errors
    /// [`Code::Unit`] for the first that did not stay up.
    pub fn stay_up(self, units: &[&UnitName], since: Since) -> Result<(), Problem> {
        let states = self.show(units)?;
        let mute = |unit: &&&UnitName| {
            let service_type = states.get(**unit).map_or("", |state| &state.service_type);
            matches!(service_type, "simple" | "exec" | "idle" | "forking")
        };
        let units: Vec<&UnitName> = units.iter().filter(mute).copied().collect();
        if units.is_empty() {
            return Ok(());
        }
        thread::sleep(FIRST_MOMENTS.saturating_sub(since.elapsed()));
        self.judge(Verb::Start, &units, since)?;
        never_ended(&units, since)
    }

    fn judge(self, verb: Verb, units: &[&UnitName], since: Since) -> Result<(), Problem> {
        let states = self.settle(units)?;
        for unit in units {
            let state = states.get(*unit).cloned().unwrap_or_default();
            if let Some(why) = fault(verb, &state) {
                return Err(failed(verb, unit, &format!("{why}{}", last_messages(unit, since))));
            }
        }
        Ok(())
    }

    /// Forgets that a unit failed, so that it stands as one that was never started.
    pub fn reset_failed(self, unit: &UnitName) {
        // A unit that is gone altogether cannot be reset, and need not be.
        let _ = command::run(&["systemctl", "reset-failed", "--", unit], QUERY_LIMIT);
    }

    /// Waits until no unit is in between two states.
    fn settle(self, units: &[&UnitName]) -> Result<BTreeMap<UnitName, UnitState>, Problem> {
        let deadline = Instant::now() + SETTLE_LIMIT;
        let mut pause = Duration::from_millis(20);
        loop {
            let states = self.show(units)?;
            let moving = |state: &UnitState| {
                state.sub != "auto-restart"
                    && matches!(state.active.as_str(), "activating" | "deactivating" | "reloading")
            };
            if !states.values().any(moving) || Instant::now() >= deadline {
                return Ok(states);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(500));
        }
    }
}

/// A service that ends and is started again over and over is up at many an instant. Systemd counts those starts, anew
/// with each that was asked for.
fn never_ended(units: &[&UnitName], since: Since) -> Result<(), Problem> {
    for unit in units.iter().filter(|unit| !unit.is_template()) {
        let argv = ["systemctl", "show", "--value", "--property=NRestarts", "--", unit].map(str::to_owned);
        let restarts = query(&argv)?.stdout.trim().parse().unwrap_or(0_u32);
        if restarts > 0 {
            let why = format!("it ended, and systemd started it again{}", last_messages(unit, since));
            return Err(failed(Verb::Start, unit, &why));
        }
    }
    Ok(())
}

/// Why a unit is not where it should be after a job.
fn fault(verb: Verb, state: &UnitState) -> Option<String> {
    let oneshot = state.service_type == "oneshot";
    let good = match verb {
        Verb::Stop => !state.is_up(),
        _ if state.sub.starts_with("auto-restart") => false,
        _ if state.active == "active" => true,
        // It ran and ended, or its conditions did not hold.
        _ => state.active == "inactive" && state.result == "success" && (oneshot || !state.condition),
    };
    (!good).then(|| format!("it is {} ({}), result {}", state.active, state.sub, state.result))
}

fn failed(verb: Verb, unit: &str, why: &str) -> Problem {
    Problem::new(Code::Unit, format!("Unit {unit} did not {}", verb.as_str()))
        .at(unit)
        .because(why)
        .help(format!("look at `journalctl -u {unit}` on the host, correct the unit, then apply again"))
}

/// The last lines about a unit since a time, each on a line of its own; empty where there are none.
fn last_messages(unit: &str, since: Since) -> String {
    let since = format!("--since=@{}", since.seconds());
    let argv = ["journalctl", "--no-pager", "-q", "-n", "20", "-o", "cat", &since, "-u", unit];
    let Ok(finished) = command::run(&argv, QUERY_LIMIT) else { return String::new() };
    let printable =
        |line: &str| line.replace('\t', "  ").chars().filter(|c| !c.is_control()).collect::<String>();
    finished.stdout.lines().flat_map(|line| ["\n".to_owned(), printable(line)]).collect()
}

fn query(argv: &[String]) -> Result<Finished, Problem> {
    let finished = command::run(argv, QUERY_LIMIT).map_err(|error| no_answer(&error))?;
    if finished.success() {
        return Ok(finished);
    }
    Err(Problem::new(Code::Unit, "systemd did not answer").because(finished.why()))
}

fn no_answer(error: &std::io::Error) -> Problem {
    Problem::new(Code::Unit, "systemctl could not be run").because(error)
}

/// Blocks stand in the order asked for; instances of templates follow.
fn parse_show(text: &str, plain: &[&UnitName]) -> BTreeMap<UnitName, UnitState> {
    let mut states = BTreeMap::new();
    for (index, block) in text.split("\n\n").filter(|block| !block.trim().is_empty()).enumerate() {
        let properties: BTreeMap<&str, &str> =
            block.lines().filter_map(|line| line.split_once('=')).collect();
        let get = |key: &str| properties.get(key).copied().unwrap_or_default().to_owned();
        let list = |key: &str| get(key).split_whitespace().map(str::to_owned).collect();
        let name = plain.get(index).map(|name| (*name).clone()).or_else(|| get("Id").parse().ok());
        let Some(name) = name else { continue };
        let state = UnitState {
            active: get("ActiveState"),
            sub: get("SubState"),
            service_type: get("Type"),
            result: get("Result"),
            condition: get("ConditionResult") != "no",
            triggered_by: list("TriggeredBy"),
            triggers: list("Triggers"),
            invocation: get("InvocationID"),
        };
        states.insert(name, state);
    }
    states
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_matched_by_order_and_instances_by_name() {
        let web: UnitName = "web.service".parse().unwrap();
        let text = "Id=canonical.service\nActiveState=active\nSubState=running\nType=simple\nResult=success\n\
                    ConditionResult=yes\nTriggeredBy=web.timer web.socket\nTriggers=\nInvocationID=ab\n\n\
                    Id=job@a.service\nActiveState=inactive\nSubState=dead\nConditionResult=no\n";
        let states = parse_show(text, &[&web]);
        assert_eq!(states[&web].triggered_by, ["web.timer", "web.socket"]);
        assert!(states[&web].is_up() && states[&web].condition);
        let instance: UnitName = "job@a.service".parse().unwrap();
        assert!(!states[&instance].is_up() && !states[&instance].condition);
    }

    #[test]
    fn a_unit_is_judged_by_where_it_ended() {
        let state = |active: &str, sub: &str, service_type: &str, result: &str| UnitState {
            active: active.to_owned(),
            sub: sub.to_owned(),
            service_type: service_type.to_owned(),
            result: result.to_owned(),
            condition: true,
            ..UnitState::default()
        };
        assert_eq!(fault(Verb::Start, &state("active", "running", "simple", "success")), None);
        assert_eq!(fault(Verb::Start, &state("inactive", "dead", "oneshot", "success")), None);
        assert!(fault(Verb::Start, &state("inactive", "dead", "simple", "success")).is_some());
        assert!(fault(Verb::Start, &state("activating", "auto-restart", "simple", "exit-code")).is_some());
        assert!(fault(Verb::Start, &state("failed", "failed", "oneshot", "exit-code")).is_some());
        assert_eq!(fault(Verb::Stop, &state("failed", "failed", "simple", "timeout")), None);
        assert!(fault(Verb::Stop, &state("active", "running", "simple", "success")).is_some());
    }
}
