//! The wall clock and the monotonic clock.
//!
//! The wall clock may jump at any time, in either direction. The wall clock time is only for display and
//! logs, and no change to a host may depend on it. Durations are measured with [`Instant`], which never
//! jumps.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Returns the time of the wall clock. Tests can shift this time.
#[must_use]
pub fn now() -> SystemTime {
    #[cfg(feature = "fault-injection")]
    return super::injection::shifted(SystemTime::now());
    #[cfg(not(feature = "fault-injection"))]
    SystemTime::now()
}

/// Returns the time of the wall clock in seconds since 1970-01-01 UTC, or 0 for an earlier time.
#[must_use]
pub fn seconds() -> u64 {
    seconds_of(now())
}

fn seconds_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// Returns the time since boot on the monotonic clock, which systemd also uses for its timestamps.
#[must_use]
pub fn since_boot() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let part = u32::try_from(now.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(now.tv_sec).unwrap_or_default(), part)
}

/// A moment on both clocks. The wall clock time identifies the moment in a log, and the monotonic time is
/// used to measure the time since the moment.
#[derive(Clone, Copy, Debug)]
pub struct Since {
    wall: SystemTime,
    steady: Instant,
}

impl Since {
    /// Returns the current moment.
    #[must_use]
    pub fn now() -> Self {
        Self { wall: now(), steady: Instant::now() }
    }

    /// Returns the time since this moment.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.steady.elapsed()
    }

    /// Returns the wall clock time of this moment, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn seconds(self) -> u64 {
        seconds_of(self.wall)
    }
}
