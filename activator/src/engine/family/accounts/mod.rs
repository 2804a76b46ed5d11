//! Users and groups.
//!
//! - [`becoming`]: what an account becomes
//! - `diff`, `homes`, `ids`: what a plan does about them

pub mod becoming;
mod diff;
mod homes;
mod ids;
