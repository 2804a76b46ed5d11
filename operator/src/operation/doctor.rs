//! Doctor: inspects the operator's machine and hosts, and says what is missing.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use nixfleet_contract::outcome::Outcome;

use super::context::Context;
use super::targets::Targets;
use crate::doctor::{self, DoctorVerdict, Finding, Inspected};
use crate::event::{EventKind, Phase};
use crate::host_result::HostResult;
use crate::orchestrate::each;
use crate::remote::{self, bootstrap::Privilege};
use crate::ssh::Session;
use crate::stop::Stop;

/// The findings about the operator's machine and about hosts.
pub struct Diagnosis {
    /// The findings about the operator's machine and the fleet.
    pub machine: Vec<Finding>,
    /// The findings about each selected host.
    pub hosts: Vec<HostResult>,
}

/// Inspects the operator's machine and the selected hosts. Changes nothing. If the fleet cannot be evaluated,
/// no host is inspected.
///
/// # Errors
/// Fails only because of a bug.
pub async fn doctor(targets: &Targets, context: &Context) -> Result<Diagnosis, Stop> {
    let mut machine = doctor::machine().await;
    let sessions = match targets.connect(context).await {
        Ok((evaluated, sessions)) => {
            let hosts = evaluated.fleet.hosts.len();
            machine.push(Finding::good("fleet", format!("{}: {hosts} hosts", evaluated.origin.flake)));
            sessions
        }
        Err(problem) => {
            machine.push(Finding::of_problem("fleet", &problem));
            Vec::new()
        }
    };
    let asked = each(sessions.clone(), targets.at_once(), &context.interrupt, |session| {
        let events = context.events.clone();
        async move {
            let (host, began) = (session.host().name.clone(), Instant::now());
            events.say(EventKind::HostPhase { host: host.clone(), phase: Phase::Looking });
            let result = result(&session, &inspect(&session).await);
            events.say(EventKind::HostEnded(result.end(began.elapsed())));
            result
        }
    });
    let asked = asked.await?;
    let skipped = |session: &Arc<Session>| HostResult::new(&session.host().name, Outcome::Skipped);
    let hosts = sessions.iter().zip(asked).map(|(session, asked)| asked.unwrap_or_else(|| skipped(session)));
    Ok(Diagnosis { machine, hosts: hosts.collect() })
}

async fn inspect(session: &Session) -> Inspected {
    let facts = remote::bootstrap::facts(session, &Privilege::default(), &session.host().ssh.user).await;
    let now = Timestamp::now().as_second();
    let status = match &facts {
        Ok(facts) if facts.nix.is_some() => remote::status(session).await,
        Ok(_) => Ok(None),
        Err(problem) => Err(problem.clone()),
    };
    Inspected { facts, status, now }
}

fn result(session: &Session, inspected: &Inspected) -> HostResult {
    let host = session.host();
    let findings = doctor::host(host, inspected);
    let is_bad = findings.iter().any(|finding| finding.verdict == DoctorVerdict::Bad);
    let result = match &inspected.facts {
        Err(problem) => HostResult::failed(&host.name, problem.clone()),
        Ok(_) => HostResult::new(&host.name, if is_bad { Outcome::Failed } else { Outcome::Ok }),
    };
    HostResult { findings, ..result }
}
