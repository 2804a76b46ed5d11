//! Computes the states of units of the distribution in the recorded state after a transaction.

use std::collections::BTreeMap;

use nixfleet_contract::manifest::Manifest;
use nixfleet_contract::values::UnitName;

use crate::engine::observe::Observed;
use crate::engine::state::{OwnedUnitState, State};
use crate::host::systemd::UnitState;

/// Returns the states of units of the distribution after the transaction. The first transaction that starts
/// or stops a unit records whether the unit ran before.
#[must_use]
pub fn unit_states_after(
    old: &State,
    observed: &Observed,
    manifest: &Manifest,
) -> BTreeMap<UnitName, OwnedUnitState> {
    let runs = |unit: &UnitName| observed.units.as_ref()?.get(unit).map(UnitState::is_up);
    let state = |unit: &UnitName| old.unit_states.get(unit).and_then(|old| old.ran);
    let states = manifest.unit_states.iter().map(|(unit, declared)| {
        let ran = declared.runs().and_then(|_| state(unit).or_else(|| runs(unit)));
        (unit.clone(), OwnedUnitState { declared: *declared, ran })
    });
    states.collect()
}
