//! Removes the records of NixFleet from a host.

use std::sync::Arc;

use nixfleet_contract::forget::{ForgetMode, ForgetPlan, ForgetReport};
use nixfleet_contract::problem::Problem;

use super::{ask, short};
use crate::identity::operator;
use crate::ssh::Session;

const SCRIPT: &str = include_str!("scripts/forget.sh");

/// Asks a host which of its records would be removed, and what would stay. Returns `None` if the host has no
/// activator. Takes one SSH exec.
///
/// # Errors
/// The host cannot be reached, the SSH user cannot become root, or the activator refuses.
pub async fn plan_forget(session: &Session, mode: ForgetMode) -> Result<Option<ForgetPlan>, Problem> {
    let arguments = ["--dry-run", "--mode", mode.as_str()];
    let answer = ask(session, SCRIPT, &arguments, Vec::new(), session.to_answer()).await?;
    match answer.activator {
        Some(_) => {
            let plan: ForgetPlan = answer.document()?;
            Ok(Some(ForgetPlan { problem: plan.problem.map(short), ..plan }))
        }
        None => Ok(None),
    }
}

/// Removes the records of NixFleet from a host. The report names those of `directories` that still exist.
/// Returns `None` if the host has no activator any more. Takes one SSH exec.
///
/// # Errors
/// There is no report, because the host cannot be reached or its activator refuses.
pub async fn forget(
    session: &Session,
    mode: ForgetMode,
    directories: &[String],
) -> Result<Option<ForgetReport>, Problem> {
    let who = operator();
    let arguments = ["--mode", mode.as_str(), "--by", &who, "--directories", "-"];
    let list: Arc<[u8]> = directories.join("\n").into_bytes().into();
    let answer = ask(session, SCRIPT, &arguments, vec![list], session.to_change()).await?;
    match answer.activator {
        Some(_) => {
            let report: ForgetReport = answer.document()?;
            Ok(Some(ForgetReport { problem: report.problem.map(short), ..report }))
        }
        None => Ok(None),
    }
}
