//! Downloads packages of apt to a host ahead of an apply.

use std::time::Duration;

use nixfleet_contract::apt::downloaded::Downloaded;
use nixfleet_contract::problem::Problem;

use super::ask;
use crate::ssh::Session;

/// The time limit for all files of a host.
const LIMIT: Duration = Duration::from_secs(3600);

/// Lets apt download the packages that an apply of a closure would install. The closure must be on the host.
/// Returns the units that the plan could not name. Takes one SSH exec.
///
/// # Errors
/// The host cannot be reached, the SSH user cannot become root, or a file cannot be downloaded.
pub async fn download(session: &Session, closure: &str) -> Result<Downloaded, Problem> {
    let limit = session.to_answer().saturating_add(LIMIT);
    let script = include_str!("scripts/download.sh");
    ask(session, script, &[closure], Vec::new(), limit).await?.document()
}
