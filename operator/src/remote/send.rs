//! Brings a closure to a host ahead of its turn.

use std::sync::Arc;

use nixfleet_contract::problem::Problem;
use tokio::sync::mpsc::channel;

use super::delivery::deliver;
use crate::nix::{StorePath, Transfer};
use crate::ssh::Session;

/// Copies what the host lacks of a closure. No root protects it there: if it is collected as garbage before
/// the host has its turn, it is sent again.
///
/// # Errors
/// The closure was not copied completely.
pub async fn send(session: &Session, paths: Vec<Arc<StorePath>>, substitute: bool) -> Result<(), Problem> {
    // There is no run, so there are no notices.
    let (sender, _) = channel(1);
    let transfer = Transfer { paths, substitute };
    session.connect().await?;
    let script = include_str!("scripts/send.sh");
    deliver(session, script, &[], transfer, session.to_copy(), sender, || ()).await?.map(drop)
}
