//! Recovers a host from an interrupted run before the host is changed.

use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::{Code, Problem};

use crate::event::{Bus, EventKind, Level, Phase};
use crate::remote;
use crate::ssh::Session;

/// Recovers a host if its plan shows an interrupted run. Returns what the recovery did, or `None` if no run
/// was interrupted. After a recovery, the host must plan again.
///
/// # Errors
/// Fails if the host cannot be recovered, or if another run is changing it.
pub async fn recover(session: &Session, plan: &Plan, events: &Bus) -> Result<Option<String>, Problem> {
    let Some(run) = &plan.interrupted else { return Ok(None) };
    let host = session.host().name.as_str();
    let phase = |phase| events.say(EventKind::HostPhase { host: host.to_owned(), phase });
    phase(Phase::Recovering);
    let Some(text) = remote::recover(session).await? else {
        return Err(Problem::new(Code::Interrupted, "the host did not recover from an interrupted run")
            .at(host)
            .because(format!("another run is changing the host, or has recovered it from {run}"))
            .help(format!("check the state of the host: nixfleet status --host {host}; then apply again")));
    };
    events.say(EventKind::Log { level: Level::Warning, host: Some(host.to_owned()), text: text.clone() });
    phase(Phase::Planning);
    Ok(Some(text))
}
