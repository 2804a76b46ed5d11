//! Downloads the files of packages ahead of an apply.

use std::thread;
use std::time::{Duration, Instant};

use nixfleet_contract::apt::plan::AptPhase;
use nixfleet_contract::problem::Problem;

use super::planning::{self, activator};
use crate::engine::plan::planner;
use crate::engine::plan::target::Target;
use crate::host::Host;
use crate::host::apt::lock;
use crate::host::apt::transaction::AptCall;
use crate::host::client;

/// The time in which a download of an interrupted command ends. A lock that is held for longer belongs to
/// another program.
const ENDS_WITHIN: Duration = Duration::from_secs(5);
/// The pause between two checks of the locks.
const PAUSE: Duration = Duration::from_millis(100);

/// Downloads the files that apt needs for an apply of a target, into the cache of apt. Changes nothing else.
/// Ends at once, together with apt, if nobody waits for the answer any more.
///
/// Does nothing while another program uses apt or dpkg, because their answers may change at any moment. In
/// this case, the apply waits for the program and downloads the files itself.
///
/// # Errors
/// As for [`planner::plan`] and [`planning::add`], or the messages of apt if a file cannot be downloaded.
pub fn download(host: &Host, target: &Target) -> Result<(), Problem> {
    let is_locked = || lock::holder().is_some();
    let deadline = Instant::now() + ENDS_WITHIN;
    while is_locked() && Instant::now() < deadline {
        thread::sleep(PAUSE);
    }
    if is_locked() {
        return Ok(());
    }
    let downloaded = unlocked(host, target);
    if is_locked() { Ok(()) } else { downloaded }
}

fn unlocked(host: &Host, target: &Target) -> Result<(), Problem> {
    let mut planned = planner::plan(host, target)?;
    let view = planning::add(host, target, &mut planned, false)?;
    let Some(plan) = planned.plan.apt.filter(|plan| plan.in_phase(AptPhase::Before).next().is_some()) else {
        return Ok(());
    };
    let options = view.as_ref().map_or(&[][..], |view| &view.options);
    let activator = activator();
    let call = AptCall { activator: &activator, options };
    call.download(&plan, &client::has_left)
}
