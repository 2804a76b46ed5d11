//! The names of runs on hosts.

use jiff::Timestamp;
use nixfleet_contract::run_id::RunId;
use rustix::rand::{GetRandomFlags, getrandom};

/// Creates the name of a new run.
pub fn new_run() -> RunId {
    let mut bytes = [0; 16];
    if getrandom(&mut bytes, GetRandomFlags::empty()).is_err() {
        // Without random numbers, the time and the process ID distinguish the runs of one machine.
        let now = Timestamp::now().as_nanosecond().cast_unsigned();
        return RunId::of(now ^ (u128::from(std::process::id()) << 96));
    }
    RunId::of(u128::from_le_bytes(bytes))
}
