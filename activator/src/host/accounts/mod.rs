//! Users and groups: read from the files of the host, changed by its own tools.

mod files;
mod tools;

pub use files::{Account, Accounts};
pub use tools::{Change, create_group, create_user, modify_user};
