//! The program as others use it: driven by its command line, on trees of files.

// Tests make the hosts that they try the program on.
#![allow(clippy::disallowed_methods)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::needless_raw_string_hashes)]

mod absent;
mod accounts;
mod attackers;
mod build;
mod clock;
mod damage;
mod directories;
mod documents;
mod durability;
mod forged;
mod formers;
mod generations;
mod harmless;
mod health;
mod health_limits;
mod homes;
mod ledger;
mod limits;
mod links;
mod mounts;
mod newcomers;
mod obstacles;
mod one_door;
mod recovery;
mod reserved;
mod room;
mod schema_1;
mod sequences;
mod stand;
mod tricks;
mod types;
mod upkeep;
mod walk;
