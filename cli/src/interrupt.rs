//! Ctrl-C: at once where no host is being changed; otherwise no new host is begun, and a second one leaves.

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
        let (Ok(mut interrupts), Ok(mut terminations)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return std::future::pending().await;
        };
        either(&mut interrupts, &mut terminations).await;
        self.want();
    }

    /// Ends when everything should be dropped as it is.
    pub async fn leave(&self) {
        let (Ok(mut interrupts), Ok(mut terminations)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return std::future::pending().await;
        };
        either(&mut interrupts, &mut terminations).await;
        self.want();
        if self.finds_hosts_changing() {
            either(&mut interrupts, &mut terminations).await;
        }
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
