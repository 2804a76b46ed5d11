//! Users and groups: read from the account files of the host, changed with the host's own tools.

mod files;
mod processes;
mod tools;

pub use files::{Account, Accounts};
pub use processes::{Process, by_user as processes_by_user};
pub use tools::{AccountChange, EXPIRED, create_group, create_user, disable_user, modify_user};
