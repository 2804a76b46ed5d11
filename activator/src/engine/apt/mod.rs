//! Packages of apt: what apt would do on a host, and how it is carried out.
//!
//! - [`answers`]: the answers to questions of debconf that change
//! - [`mod@ask`]: the questions to dpkg and apt
//! - [`request`][]: what apt is asked for, from the declared packages and the host
//! - [`needed`][]: the owned packages that nothing needs any more
//! - [`credentials`]: the files with the logins for package sources
//! - [`view`]: the package sources that apt sees
//! - [`mod@plan`]: the plan, from the answer of apt
//! - `objections`: reasons to refuse the plan
//! - [`space`]: the space that the plan needs on each filesystem
//! - [`units`]: the units of the packages that change
//! - [`planning`]: the part of apt in the plan of a host
//! - [`mod@drift`]: differences between the packages of a host and their declaration
//! - [`run`][]: the transactions before and after the change of the host
//! - [`guarding`]: the check just before dpkg starts
//! - [`held_units`][]: the units of new packages whose starts are held
//! - `drop_ins`: the files that hold the starts of these units
//! - [`release`][]: the held units that a change releases
//! - `waiting`: the wait for the locks of apt and dpkg
//! - `undo`: the notes of a change that failed after apt
//! - [`ran_before`]: the units that ran before apt and are down after it
//! - [`phases`]: the order of these transactions in an apply
//! - [`mod@journal`], [`owned`][]: the records on a host
//! - [`package_objects`][]: the paths, units and accounts that came with packages
//! - [`recover`]: the end of an interrupted transaction

pub mod answers;
pub mod ask;
pub mod credentials;
pub mod download;
pub mod drift;
mod drop_ins;
pub mod guarding;
pub mod held_units;
pub mod journal;
pub mod needed;
mod objections;
pub mod owned;
pub mod package_objects;
pub mod phases;
pub mod plan;
pub mod planning;
pub mod ran_before;
pub mod recover;
pub mod release;
pub mod request;
pub mod run;
pub mod space;
mod undo;
pub mod units;
pub mod view;
pub(crate) mod waiting;

use self::owned::OwnedPackages;
use crate::host::Host;

/// Whether the records of a host show that packages or units of packages may have to change, even if nothing
/// is declared.
#[must_use]
pub fn may_have_work(host: &Host) -> bool {
    let is_there = |record: &&str| !matches!(host.read_record(record), Ok(None));
    let records =
        [journal::RECORD, ran_before::RECORD, held_units::HELD, held_units::RELEASED, held_units::STILL_HELD];
    records.iter().any(is_there) || OwnedPackages::read(host).map_or(true, |owned| owned.has_work())
}
