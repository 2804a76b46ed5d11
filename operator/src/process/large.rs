//! Answers that are large: a few at a time, and only so much of all together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

use super::{Failure, limits};

/// The places of this command.
pub static LARGE: Large = Large::of(limits::LARGE, limits::GRACE);
/// What this command may keep.
pub static HELD: Held = Held::of(limits::HELD);

/// Places for hosts that say more than is small.
#[derive(Debug)]
pub struct Large {
    free: Semaphore,
    waiting: AtomicUsize,
    grace: Duration,
}

/// What one host may say. It takes a place as soon as that is large, and gives it back when dropped.
#[derive(Debug)]
pub struct Intake<'a> {
    large: &'a Large,
    place: Option<(SemaphorePermit<'a>, Instant)>,
}

impl Large {
    /// So many places, each for this long in any case.
    pub(super) const fn of(places: usize, grace: Duration) -> Self {
        Self { free: Semaphore::const_new(places), waiting: AtomicUsize::new(0), grace }
    }

    pub(super) const fn intake(&self) -> Intake<'_> {
        Intake { large: self, place: None }
    }

    /// Waits for a place.
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
    /// The next bytes, where `come` came before and `buffered` of them are kept; none at the end.
    ///
    /// # Errors
    /// Those of the stream, or the place is wanted by others and the host too slow.
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
                // Where nobody waits, a slow host is let be for as long as it may take at all.
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

/// What may still be kept of what hosts say.
#[derive(Debug)]
pub struct Held(AtomicUsize);

impl Held {
    pub(super) const fn of(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes))
    }

    /// Keeps so many bytes to the end of the command, if there is room for them. What is small always has
    /// room.
    pub fn keep(&self, bytes: usize) -> bool {
        bytes <= limits::SMALL || self.take(bytes)
    }

    /// The same for a part of something.
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
