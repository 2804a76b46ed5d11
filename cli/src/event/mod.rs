//! What a command does, told while it does it. Everything that shows, records or passes on what happens is a listener;
//! whatever does something says so to the bus, and knows none of them.

mod bus;
mod happening;
mod lines;
mod reference;

pub use bus::{Bus, Listener};
pub use happening::{End, Event, Happening, HostEnd, LeftOut, Level, Phase, Stage, Stream};
pub use lines::Lines;
pub use reference::{page, schema};
