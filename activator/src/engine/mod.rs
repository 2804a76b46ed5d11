//! The engine: read everything, decide in memory, then change the host all or nothing.
//!
//! - [`state`][], [`recorded`][]: what is owned, as the last transaction left it
//! - [`account`][], [`home`][]: what an account becomes, and where its user lives
//! - [`observe`][], [`reading`][]: the host as it stands
//! - [`target`][], [`contents`][]: what it should become
//! - [`diff`][]: state, target and host → steps, without touching anything
//! - [`planner`][], [`obstacles`][], [`texts`][]: puts a plan together
//! - [`glance`][]: tells in a fraction of the time that nothing is to be done
//! - [`validate`][]: the host's own tools look at what it would become
//! - [`journal`][], [`begin`][]: an open transaction and what undoing it needs
//! - [`stage`][], [`owners`][], [`keep`][], [`slots`][], [`flush`][]: everything new made ready, everything old
//!   kept
//! - [`swap`][], [`access`][], [`execute`][], [`undo`][], [`commit`][]: forward, back, done
//! - [`bystanders`][]: units that are started and stopped along with those of the steps
//! - [`health`]: the health checks of a change
//! - [`window`][]: a change that has to be confirmed
//! - [`settle`][]: a change that has to show that it holds
//! - [`apply`][]: one run from the lock to the report
//! - [`recover`][]: what an interrupted run left
//! - [`status`][]: how a host stands
//! - [`gc`][]: drops generations that nobody needs
//! - [`backups`][]: content that was kept before it was replaced

pub mod access;
pub mod account;
pub mod apply;
pub mod backups;
pub mod begin;
pub mod bystanders;
pub mod commit;
pub mod contents;
pub mod diff;
pub mod execute;
pub mod flush;
pub mod gc;
pub mod glance;
pub mod handlers;
pub mod health;
pub mod home;
pub mod journal;
pub mod keep;
pub mod observe;
pub mod obstacles;
pub mod owners;
pub mod planner;
pub mod programs;
pub mod reading;
mod recorded;
pub mod recover;
pub mod recovery_unit;
pub mod settle;
pub mod slots;
pub mod stage;
pub mod state;
pub mod status;
pub mod swap;
pub mod target;
pub mod texts;
pub mod undo;
pub mod validate;
pub mod window;
