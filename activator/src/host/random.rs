//! Unique names of runs.

use std::time::UNIX_EPOCH;

use nixfleet_contract::run_id::RunId;
use rustix::rand::{GetRandomFlags, getrandom};

use super::clock;

/// Returns the id of a new run.
#[must_use]
pub fn run_id() -> RunId {
    let mut bytes = [0; 16];
    if getrandom(&mut bytes, GetRandomFlags::empty()).is_err() {
        // Without random numbers, time and process id distinguish the runs of one machine.
        let now = clock::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        return RunId::of(now ^ (u128::from(std::process::id()) << 96));
    }
    RunId::of(u128::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_runs_have_one_name() {
        assert_ne!(run_id(), run_id());
    }
}
