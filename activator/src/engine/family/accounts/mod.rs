//! Users and groups.
//!
//! - [`entry`]: the journal entries of account steps
//! - [`target_account`]: the values that an account must have after a change
//! - `diff`, `homes`, `ids`: planning of account steps
//! - [`execute`]: execution and undo of account steps
//! - [`record`]: the accounts in the recorded state after a transaction

mod diff;
pub mod entry;
pub mod execute;
mod homes;
mod ids;
pub mod record;
pub mod target_account;
