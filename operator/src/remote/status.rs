//! Queries the status of a host.

use nixfleet_contract::problem::Problem;
use nixfleet_contract::status::Status;

use super::ask;
use crate::ssh::Session;

/// Returns the status of a host, or `None` if the host is not managed. Takes one SSH exec.
///
/// # Errors
/// The host cannot be reached, the SSH user cannot become root, or the activator refuses.
pub async fn status(session: &Session) -> Result<Option<Status>, Problem> {
    let answer =
        ask(session, include_str!("scripts/status.sh"), &[], Vec::new(), session.to_answer()).await?;
    match answer.activator {
        Some(_) => answer.document().map(Some),
        None => Ok(None),
    }
}
