//! The limit on evaluations that run at the same time.

use std::num::NonZeroUsize;
use std::thread;

use crate::process::{PeakMemory, available_memory};

/// The memory that an evaluation is expected to take before one has ended, in bytes. A small NixOS system
/// takes about half of this.
const FIRST_ESTIMATE: u64 = 1 << 30;

/// The limit on evaluations that run at the same time.
#[derive(Debug)]
pub struct EvalLimit {
    /// The maximum number of evaluations that the user has chosen. It replaces the limits below.
    chosen: Option<NonZeroUsize>,
    /// The number of processors.
    processors: usize,
    /// The largest amount of memory that an ended evaluation has taken, in bytes.
    largest: Option<u64>,
}

impl EvalLimit {
    /// Creates the limit that the user has chosen, or the limit of this machine.
    #[must_use]
    pub fn new(chosen: Option<NonZeroUsize>) -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { chosen, processors, largest: None }
    }

    /// Records the memory that an evaluation has taken. A peak of 0 is unknown.
    pub fn ended(&mut self, memory: &PeakMemory) {
        let peak = memory.bytes();
        if peak > 0 {
            self.largest = self.largest.max(Some(peak));
        }
    }

    /// Whether another evaluation may start beside the running ones.
    #[must_use]
    pub fn allows_another(&self, running: &[PeakMemory]) -> bool {
        let running: Vec<u64> = running.iter().map(PeakMemory::bytes).collect();
        self.allows(&running, available_memory())
    }

    /// Whether another evaluation may start. `running` has the memory that each running evaluation has taken
    /// so far. `available` is the memory that the machine has left, if it is known.
    fn allows(&self, running: &[u64], available: Option<u64>) -> bool {
        let most = self.chosen.map_or(self.processors, NonZeroUsize::get);
        if running.is_empty() || running.len() >= most {
            return running.is_empty();
        }
        let (None, Some(available)) = (self.chosen, available) else { return true };
        let so_far = running.iter().copied().max();
        let expected = self.largest.unwrap_or(FIRST_ESTIMATE).max(so_far.unwrap_or_default());
        // The running evaluations will grow to this size, too.
        let growth: u64 = running.iter().map(|taken| expected - taken).sum();
        available >= expected.saturating_add(growth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn limit(chosen: usize, largest: Option<u64>) -> EvalLimit {
        EvalLimit { chosen: NonZeroUsize::new(chosen), processors: 4, largest }
    }

    #[test]
    fn one_evaluation_always_runs() {
        assert!(limit(0, None).allows(&[], Some(0)));
        assert!(limit(1, Some(u64::MAX)).allows(&[], Some(0)));
    }

    #[test]
    fn processors_and_available_memory_are_the_limit() {
        let mib = |mib: u64| Some(mib * MIB);
        // Before the first evaluation has ended, each is expected to take 1 GiB.
        assert!(limit(0, None).allows(&[0], mib(2048)));
        assert!(!limit(0, None).allows(&[0], mib(2047)));
        assert!(limit(0, None).allows(&[1024 * MIB], mib(1024)));
        // An ended evaluation gives a better estimate, and a running one that is larger an even better one.
        assert!(limit(0, mib(100)).allows(&[50 * MIB, 100 * MIB], mib(150)));
        assert!(!limit(0, mib(100)).allows(&[50 * MIB, 100 * MIB], mib(149)));
        assert!(!limit(0, mib(100)).allows(&[50 * MIB, 200 * MIB], mib(349)));
        assert!(limit(0, mib(100)).allows(&[50 * MIB, 200 * MIB], mib(350)));
        assert!(!limit(0, mib(1)).allows(&[MIB; 4], mib(1 << 20)));
        assert!(limit(0, mib(1)).allows(&[MIB; 3], None));
    }

    #[test]
    fn the_limit_of_the_user_replaces_those_of_the_machine() {
        assert!(limit(8, None).allows(&[1 << 30; 7], Some(0)));
        assert!(!limit(8, None).allows(&[0; 8], None));
        assert!(!limit(1, None).allows(&[0], None));
    }
}
