//! Waits until a change has shown that it holds: what was started stays up, and somebody has confirmed it.

use std::thread;
use std::time::{Duration, Instant};

use nixfleet_contract::problem::Problem;
use nixfleet_contract::run::Confirmation;

use crate::engine::transaction::window::Window;
use crate::host::systemd::Watch;

/// How often units are looked at meanwhile.
const PACE: Duration = Duration::from_secs(1);

/// Waits for both at once: the new connection is on its way while the units show that they stay up. The last look at
/// the units comes after everything else, so that what is reported is how the host ends. Returns what was said with the
/// confirmation, which may take so much longer than its window.
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
