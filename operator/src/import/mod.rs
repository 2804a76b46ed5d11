//! Imports the inventory of another tool: reads its hosts, and writes a `fleet.nix` with the same hosts.
//!
//! - [`FoundInventory`]: the inventory as the other tool describes it, with names and values that `NixFleet`
//!   may not accept
//! - [`Draft`]: the inventory to write as a `fleet.nix`, and notes on everything that was left out or changed
//! - [`render()`]: the text of the `fleet.nix`
//!
//! [`apt`] reads the packages and package sources of a host instead, and writes a module.

pub mod ansible;
pub mod apt;
pub mod colmena;
mod defaults;
pub mod deploy_rs;
mod draft;
mod files;
mod found;
mod hive;
mod jump;
mod names;
mod note;
mod page;
mod render;
mod secret;
mod ssh_arguments;
mod ssh_blocks;
pub mod ssh_config;
mod ssh_keyword;
mod ssh_options;

pub use defaults::Defaults;
pub use draft::{Draft, DraftHost, DraftTag, LeftOut};
pub use found::{FoundHost, FoundInventory, SshSetting, Tool};
pub use note::{Note, NoteKind, Place};
pub use render::render;
pub use ssh_blocks::SshBlock;
