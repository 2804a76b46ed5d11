//! Users and groups: read from the files of the host, changed by its own tools.

mod files;
mod tools;

pub use files::{Account, Accounts};
pub use tools::{Change, EXPIRED, create_group, create_user, disable_user, modify_user};
