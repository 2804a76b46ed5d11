//! Ends an interrupted transaction of apt. dpkg itself is repaired by the next plan.

use std::iter;

use nixfleet_contract::problem::Problem;
use tracing::{info, warn};

use super::held_units;
use super::journal::{self, AptJournal};
use super::owned::OwnedPackages;
use super::ran_before::{self, RanBefore};
use super::run::automatic;
use crate::engine::transaction::journal::Journal;
use crate::host::Host;
use crate::host::apt::dpkg::HostPackages;
use crate::host::apt::transaction;

/// Brings the records of apt up to date after a run that was interrupted, and starts the units again that apt
/// had stopped. Returns a note if a transaction of apt was interrupted. The caller must hold the lock, and
/// must have recovered the transaction of the host.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::Packages`] if dpkg does not answer,
/// [`nixfleet_contract::problem::Code::State`] if a record cannot be read, or the errors of writing one.
pub fn recover(host: &Host) -> Result<Option<String>, Problem> {
    held_units::forget(host)?;
    let journal = AptJournal::read(host)?;
    if let Some(journal) = &journal {
        settle(host, journal)?;
    }
    // The scripts of an unfinished package may need its unit to be down. The phase of apt that completes the
    // package starts the units.
    let awaits = awaits_units(host)?;
    if journal.is_none() && !awaits {
        return Ok(None);
    }
    let notes = if awaits { RanBefore::left(host)?.bring_back(host)? } else { Vec::new() };
    let note = "an interrupted run had started apt; the plan completes the packages that are left".to_owned();
    Ok(Some(iter::once(note).chain(notes).collect::<Vec<_>>().join("; ")))
}

/// Brings the records of packages up to date after an interrupted transaction, and removes its journal.
fn settle(host: &Host, journal: &AptJournal) -> Result<(), Problem> {
    info!("a transaction of apt was interrupted");
    let packages = HostPackages::read()?;
    // A mark that cannot be set does not matter: the package then stays when nothing needs it any more.
    let owned = OwnedPackages::read(host)?;
    let automatic = automatic(&journal.plan, &packages, (!journal.is_update).then_some(&owned));
    if let Err(failure) = transaction::mark("auto", automatic.iter()) {
        warn!("packages could not be marked as automatic: {}", failure.problem().why.unwrap_or_default());
    }
    owned.settled(&packages).write(host, &owned)?;
    held_units::forget_removed(host, |package| packages.is_on_host(package))?;
    host.remove_record(journal::RECORD)
}

/// Whether units that ran before an interrupted transaction may start again: no package is unfinished.
fn awaits_units(host: &Host) -> Result<bool, Problem> {
    Ok(ran_before::is_left(host) && HostPackages::read()?.unfinished().is_empty())
}

/// Describes an interrupted transaction of apt, whose records are not up to date; `None` if there is none.
#[must_use]
pub fn interrupted(host: &Host) -> Option<String> {
    match AptJournal::read(host) {
        Ok(journal) => {
            let is_left = journal.is_some() || awaits_units(host).unwrap_or(true);
            is_left.then(|| "a transaction of apt".to_owned())
        }
        Err(problem) => Some(problem.what),
    }
}

/// Whether a transaction of apt was interrupted while packages may have changed, and the change of the host
/// had not begun.
#[must_use]
pub fn is_interrupted(host: &Host) -> bool {
    AptJournal::read(host).is_ok_and(|journal| journal.is_some())
        && Journal::read(host).is_ok_and(|journal| journal.is_none())
}
