//! Tells others how a rollout goes, as the fleet wants it: `notifications`.

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
