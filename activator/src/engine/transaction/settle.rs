//! Waits until a change has settled: its started units stay up, and the client has confirmed the change.

use std::thread;
use std::time::{Duration, Instant};

use nixfleet_contract::problem::Problem;
use nixfleet_contract::run::Confirmation;

use crate::engine::transaction::window::Window;
use crate::host::systemd::Watch;

/// The interval at which the started units are checked while waiting.
const PACE: Duration = Duration::from_secs(1);

/// Waits until the started units have stayed up long enough and the client has confirmed the change. The
/// client connects while the units are being watched. The units are checked once more at the end, so that the
/// report shows their final state. Returns the confirmation, or `None` if the change needs no confirmation
/// and so has no `window`. `patience` is added to the time limit of the window.
///
/// # Errors
/// Fails with the problem of the first unit that did not stay up, or with
/// [`nixfleet_contract::problem::Code::Unconfirmed`].
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
