//! Listens to the events of a rollout, and notifies recipients. Each recipient has its own task, so that
//! neither other recipients nor the rollout wait for a slow recipient.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use nixfleet_contract::notification::Notification;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::delivery::deliver;
use super::message::{MomentsMessage, Story};
use crate::event::RolloutId;
use crate::event::{Bus, Event, EventKind, Level, Listener};

/// How long a command waits at its end for a notification, in addition to the timeout of the notification.
/// The documentation of the option `timeout` repeats this value.
const GRACE: Duration = Duration::from_secs(2);

/// A listener that notifies all recipients of a rollout.
pub struct Notifier {
    rollout: RolloutId,
    story: Story,
    events: Bus,
    recipients: Vec<Recipient>,
}

struct Recipient {
    name: String,
    patience: Duration,
    queue: UnboundedSender<Arc<MomentsMessage>>,
    task: JoinHandle<()>,
}

impl Notifier {
    /// Creates a notifier for a rollout. The notifier reports failed deliveries on `events`. A notifier that
    /// is created outside a Tokio runtime has no recipients.
    #[must_use]
    pub fn new(rollout: RolloutId, notifications: &BTreeMap<String, Notification>, events: &Bus) -> Self {
        let recipient = |(name, notification): (&String, &Notification)| {
            let (queue, messages) = unbounded_channel();
            let work = tell(name.clone(), notification.clone(), messages, events.clone());
            Some(Recipient {
                name: name.clone(),
                patience: Duration::from_secs(notification.timeout) + GRACE,
                queue,
                task: Handle::try_current().ok()?.spawn(work),
            })
        };
        let recipients = notifications.iter().filter_map(recipient).collect();
        Self { rollout, story: Story::default(), events: events.clone(), recipients }
    }
}

impl Listener for Notifier {
    fn name(&self) -> &'static str {
        "notifications"
    }

    fn hear(&mut self, event: &Event) -> anyhow::Result<()> {
        if event.rollout.as_ref() == Some(&self.rollout)
            && let Some(told) = self.story.hear(event)
        {
            let told = Arc::new(told);
            for recipient in &self.recipients {
                // Sending fails only if the task of the recipient has died.
                let _ = recipient.queue.send(Arc::clone(&told));
            }
        }
        Ok(())
    }

    fn settle(&mut self) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        let (recipients, events) = (std::mem::take(&mut self.recipients), self.events.clone());
        Some(Box::pin(async move {
            let begun = tokio::time::Instant::now();
            // Dropping the queue of a recipient ends the task of the recipient after the last message.
            let close = |Recipient { name, patience, queue: _, task }| (name, patience, task);
            let closed: Vec<_> = recipients.into_iter().map(close).collect();
            for (name, patience, mut task) in closed {
                if tokio::time::timeout_at(begun + patience, &mut task).await.is_err() {
                    task.abort();
                    warn(&events, &name, "it takes too long");
                }
            }
        }))
    }
}

/// Delivers messages to a recipient, one after another.
async fn tell(
    name: String,
    notification: Notification,
    mut messages: UnboundedReceiver<Arc<MomentsMessage>>,
    events: Bus,
) {
    while let Some(told) = messages.recv().await {
        let (moments, message) = &*told;
        if notification.on.iter().any(|moment| moments.contains(moment))
            && let Err(why) = deliver(&notification, message).await
        {
            warn(&events, &name, &why);
        }
    }
}

fn warn(events: &Bus, name: &str, why: &str) {
    let text = format!("the notification {name} was not delivered: {}", crate::text::one_line(why));
    events.say(EventKind::Log { level: Level::Warning, host: None, text });
}
