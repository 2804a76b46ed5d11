//! What a shell may complete a word to. It is asked while somebody types, so nothing is evaluated and no host
//! is reached: names come from what earlier commands have left on this machine, and may be a little old.

mod candidate;
mod engine;
mod known;
mod line;
mod script;

pub use candidate::Candidate;
pub use engine::candidates;
pub use known::{Known, OnDisk};
pub use script::script;
