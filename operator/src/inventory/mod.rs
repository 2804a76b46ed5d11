//! The hosts of the fleet, and the words that select among them.

mod expression;
mod natural;
mod selection;
mod selector;
mod suggestion;

pub use natural::Natural;
pub use selection::Selection;
pub use selector::{matching, select};
pub use suggestion::suggestion;
