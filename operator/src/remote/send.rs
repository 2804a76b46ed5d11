//! Copies a closure to a host before the host's turn in a rollout.

use std::sync::Arc;

use nixfleet_contract::problem::Problem;
use tokio::sync::mpsc::channel;

use super::delivery::{DeliveryFailure, deliver};
use crate::nix::{StorePath, Transfer};
use crate::ssh::Session;

/// Copies the missing paths of a closure to a host. On the host, no garbage collection root protects the
/// paths. If they are collected before the host's turn, they are sent again.
///
/// # Errors
/// The closure was not copied completely.
pub async fn send(session: &Session, paths: Vec<Arc<StorePath>>, substitute: bool) -> Result<(), Problem> {
    // This script starts no run, so there are no notices.
    let (sender, _) = channel(1);
    let transfer = Transfer { paths, substitute };
    session.connect().await?;
    let script = include_str!("scripts/send.sh");
    let delivered = deliver(session, script, &[], transfer, session.to_copy(), sender, || ()).await;
    delivered.map(drop).map_err(DeliveryFailure::into_problem)
}
