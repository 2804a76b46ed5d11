//! The hosts of the fleet, and the words that select among them.

mod expression;
mod names;
mod natural;
mod selection;
mod selector;
mod suggestion;

pub use names::{InventoryNames, record_names};
pub use natural::Natural;
pub use selection::Selection;
pub use selector::{matching, select};
pub use suggestion::suggestion;
