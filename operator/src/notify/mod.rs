//! Sends notifications about a rollout to the recipients that the fleet declares in `notifications`.

mod curl;
mod delivery;
mod message;
#[cfg(test)]
mod message_tests;
mod notifier;
#[cfg(test)]
mod notifier_tests;
mod request;
mod secret;
mod text;

pub use notifier::Notifier;
