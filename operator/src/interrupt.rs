//! Ctrl-C: at once where no host is being changed; otherwise no new host is begun, and a second one leaves.
//! That a terminal is closed counts as a first one, and never as a second: whoever did it is not there to see
//! what becomes of the hosts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch::Sender;

/// Whether the user wants to stop. Clones share the request.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    requested: Arc<Sender<bool>>,
    /// A [`ChangeProgress`] as a number.
    hosts: Arc<AtomicU8>,
}

/// Whether hosts are being changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ChangeProgress {
    /// None has been touched.
    Untouched = 0,
    /// Some are.
    Changing = 1,
    /// All that were begun have ended.
    Done = 2,
}

impl Interrupt {
    /// From now on hosts are being changed: the first Ctrl-C lets those finish that have begun.
    pub fn hosts_are_changing(&self) {
        self.hosts.store(ChangeProgress::Changing as u8, Ordering::Relaxed);
    }

    /// From now on no host is being changed any more.
    pub fn hosts_are_done(&self) {
        self.hosts.store(ChangeProgress::Done as u8, Ordering::Relaxed);
    }

    /// Whether hosts are being changed.
    #[must_use]
    pub fn hosts(&self) -> ChangeProgress {
        let stands = self.hosts.load(Ordering::Relaxed);
        [ChangeProgress::Changing, ChangeProgress::Done]
            .into_iter()
            .find(|each| *each as u8 == stands)
            .unwrap_or(ChangeProgress::Untouched)
    }

    /// From now on no further host should be begun.
    pub fn request(&self) {
        self.requested.send_replace(true);
    }

    /// Whether no further host should be begun.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.requested.borrow()
    }

    /// Ends when no further host should be begun.
    pub async fn requested(&self) {
        // The sender is ours, so nothing but the request ends the wait.
        let _ = self.requested.subscribe().wait_for(|requested| *requested).await;
    }

    /// Ends at the next Ctrl-C.
    pub async fn again(&self) {
        let Ok(mut signals) = Signals::listen() else { return std::future::pending().await };
        signals.next().await;
        self.request();
    }

    /// Ends when everything should be dropped as it is.
    pub async fn leave(&self) {
        let Ok(mut signals) = Signals::listen() else { return std::future::pending().await };
        // Its handler stays, however the wait ends: a terminal may say more than once that it is closed.
        let mut closed = terminal_closed();
        tokio::select! {
            () = signals.next() => {}
            () = hears(closed.as_mut()) => {}
        }
        self.request();
        // What became of hosts is still to be told, or they are still to end.
        if self.hosts() != ChangeProgress::Untouched {
            signals.next().await;
        }
    }
}

/// Signals of somebody who wants the program to end.
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

/// That the terminal is closed. Nothing where nobody minds that, as below `nohup`.
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
