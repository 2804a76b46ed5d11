//! Hands every event to every listener.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use super::told::tell;
use super::{Event, EventKind, Level};
use crate::event::RolloutId;
use crate::text::one_line;

/// Somebody who wants to know what happens. It hears events in the order in which they happen, while
/// everything else waits: who has to wait for something itself keeps what it hears for a task of its own. It
/// must not say anything to the bus that it listens to.
pub trait Listener: Send {
    /// Its name, for people.
    fn name(&self) -> &'static str;

    /// Takes notice of an event.
    ///
    /// # Errors
    /// It cannot. It then hears nothing more, and the command goes on.
    fn hear(&mut self, event: &Event) -> anyhow::Result<()>;

    /// What is still to be done before the command ends, while it can be said how that goes.
    fn settle(&mut self) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        None
    }

    /// Brings to an end what it has begun, when the command has ended.
    ///
    /// # Errors
    /// It cannot. The command has ended as it has.
    #[must_use]
    fn finish(self: Box<Self>) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> {
        Box::pin(async { Ok(()) })
    }
}

/// Where events are said. Clones share their listeners.
#[derive(Clone, Default)]
pub struct Bus {
    listeners: Arc<Mutex<Vec<Box<dyn Listener>>>>,
    rollout: Option<RolloutId>,
}

impl Bus {
    /// From now on this listener hears what happens.
    pub fn subscribe(&self, listener: impl Listener + 'static) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(listener));
    }

    /// The same bus for what happens in a rollout.
    #[must_use]
    pub fn of(&self, rollout: RolloutId) -> Self {
        Self { listeners: Arc::clone(&self.listeners), rollout: Some(rollout) }
    }

    /// Says what happens now. The other listeners hear of one that fails.
    pub fn say(&self, kind: EventKind) {
        tell(&kind);
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

    /// Lets every listener do what is still to be done before the command ends.
    pub async fn settle(&self) {
        let settle = || {
            let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
            listeners.iter_mut().filter_map(|listener| listener.settle()).collect::<Vec<_>>()
        };
        // Not while the listeners are held: they are to hear of it.
        for rest in settle() {
            rest.await;
        }
    }

    /// Lets every listener come to its end. Returns why some could not.
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

/// Why a listener failed, for people.
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
