//! Units of every kind on a real host: what a change does to each, what fails takes the host back, and a
//! roll-back ends where it should.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bystanders;
mod changes;
mod cut_short;
mod foreseen;
mod names;
#[path = "../stage/mod.rs"]
mod stage;
