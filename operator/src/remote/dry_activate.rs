//! Asks NixOS on a host what the activation of a system would do.

use std::time::Duration;

use nixfleet_contract::nixos::DryActivation;
use nixfleet_contract::problem::Problem;

use super::ask;
use crate::ssh::Session;

/// The time limit of the activator for `switch-to-configuration dry-activate`.
const LIMIT: Duration = Duration::from_secs(120);

/// Returns what `switch-to-configuration dry-activate` of a closure prints. The closure must be on the host.
/// Takes one SSH exec.
///
/// # Errors
/// The host cannot be reached, the SSH user cannot become root, or the program fails.
pub async fn dry_activate(session: &Session, closure: &str) -> Result<DryActivation, Problem> {
    let limit = session.to_answer().saturating_add(LIMIT);
    let script = include_str!("scripts/dry-activate.sh");
    ask(session, script, &[closure], Vec::new(), limit).await?.document()
}
