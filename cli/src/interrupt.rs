//! Ctrl-C: at once where no host is being changed; otherwise no new host is begun, and a second one leaves. That a terminal
//! is closed counts as a first one, and never as a second: whoever did it is not there to see what becomes of the hosts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch::Sender;

/// Whether the user wants to stop. Clones share the wish.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    wanted: Arc<Sender<bool>>,
    changing: Arc<AtomicBool>,
}

impl Interrupt {
    /// From now on hosts are being changed: the first Ctrl-C lets those finish that have begun.
    pub fn hosts_are_changing(&self) {
        self.changing.store(true, Ordering::Relaxed);
    }

    /// Whether hosts are being changed.
    pub fn finds_hosts_changing(&self) -> bool {
        self.changing.load(Ordering::Relaxed)
    }

    /// From now on no further host should be begun.
    pub fn want(&self) {
        self.wanted.send_replace(true);
    }

    /// Whether no further host should be begun.
    pub fn is_wanted(&self) -> bool {
        *self.wanted.borrow()
    }

    /// Ends when no further host should be begun.
    pub async fn wanted(&self) {
        // The sender is ours, so nothing but the wish ends the wait.
        let _ = self.wanted.subscribe().wait_for(|wanted| *wanted).await;
    }

    /// Ends at the next Ctrl-C.
    pub async fn again(&self) {
        let Ok(mut orders) = Orders::heard() else { return std::future::pending().await };
        orders.next().await;
        self.want();
    }

    /// Ends when everything should be dropped as it is.
    pub async fn leave(&self) {
        let Ok(mut orders) = Orders::heard() else { return std::future::pending().await };
        // Its handler stays, however the wait ends: a terminal may say more than once that it is closed.
        let mut closed = terminal_closed();
        tokio::select! {
            () = orders.next() => {}
            () = hears(closed.as_mut()) => {}
        }
        self.want();
        if self.finds_hosts_changing() {
            orders.next().await;
        }
    }
}

/// Signals of somebody who wants the program to end.
struct Orders {
    interrupts: Signal,
    terminations: Signal,
}

impl Orders {
    fn heard() -> io::Result<Self> {
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
