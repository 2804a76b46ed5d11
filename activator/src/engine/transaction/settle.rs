//! Waits until a change has shown that it holds: the started units stay up, and the change is confirmed.

use std::thread;
use std::time::{Duration, Instant};

use nixfleet_contract::problem::Problem;
use nixfleet_contract::run::Confirmation;

use crate::engine::transaction::window::Window;
use crate::host::systemd::Watch;

/// How often the units are checked while waiting.
const PACE: Duration = Duration::from_secs(1);

/// Waits for both at once: the new connection is made while the units show that they stay up. The units are
/// checked once more at the very end, so that the report shows the final state. Returns the confirmation;
/// `patience` extends its window.
///
/// # Errors
/// The first unit that did not stay up, or [`nixfleet_contract::problem::Code::Unconfirmed`].
pub fn settle(
    watch: &Watch,
    window: Option<Window<'_>>,
    patience: Duration,
) -> Result<Option<Confirmation>, Problem> {
    let mut open =
        window.map(|window| window.open(patience).map(|deadline| (window, deadline))).transpose()?;
    let mut confirmation = None;
    while open.is_some() || watch.due().is_some() {
        let next = Instant::now() + PACE;
        let next = watch.due().map_or(next, |due| due.min(next));
        match open {
            Some((window, deadline)) => {
                confirmation = window.wait(next.min(deadline));
                if confirmation.is_some() {
                    open = None;
                } else if Instant::now() >= deadline {
                    return Err(window.unconfirmed(patience));
                }
            }
            None => thread::sleep(next.saturating_duration_since(Instant::now())),
        }
        watch.look()?;
    }
    Ok(confirmation)
}
