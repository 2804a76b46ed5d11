//! The history of this machine: a database of all commands that planned or changed hosts, below the state
//! directory.

mod entry;
mod line;
mod presence;
mod reading;
mod retention;
mod schema;
#[cfg(test)]
mod stage;
mod store;
#[cfg(test)]
mod store_tests;
#[cfg(test)]
mod trouble_tests;
mod writer;
#[cfg(test)]
mod writer_tests;
mod writing;

pub use entry::{CommandEntry, CommandState, HostEntry};
pub use line::ProblemLine;
pub use reading::EntryFilter;
pub use store::Store;
pub use writer::Writer;
