//! The hosts of the fleet, and the words that select among them.

mod expression;
mod selector;

pub use selector::{matching, select};
