//! The bus that passes every event to all listeners.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use super::log::log;
use super::{Event, EventKind, Level};
use crate::event::RolloutId;
use crate::text::one_line;

/// A listener to the events of a command. It receives the events in the order in which they occur. The code
/// that publishes an event waits until each listener has handled it, so a listener must hand slow work over
/// to a separate task. While a listener handles an event, it must not publish events on the same bus, because
/// the bus is locked.
pub trait Listener: Send {
    /// Returns the name of the listener, for messages to the user.
    fn name(&self) -> &'static str;

    /// Handles an event.
    ///
    /// # Errors
    /// Fails if the event cannot be handled. The listener then receives no further events, and the command
    /// continues.
    fn hear(&mut self, event: &Event) -> anyhow::Result<()>;

    /// Returns the work that the listener must do before the command ends. Failures of this work can still be
    /// reported as events.
    fn settle(&mut self) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        None
    }

    /// Completes the work of the listener after the command has ended.
    ///
    /// # Errors
    /// Fails if the work cannot be completed. This does not change how the command ended.
    #[must_use]
    fn finish(self: Box<Self>) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> {
        Box::pin(async { Ok(()) })
    }
}

/// A bus on which events are published. Clones share the same listeners.
#[derive(Clone, Default)]
pub struct Bus {
    listeners: Arc<Mutex<Vec<Box<dyn Listener>>>>,
    rollout: Option<RolloutId>,
}

impl Bus {
    /// Adds a listener, which receives all further events.
    pub fn subscribe(&self, listener: impl Listener + 'static) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(listener));
    }

    /// Returns a bus that has the same listeners, and that marks its events as events of a rollout.
    #[must_use]
    pub fn of(&self, rollout: RolloutId) -> Self {
        Self { listeners: Arc::clone(&self.listeners), rollout: Some(rollout) }
    }

    /// Publishes an event. If a listener fails, the other listeners receive a warning.
    pub fn say(&self, kind: EventKind) {
        log(&kind);
        let event = Event::now(self.rollout.clone(), kind);
        let mut failures = Vec::new();
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain_mut(|listener| match listener.hear(&event) {
            Ok(()) => true,
            Err(error) => {
                failures.push(failure(listener.name(), &error));
                false
            }
        });
        drop(listeners);
        for text in failures {
            self.say(EventKind::Log { level: Level::Warning, host: None, text });
        }
    }

    /// Waits for the work that listeners must do before the command ends.
    pub async fn settle(&self) {
        let settle = || {
            let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
            listeners.iter_mut().filter_map(|listener| listener.settle()).collect::<Vec<_>>()
        };
        // The work of a listener may publish events, so the lock on the listeners must not be held here. The
        // closure `settle` has released the lock.
        for rest in settle() {
            rest.await;
        }
    }

    /// Completes the work of all listeners. Returns a message for each listener that failed.
    pub async fn finish(&self) -> Vec<String> {
        let mut failures = Vec::new();
        let listeners = std::mem::take(&mut *self.listeners.lock().unwrap_or_else(PoisonError::into_inner));
        for listener in listeners {
            let name = listener.name();
            if let Err(error) = listener.finish().await {
                failures.push(failure(name, &error));
            }
        }
        failures
    }
}

/// Returns the warning for the user about a listener that failed.
fn failure(name: &str, error: &anyhow::Error) -> String {
    one_line(&format!("{name}: {error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct RecordingListener {
        heard: Arc<Mutex<Vec<Event>>>,
        patience: usize,
    }

    impl Listener for RecordingListener {
        fn name(&self) -> &'static str {
            "ear"
        }

        fn hear(&mut self, event: &Event) -> anyhow::Result<()> {
            anyhow::ensure!(self.patience > 0, "it is too loud");
            self.patience -= 1;
            self.heard.lock().unwrap().push(event.clone());
            Ok(())
        }

        fn finish(self: Box<Self>) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> {
            Box::pin(async move {
                self.heard.lock().unwrap().clear();
                Ok(())
            })
        }
    }

    fn ear(patience: usize) -> (RecordingListener, Arc<Mutex<Vec<Event>>>) {
        let heard = Arc::default();
        (RecordingListener { heard: Arc::clone(&heard), patience }, heard)
    }

    fn line(text: &str) -> EventKind {
        EventKind::Log { level: Level::Info, host: None, text: text.to_owned() }
    }

    #[test]
    fn a_listener_that_fails_hears_no_more_and_the_others_all() {
        let bus = Bus::default();
        let ((short, first), (long, second)) = (ear(1), ear(9));
        bus.subscribe(short);
        bus.subscribe(long);
        for text in ["a", "b", "c"] {
            bus.say(line(text));
        }
        let second = second.lock().unwrap();
        assert_eq!((first.lock().unwrap().len(), second.len()), (1, 4));
        let warning =
            EventKind::Log { level: Level::Warning, host: None, text: "ear: it is too loud".to_owned() };
        assert_eq!(second[2].kind, warning, "the others hear of it");
    }

    #[test]
    fn what_happens_in_a_rollout_says_so() {
        let (bus, (ear, heard)) = (Bus::default(), ear(9));
        bus.subscribe(ear);
        let id = RolloutId::draw();
        bus.of(id.clone()).say(line("a"));
        bus.say(line("b"));
        let heard: Vec<_> = heard.lock().unwrap().iter().map(|event| event.rollout.clone()).collect();
        assert_eq!(heard, [Some(id), None]);
    }

    #[tokio::test]
    async fn every_listener_comes_to_its_end_once() {
        let (bus, (ear, heard)) = (Bus::default(), ear(9));
        bus.subscribe(ear);
        bus.say(line("a"));
        bus.finish().await;
        assert_eq!(heard.lock().unwrap().len(), 0);
        bus.say(line("b"));
        bus.finish().await;
        assert_eq!(heard.lock().unwrap().len(), 0);
    }
}
