//! Brings a closure to a host ahead of its turn.

use std::sync::Arc;

use nixfleet_activate::problem::Problem;
use tokio::sync::mpsc::unbounded_channel;

use super::delivery::{self, Delivery};
use super::{COPY, PRELUDE};
use crate::nix::{CopyFailure, Freight, StorePath};
use crate::process::Ends;
use crate::ssh::Session;

/// Copies what the host lacks of a closure. Nothing keeps it there: should it be collected as garbage before its turn, it is
/// sent again.
///
/// # Errors
/// The closure did not arrive.
pub async fn send(session: &Session, paths: Vec<Arc<StorePath>>, substitute: bool) -> Result<(), Problem> {
    let freight = Freight { paths, substitute };
    // Nobody is interested in the lines of the conversation.
    let (sender, _) = unbounded_channel();
    let script = format!("{PRELUDE}\n{}", include_str!("scripts/send.sh"));
    let talk = move |ends: &mut Ends| Delivery::make(ends, &freight);
    session.connect().await?;
    let (mut output, delivery) = session.converse(&script, &[], COPY, sender, talk).await?;
    output.stdout.splice(..0, delivery.facts);
    let judged = session.judge(output);
    match (delivery.result, judged) {
        (Err(CopyFailure::Here(problem)), _) => Err(problem),
        (Err(CopyFailure::There { error, .. }), Ok(output)) => {
            Err(delivery::refused(session, &output, &error))
        }
        (_, judged) => judged.map(drop),
    }
}
