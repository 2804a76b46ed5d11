//! Handles Ctrl-C, SIGTERM and the closing of the terminal. If no host has been changed yet, the program ends
//! at once. Otherwise no change begins on a further host, and a second signal ends the program.
//!
//! The closing of the terminal counts as a first signal but never as a second one, because the user can no
//! longer see what becomes of the hosts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch::Sender;

/// A request of the user to stop, and the progress of the changes on hosts. All clones share the request and
/// the progress.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    requested: Arc<Sender<bool>>,
    /// The current [`ChangeProgress`] as a number.
    hosts: Arc<AtomicU8>,
}

/// The progress of the changes on hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ChangeProgress {
    /// No change of a host has been started.
    Untouched = 0,
    /// At least one host is being changed.
    Changing = 1,
    /// All changes that were started have ended.
    Done = 2,
}

impl Interrupt {
    /// Records that hosts are being changed. From now on, the first Ctrl-C lets the changes that were started
    /// finish.
    pub fn hosts_are_changing(&self) {
        self.hosts.store(ChangeProgress::Changing as u8, Ordering::Relaxed);
    }

    /// Records that all changes have ended.
    pub fn hosts_are_done(&self) {
        self.hosts.store(ChangeProgress::Done as u8, Ordering::Relaxed);
    }

    /// Returns the progress of the changes on hosts.
    #[must_use]
    pub fn hosts(&self) -> ChangeProgress {
        let stands = self.hosts.load(Ordering::Relaxed);
        [ChangeProgress::Changing, ChangeProgress::Done]
            .into_iter()
            .find(|each| *each as u8 == stands)
            .unwrap_or(ChangeProgress::Untouched)
    }

    /// Requests that no change begins on a further host.
    pub fn request(&self) {
        self.requested.send_replace(true);
    }

    /// Whether a stop was requested. After such a request, no change may begin on a further host.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.requested.borrow()
    }

    /// Waits until a stop is requested.
    pub async fn requested(&self) {
        // `self` owns the sender, so the wait ends only when a stop is requested.
        let _ = self.requested.subscribe().wait_for(|requested| *requested).await;
    }

    /// Waits for the next Ctrl-C or SIGTERM, then requests a stop.
    pub async fn again(&self) {
        let Ok(mut signals) = Signals::listen() else { return std::future::pending().await };
        signals.next().await;
        self.request();
    }

    /// Waits until the program must end at once and abandon all work.
    pub async fn leave(&self) {
        let Ok(mut signals) = Signals::listen() else { return std::future::pending().await };
        // `closed` lives until the end of this function, so that a further SIGHUP does not kill the program.
        // A terminal may send SIGHUP more than once when it closes.
        let mut closed = terminal_closed();
        tokio::select! {
            () = signals.next() => {}
            () = hears(closed.as_mut()) => {}
        }
        self.request();
        // Changes that were started still have to finish, or the results of the hosts still have to be shown,
        // so only a second signal ends the program.
        if self.hosts() != ChangeProgress::Untouched {
            signals.next().await;
        }
    }
}

/// A receiver of the signals that ask the program to end, SIGINT and SIGTERM.
struct Signals {
    interrupts: Signal,
    terminations: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let (interrupts, terminations) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupts, terminations })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupts.recv() => {}
            _ = self.terminations.recv() => {}
        }
    }
}

/// Returns a receiver of SIGHUP, which reports that the terminal was closed. Returns `None` if SIGHUP is
/// ignored, as under `nohup`.
fn terminal_closed() -> Option<Signal> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    let ignored = u64::from_str_radix(ignored.trim(), 16).ok()?;
    let hangup = SignalKind::hangup();
    let is_ignored = ignored >> (hangup.as_raw_value() - 1) & 1 == 1;
    if is_ignored { None } else { signal(hangup).ok() }
}

async fn hears(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
