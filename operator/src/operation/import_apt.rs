//! Import of the packages, holds, package sources and pins of one host.

use nixfleet_contract::problem::{Code, Problem};

use super::context::Context;
use super::targets::Targets;
use crate::import::apt::AptDraft;
use crate::remote;
use crate::stop::Stop;

/// Asks a host for its packages, holds, package sources and pins of apt. Changes nothing.
///
/// # Errors
/// The fleet cannot be evaluated, not exactly one host is selected, or the host cannot be reached or has no
/// apt.
pub async fn import_apt(targets: &Targets, context: &Context) -> Result<AptDraft, Stop> {
    let (_, sessions) = targets.connect(context).await?;
    let [session] = sessions.as_slice() else {
        let problem = Problem::new(Code::Usage, "exactly one host can be imported at a time");
        return Err(problem.help("name one host: nixfleet import apt web-1").into());
    };
    let text = remote::apt_of(session).await?;
    Ok(AptDraft::of(&session.host().name, &text))
}
