//! What a command does, told while it does it. Everything that shows, records or passes on what happens is a
//! listener; whatever does something says so to the bus, and knows none of them.

mod bus;
mod end;
mod kind;
mod lines;
mod phase;
mod reference;
mod rollout_id;
mod told;

pub use bus::{Bus, Listener};
pub use end::{End, ExcludedHost, HostEnd};
pub use kind::{Event, EventKind, Level, Stream};
pub use lines::Lines;
pub use phase::{Phase, Stage};
pub use reference::{page, schema};
pub use rollout_id::RolloutId;
