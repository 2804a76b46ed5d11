//! Completions of the word that is being typed in a shell. Completion must be fast, so it evaluates no flake
//! and connects to no host. Names come from records of earlier commands on this machine, and may be out of
//! date.

mod candidate;
mod engine;
mod known;
mod line;
mod script;

pub use candidate::Candidate;
pub use engine::candidates;
pub use known::{Known, OnDisk};
pub use script::script;
