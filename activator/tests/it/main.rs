//! Integration tests of the program, run through its command line on trees of files.

// The tests create the trees of files themselves.
#![allow(clippy::disallowed_methods)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::needless_raw_string_hashes)]

mod absent;
mod accounts;
mod apt;
mod attackers;
mod build;
mod clock;
mod credentials;
mod damage;
mod directories;
mod documents;
mod durability;
mod forged;
mod forget;
mod generations;
mod health;
mod health_limits;
mod held_starts;
mod homes;
mod ledger;
mod limits;
mod links;
mod masks;
mod mounts;
mod new_accounts;
mod nixos;
mod nixos_host;
mod obstacles;
mod one_door;
mod recovery;
mod removed_accounts;
mod reserved;
mod room;
mod schema_1;
mod sequences;
mod stand;
mod tricks;
mod types;
mod unit_states;
mod upkeep;
mod walk;
