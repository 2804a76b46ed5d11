//! Makes a host run its own health checks.

use nixfleet_contract::health::Checked;
use nixfleet_contract::problem::{Code, Problem};

use super::ask;
use crate::ssh::Session;

/// Makes the host run the health checks of its current generation, except those that run on the operator's
/// machine. Returns the results. Takes one SSH exec.
///
/// # Errors
/// The host cannot be reached, is not managed, the SSH user cannot become root, or the activator refuses.
pub async fn health(session: &Session) -> Result<Checked, Problem> {
    let answer =
        ask(session, include_str!("scripts/health.sh"), &[], Vec::new(), session.to_change()).await?;
    if answer.activator.is_some() {
        return answer.document();
    }
    let name = &session.host().name;
    Err(Problem::new(Code::NoGeneration, "the host is not managed yet")
        .at(name)
        .help(format!("apply to the host first: nixfleet apply --host {name}")))
}
