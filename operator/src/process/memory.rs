//! The memory that a local program uses.

use std::fs;
use std::io;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::Pid;
use tokio::time::sleep;

/// The interval between two measurements. Memory that a program takes after the last measurement is not
/// counted.
const INTERVAL: Duration = Duration::from_millis(50);

/// The largest amount of memory that a program has used so far, in bytes. It is 0 before the first
/// measurement, and on systems without `/proc`.
#[derive(Clone, Debug, Default)]
pub struct PeakMemory(Arc<AtomicU64>);

impl PeakMemory {
    /// Returns the largest amount of memory that was measured so far, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Measures the memory of a process regularly until `end` resolves, and returns the result of `end`.
    pub(super) async fn watch(
        self,
        process: Option<Pid>,
        end: impl Future<Output = io::Result<ExitStatus>>,
    ) -> io::Result<ExitStatus> {
        let mut end = pin!(end);
        loop {
            tokio::select! {
                biased;
                status = &mut end => return status,
                () = sleep(INTERVAL) => self.sample(process),
            }
        }
    }

    fn sample(&self, process: Option<Pid>) {
        let Some(process) = process else { return };
        // The file is missing if the process has just ended.
        let status = fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero()));
        if let Some(peak) = status.ok().and_then(|text| field(&text, "VmHWM")) {
            self.0.fetch_max(peak, Ordering::Relaxed);
        }
    }
}

/// Returns the memory that the system can give to programs without swapping, in bytes. Returns `None` if the
/// system has no `/proc/meminfo`.
#[must_use]
pub fn available_memory() -> Option<u64> {
    field(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable")
}

/// Returns the value of a line such as `MemAvailable:   12345 kB`, in bytes.
fn field(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Invocation;

    #[test]
    fn a_field_is_read_by_its_whole_name() {
        let text = "MemTotal:       24684312 kB\nMemAvailableX: 1 kB\nMemAvailable:      12 kB\n";
        assert_eq!(field(text, "MemAvailable"), Some(12 << 10));
        assert_eq!(field(text, "MemFree"), None);
        assert_eq!(field("MemAvailable: many kB", "MemAvailable"), None);
    }

    #[tokio::test]
    async fn the_memory_of_a_program_is_sampled_while_it_runs() {
        let memory = PeakMemory::default();
        let script = "text=$(head -c 30000000 /dev/zero | tr '\\0' x); sleep 0.3; echo ${#text}";
        let invocation = Invocation::new("sh", Duration::from_secs(20)).args(["-c", script]);
        let output = Invocation { memory: Some(memory.clone()), ..invocation }.run().await.unwrap();
        assert_eq!(output.stdout, b"30000000\n");
        assert!((30 << 20..1 << 30).contains(&memory.bytes()), "{}", memory.bytes());
    }
}
