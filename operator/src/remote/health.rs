//! Makes a host run its own health checks.

use nixfleet_contract::health::Checked;
use nixfleet_contract::problem::Problem;

use super::{ask, not_managed};
use crate::ssh::Session;

/// Makes the host run the health checks of its current generation, except those that run on the operator's
/// machine. Returns the results. Takes one SSH exec.
///
/// # Errors
/// The host cannot be reached, is not managed, the SSH user cannot become root, or the activator refuses.
pub async fn health(session: &Session) -> Result<Checked, Problem> {
    let answer =
        ask(session, include_str!("scripts/health.sh"), &[], Vec::new(), session.to_change()).await?;
    if answer.activator.is_none() {
        return Err(not_managed(session));
    }
    answer.document()
}
