//! Plans and installs updates of the operating system of a host.

use std::sync::Arc;
use std::time::Duration;

use nixfleet_contract::generation::Generation;
use nixfleet_contract::os::update::{UpdatePlan, UpdateScope};
use nixfleet_contract::problem::Problem;
use nixfleet_contract::report::Report;
use serde::Deserialize;

use super::change::Change;
use super::report_check::Expected;
use super::run_id::new_run;
use super::{Terms, ask, not_managed};
use crate::identity::operator;
use crate::ssh::Session;

/// The time limit for fetching the lists of packages, and for the files of a host.
const DOWNLOADS: Duration = Duration::from_secs(3600);

/// The answer to a download, which has no content. A refusal has more fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Done {
    #[serde(rename = "schema")]
    _schema: u32,
}

/// Lets a host fetch its lists of packages, and asks which updates it would install. Apart from the lists,
/// nothing changes. Returns the plan and the activator that made it. Takes one SSH exec.
///
/// # Errors
/// The host cannot be reached, is not managed, or its activator refuses.
pub async fn plan_os_update(session: &Session, scope: UpdateScope) -> Result<(UpdatePlan, String), Problem> {
    let limit = session.to_answer().saturating_add(DOWNLOADS);
    let answer =
        ask(session, include_str!("scripts/os-plan.sh"), &[scope.as_str()], Vec::new(), limit).await?;
    let Some(activator) = answer.activator.clone() else { return Err(not_managed(session)) };
    Ok((answer.document()?, activator))
}

/// Lets a host download the files of a plan and keep them, so that exactly these files are installed later.
/// `plan`: the plan of the host as JSON. Takes one SSH exec.
///
/// # Errors
/// The host cannot be reached, or a file cannot be downloaded.
pub async fn download_os_update(session: &Session, activator: &str, plan: Arc<[u8]>) -> Result<(), Problem> {
    let limit = session.to_answer().saturating_add(DOWNLOADS);
    let script = include_str!("scripts/os-download.sh");
    ask(session, script, &[activator], vec![plan], limit).await?.document::<Done>().map(drop)
}

/// Installs the updates of the plan with this fingerprint, whose files the host has downloaded. `current`:
/// the generation in force, which an update leaves as it is.
///
/// # Errors
/// There is no report, because the host refused before the update began, or the report can no longer be
/// found.
pub async fn os_update(
    session: &Session,
    activator: &str,
    fingerprint: &str,
    current: &Generation,
    terms: Terms<'_>,
) -> Result<Report, Problem> {
    let run = new_run();
    let expected = Expected { closure: &current.closure, number: Some(current.number), is_named: false };
    // The change needs no confirmation, because nothing could be undone.
    let terms = Terms { confirm: None, ..terms };
    let change = Change::new(session, activator, &run, terms, expected);
    let who = operator();
    change.carry_out(include_str!("scripts/os-update.sh"), &[fingerprint, &who, &run, activator]).await
}
