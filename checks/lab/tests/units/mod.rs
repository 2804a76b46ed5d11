//! Tests of systemd units on a real host: the effect of a change on units of each type, failures that roll
//! the host back, and rollbacks.

mod bystanders;
mod changes;
mod cut_short;
mod distribution;
mod foreseen;
mod names;
