//! Limits on large answers: only a few are read at a time, and their total size is bounded.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

use super::{Failure, limits};

/// The limited number of places for hosts that send large answers. All hosts of this command share these
/// places.
pub static LARGE: Large = Large::of(limits::LARGE, limits::GRACE);
/// The memory that this command may use for large answers.
pub static HELD: Held = Held::of(limits::HELD);

/// A limited number of places for hosts that send large answers. A host without a place waits.
#[derive(Debug)]
pub struct Large {
    free: Semaphore,
    waiting: AtomicUsize,
    grace: Duration,
}

/// A reader that limits the answer of one host. The reader takes a place when the answer becomes large, and
/// frees the place when the reader is dropped.
#[derive(Debug)]
pub struct Intake<'a> {
    large: &'a Large,
    place: Option<(SemaphorePermit<'a>, Instant)>,
}

impl Large {
    /// Creates places for this number of hosts. Each host may occupy its place for at least `grace`.
    pub(super) const fn of(places: usize, grace: Duration) -> Self {
        Self { free: Semaphore::const_new(places), waiting: AtomicUsize::new(0), grace }
    }

    pub(super) const fn intake(&self) -> Intake<'_> {
        Intake { large: self, place: None }
    }

    /// Waits for a free place.
    async fn place(&self) -> Result<SemaphorePermit<'_>, Failure> {
        struct Waits<'a>(&'a AtomicUsize);
        impl Drop for Waits<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waits = Waits(&self.waiting);
        self.free.acquire().await.map_err(|error| Failure::Start(std::io::Error::other(error)))
    }

    fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

impl Intake<'_> {
    /// Returns the next bytes of the stream, or an empty slice at its end. `come` is the number of bytes that
    /// were read before, and `buffered` is how many of them are in memory.
    ///
    /// # Errors
    /// The stream cannot be read, or the host is too slow while other hosts wait for its place.
    pub(super) async fn next<'s, R: AsyncBufRead + Unpin>(
        &mut self,
        stream: &'s mut R,
        come: usize,
        buffered: usize,
    ) -> Result<&'s [u8], Failure> {
        if self.place.is_none() && buffered > limits::SMALL {
            self.place = Some((self.large.place().await?, Instant::now()));
        }
        while let Some((_, since)) = &self.place {
            let allowed = Duration::from_secs((come / limits::RATE) as u64);
            let ends = *since + self.large.grace + allowed;
            tokio::select! {
                biased;
                ready = stream.fill_buf() => {
                    ready.map_err(Failure::Start)?;
                    break;
                }
                // If no other host waits, a slow host may go on up to its time limit.
                () = sleep_until(ends.max(Instant::now() + self.large.grace / 8)) => {
                    if Instant::now() >= ends && self.large.is_waited_for() {
                        return Err(Failure::TooSlow);
                    }
                }
            }
        }
        stream.fill_buf().await.map_err(Failure::Start)
    }
}

/// The memory that is still available for large answers, in bytes.
#[derive(Debug)]
pub struct Held(AtomicUsize);

impl Held {
    pub(super) const fn of(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes))
    }

    /// Reserves memory for an answer until the command ends. Returns whether the memory was available. A
    /// small answer is always accepted.
    pub fn keep(&self, bytes: usize) -> bool {
        bytes <= limits::SMALL || self.take(bytes)
    }

    /// Reserves memory for a part of an answer, even if the part is small. Returns whether the memory was
    /// available.
    pub fn take(&self, bytes: usize) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_small_is_kept_though_others_have_taken_all_the_room() {
        let held = Held::of(3 * limits::SMALL);
        assert!(held.keep(2 * limits::SMALL));
        assert!(!held.keep(2 * limits::SMALL));
        assert!(held.keep(limits::SMALL));
    }
}
