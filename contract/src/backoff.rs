//! Pauses between repeated attempts.

use std::time::Duration;

/// A series of pauses, each twice as long as the previous one, up to a maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// Creates a series that starts with `first`, or with `longest` if `longest` is shorter than `first`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        let next = if first.as_nanos() < longest.as_nanos() { first } else { longest };
        Self { next, longest }
    }

    /// Returns the next pause. Each pause is twice as long as the previous one, up to the maximum.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.longest);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(first: u64, longest: u64) -> Vec<u64> {
        let mut backoff = Backoff::new(Duration::from_secs(first), Duration::from_secs(longest));
        (0..5).map(|_| backoff.pause().as_secs()).collect()
    }

    #[test]
    fn each_pause_is_twice_as_long_up_to_the_longest() {
        assert_eq!(pauses(1, 6), [1, 2, 4, 6, 6]);
        assert_eq!(pauses(9, 3), [3; 5]);
        assert_eq!(pauses(0, 3), [0; 5], "no pause stays none");
    }
}
