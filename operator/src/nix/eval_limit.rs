//! The limit on evaluations that run at the same time.

use std::num::NonZeroUsize;
use std::thread;

use crate::process::{PeakMemory, available_memory};

/// The memory, in bytes, that each evaluation is expected to take until the first evaluation has ended. The
/// evaluation of a small NixOS system takes about half of this.
const FIRST_ESTIMATE: u64 = 1 << 30;

/// Decides whether another evaluation may start, depending on the running evaluations.
#[derive(Debug)]
pub struct EvalLimit {
    /// The maximum number of evaluations that the user has chosen. If it is set, the processors and the
    /// memory of this machine do not limit the evaluations.
    chosen: Option<NonZeroUsize>,
    /// The number of processors of this machine.
    processors: usize,
    /// The largest amount of memory that an ended evaluation has taken, in bytes.
    largest: Option<u64>,
}

impl EvalLimit {
    /// Creates the limit that the user has chosen. If `chosen` is `None`, creates a limit by the processors
    /// and the memory of this machine.
    #[must_use]
    pub fn new(chosen: Option<NonZeroUsize>) -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { chosen, processors, largest: None }
    }

    /// Records the memory that an ended evaluation has taken. A peak of 0 means that the memory is not known,
    /// and is ignored.
    pub fn ended(&mut self, memory: &PeakMemory) {
        let peak = memory.bytes();
        if peak > 0 {
            self.largest = self.largest.max(Some(peak));
        }
    }

    /// Whether another evaluation may start while the evaluations in `running` still run.
    #[must_use]
    pub fn allows_another(&self, running: &[PeakMemory]) -> bool {
        let running: Vec<u64> = running.iter().map(PeakMemory::bytes).collect();
        self.allows(&running, available_memory())
    }

    /// Whether another evaluation may start. `running` contains the memory that each running evaluation has
    /// taken so far. `available` is the memory that the machine can still give to programs, or `None` if it
    /// is not known.
    fn allows(&self, running: &[u64], available: Option<u64>) -> bool {
        let most = self.chosen.map_or(self.processors, NonZeroUsize::get);
        if running.is_empty() || running.len() >= most {
            return running.is_empty();
        }
        let (None, Some(available)) = (self.chosen, available) else { return true };
        let so_far = running.iter().copied().max();
        let expected = self.largest.unwrap_or(FIRST_ESTIMATE).max(so_far.unwrap_or_default());
        // Each running evaluation is expected to grow to this size as well.
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
        // Until the first evaluation has ended, each evaluation is expected to take 1 GiB.
        assert!(limit(0, None).allows(&[0], mib(2048)));
        assert!(!limit(0, None).allows(&[0], mib(2047)));
        assert!(limit(0, None).allows(&[1024 * MIB], mib(1024)));
        // After that, the largest ended evaluation is the estimate, unless a running evaluation is already
        // larger.
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
