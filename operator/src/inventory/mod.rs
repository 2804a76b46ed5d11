//! The hosts of the fleet, and the selection of hosts by words on the command line.

mod expression;
mod mentions;
mod names;
mod natural;
mod selection;
mod selector;
mod suggestion;

pub use mentions::Mentions;
pub use names::{InventoryNames, record_names};
pub use natural::Natural;
pub use selection::Selection;
pub use selector::{matching, select};
pub use suggestion::suggestion;
