//! Asks a host how it stands.

use nixfleet_contract::problem::Problem;
use nixfleet_contract::status::Status;

use super::ask;
use crate::ssh::Session;

/// The status of a host, or nothing where it is not managed. One SSH exec.
///
/// # Errors
/// The host cannot be reached, gives no root, or its activator refuses.
pub async fn status(session: &Session) -> Result<Option<Status>, Problem> {
    let answer =
        ask(session, include_str!("scripts/status.sh"), &[], Vec::new(), session.to_answer()).await?;
    match answer.activator {
        Some(_) => answer.document().map(Some),
        None => Ok(None),
    }
}
