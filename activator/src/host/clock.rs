//! The clock on the wall. It may jump at any time, to anywhere: what it says is for people and logs, and
//! nothing that is done to a host may depend on it. Waiting is measured with [`Instant`], which never jumps.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What the clock says. Tests make it jump.
#[must_use]
pub fn now() -> SystemTime {
    #[cfg(feature = "fault-injection")]
    return super::injection::shifted(SystemTime::now());
    #[cfg(not(feature = "fault-injection"))]
    SystemTime::now()
}

/// The same in seconds since 1970-01-01 UTC; 0 before that.
#[must_use]
pub fn seconds() -> u64 {
    seconds_of(now())
}

fn seconds_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// The clock that never jumps, which systemd counts by, too: how long this machine has been up.
#[must_use]
pub fn since_boot() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let part = u32::try_from(now.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(now.tv_sec).unwrap_or_default(), part)
}

/// A moment by both clocks: to find it in a log, and to know how long ago it was.
#[derive(Clone, Copy, Debug)]
pub struct Since {
    wall: SystemTime,
    steady: Instant,
}

impl Since {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        Self { wall: now(), steady: Instant::now() }
    }

    /// How long ago it was.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.steady.elapsed()
    }

    /// What the wall said then, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn seconds(self) -> u64 {
        seconds_of(self.wall)
    }
}
