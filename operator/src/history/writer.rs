//! Records a command while it runs. A separate thread writes to the history, so that the command waits
//! neither for the disk nor for other commands that are writing.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use nixfleet_contract::problem::Problem;
use tokio::sync::oneshot;

use super::presence::{Presence, clear};
use super::{Store, writing};
use crate::event::RolloutId;
use crate::event::{Event, EventKind, Listener};
use crate::state::StateDir;

/// How long a command waits at its end until all its events are written.
const PATIENCE: Duration = Duration::from_secs(5);
/// The maximum number of events to write in one transaction.
const BATCH: usize = 1000;

/// A listener that writes events to the history.
#[derive(Debug)]
pub struct Writer {
    events: Sender<Event>,
    result: oneshot::Receiver<anyhow::Result<()>>,
}

impl Writer {
    /// Starts a thread that writes to the history in this state directory.
    ///
    /// # Errors
    /// Fails if the thread cannot be started.
    pub fn begin(state: StateDir) -> anyhow::Result<Self> {
        let (events, heard) = channel();
        let (said, result) = oneshot::channel();
        let work = move || {
            // Sending fails only if the `Writer` was dropped. Then nothing waits for the result.
            let _ = said.send(write(&state, &heard));
        };
        std::thread::Builder::new().name("history".to_owned()).spawn(work)?;
        Ok(Self { events, result })
    }
}

impl Listener for Writer {
    fn name(&self) -> &'static str {
        "this command is missing from the history, or a part of it"
    }

    fn hear(&mut self, event: &Event) -> anyhow::Result<()> {
        if !writing::is_recorded(&event.kind) || self.events.send(event.clone()).is_ok() {
            return Ok(());
        }
        // If the thread fails, it stops receiving events before it sends the reason, so the reason may not
        // have arrived yet.
        let mut why = || match self.result.try_recv() {
            Ok(Err(why)) => Some(why),
            _ => None,
        };
        Err(why().unwrap_or_else(|| anyhow!("it cannot be written")))
    }

    fn finish(self: Box<Self>) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> {
        Box::pin(async move {
            drop(self.events);
            let written = tokio::time::timeout(PATIENCE, self.result).await;
            written.context("writing takes too long")?.context("the thread that writes it has ended")?
        })
    }
}

/// Writes events as they arrive. Events that arrive during a write are written together in the next write.
fn write(state: &StateDir, events: &Receiver<Event>) -> anyhow::Result<()> {
    let Ok(first) = events.recv() else { return Ok(()) };
    let EventKind::CommandBegan { id, .. } = &first.kind else {
        return Err(anyhow!("nobody said that a command begins"));
    };
    let id = id.clone();
    let (mut store, presence) = open(state, &id)?;
    let written = write_all(&mut store, &id, first, events);
    if written.is_err() {
        // The lock that marks the command as running is kept, because the command continues. The history
        // shows the command as running until its process ends.
        std::mem::forget(presence);
    }
    Ok(written.map_err(|error| store.problem(&error))?)
}

fn open(state: &StateDir, id: &RolloutId) -> Result<(Store, Presence), Problem> {
    let store = Store::open(state)?;
    clear(store.running());
    let presence = Presence::begin(store.running(), id)?;
    Ok((store, presence))
}

fn write_all(
    store: &mut Store,
    id: &RolloutId,
    first: Event,
    events: &Receiver<Event>,
) -> rusqlite::Result<()> {
    let mut next = Some(first);
    while let Some(event) = next {
        let batch: Vec<Event> = std::iter::once(event).chain(events.try_iter()).take(BATCH).collect();
        store.take_in(id, &batch)?;
        next = events.recv().ok();
    }
    Ok(())
}
