//! How a change goes through the fleet.

mod id;

pub use id::RolloutId;
