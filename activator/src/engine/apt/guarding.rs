//! The guard of a transaction of apt: checks that dpkg is about to do exactly what was planned, and holds the
//! starts of new units. apt starts it after the download, with the lock of dpkg, see
//! [`crate::host::apt::guard`].

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use nixfleet_contract::apt::FirstStart;
use nixfleet_contract::apt::plan::{PackageChange, PackageOperation};
use nixfleet_contract::values::UnitName;

use super::held;
use super::journal::AptJournal;
use crate::digest;
use crate::host::Host;
use crate::host::apt::{archive, guard};
use crate::host::systemd::Systemd;

/// Guards the transaction that the journal of apt describes. `input`: what apt sends.
///
/// # Errors
/// Fails with a clause that says why dpkg must not start.
pub fn guard(host: &Host, input: &str) -> Result<(), String> {
    let journal = AptJournal::read(host).map_err(|problem| problem.to_string())?;
    let journal = journal.ok_or("no transaction is planned")?;
    let planned: Vec<&PackageChange> = journal.plan.in_phase(journal.phase).collect();
    let unpacked = guard::check(&planned, input, |file| Ok(digest::of_reader(File::open(file)?)?.0))?;
    let mut units = BTreeMap::new();
    for (change, file) in unpacked {
        if matches!(change.change, PackageOperation::Install { .. }) {
            units.extend(held_units(&journal, change, &file)?);
        }
    }
    let holds = !units.is_empty();
    held::hold(host, units).map_err(|problem| problem.to_string())?;
    match Systemd::of(host).filter(|_| holds) {
        Some(systemd) => systemd.daemon_reload().map_err(|problem| problem.to_string()),
        None => Ok(()),
    }
}

/// Returns the units of a new package whose starts are held, each with whether the release starts it.
fn held_units(
    journal: &AptJournal,
    change: &PackageChange,
    file: &str,
) -> Result<BTreeMap<UnitName, bool>, String> {
    let start = journal.starts.get(&change.name).copied().unwrap_or_default();
    let starts = match start {
        FirstStart::Distribution => return Ok(BTreeMap::new()),
        FirstStart::AfterActivation => true,
        FirstStart::Never => false,
    };
    let paths = archive::paths(Path::new(file)).map_err(|problem| problem.to_string())?;
    Ok(archive::units(&paths).into_iter().map(|unit| (unit, starts)).collect())
}
