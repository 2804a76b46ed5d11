//! The events that a command publishes while it runs. Everything that shows, records or forwards events is a
//! listener. The code that does the work publishes events on a bus, and does not know the listeners.

mod bus;
mod end;
mod kind;
mod lines;
mod log;
mod phase;
mod reference;
mod rollout_id;

pub use bus::{Bus, Listener};
pub use end::{End, ExcludedHost, HostEnd};
pub use kind::{Event, EventKind, Level, Stream};
pub use lines::Lines;
pub use phase::{Phase, Stage};
pub use reference::{page, schema};
pub use rollout_id::RolloutId;
