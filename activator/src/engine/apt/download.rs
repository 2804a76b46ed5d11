//! Downloads the files of packages ahead of an apply.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use nixfleet_contract::SCHEMA;
use nixfleet_contract::apt::FirstStart;
use nixfleet_contract::apt::declared::DeclaredPackage;
use nixfleet_contract::apt::downloaded::Downloaded;
use nixfleet_contract::apt::plan::{AptPhase, PackageChange};
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use super::planning::{self, activator};
use super::units;
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
/// Ends at once, together with apt, if nobody waits for the answer any more. Returns the units that a plan
/// could not name before the download.
///
/// Does nothing while another program uses apt or dpkg, because their answers may change at any moment. In
/// this case, the apply waits for the program and downloads the files itself.
///
/// # Errors
/// As for [`planner::plan`] and [`planning::add`], or the messages of apt if a file cannot be downloaded.
pub fn download(host: &Host, target: &Target) -> Result<Downloaded, Problem> {
    let is_locked = || lock::holder().is_some();
    let deadline = Instant::now() + ENDS_WITHIN;
    while is_locked() && Instant::now() < deadline {
        thread::sleep(PAUSE);
    }
    let nothing = Downloaded { schema: SCHEMA, units: BTreeSet::new() };
    if is_locked() {
        return Ok(nothing);
    }
    let units = unlocked(host, target);
    if is_locked() { Ok(nothing) } else { units.map(|units| Downloaded { units, ..nothing }) }
}

fn unlocked(host: &Host, target: &Target) -> Result<BTreeSet<UnitName>, Problem> {
    let mut planned = planner::plan(host, target)?;
    let view = planning::add(host, target, &mut planned, false)?;
    let Some(plan) = planned.plan.apt.filter(|plan| plan.in_phase(AptPhase::Before).next().is_some()) else {
        return Ok(BTreeSet::new());
    };
    let options = view.as_ref().map_or(&[][..], |view| &view.options);
    let activator = activator();
    let call = AptCall { activator: &activator, options };
    call.download(&plan, &client::has_left)?;
    let declared = target.manifest.apt.as_ref();
    let never = |package: &PackageChange| {
        let package = declared.and_then(|declared| declared.packages.get(&package.name));
        matches!(package, Some(DeclaredPackage::Present(it)) if it.start == FirstStart::Never)
    };
    let mut new: Vec<PackageChange> =
        plan.packages.into_iter().filter(|package| package.has_unknown_units() && !never(package)).collect();
    units::add(&mut new);
    Ok(new.iter().flat_map(PackageChange::brings).cloned().collect())
}
