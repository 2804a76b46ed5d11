//! Reads the packages, holds, package sources and pins of apt on a host.

use nixfleet_contract::problem::{Code, Problem};

use super::ask;
use crate::ssh::Session;

/// Returns the packages, holds, package sources and pins of a host, as the lines that the script prints.
/// Takes one SSH exec, without root.
///
/// # Errors
/// The host cannot be reached, or has no apt.
pub async fn apt_of(session: &Session) -> Result<String, Problem> {
    let script = include_str!("scripts/import-apt.sh");
    let text = ask(session, script, &[], Vec::new(), session.to_answer()).await?.lines()?;
    if text.lines().next() == Some("none") {
        return Err(Problem::new(Code::Import, "the host has no apt")
            .at(&session.host().name)
            .help("import from a host with Ubuntu or Debian"));
    }
    Ok(text)
}
