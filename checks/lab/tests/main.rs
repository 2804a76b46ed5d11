//! The tests on real hosts. They are one program, because each program is linked separately. The suite runs
//! the modules of this program in several processes (`checks/lab/src/host_tests.rs`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod apt;
mod architectures;
mod attackers;
mod bad_input;
mod bootstrap;
mod connections;
mod copying;
mod crashes;
mod diagnostics;
mod errands;
mod errors;
mod evaluation;
mod fleet16;
mod health;
mod health_cut_short;
mod hostile_hosts;
mod import;
mod intruders;
mod jump;
mod lab;
mod liars;
mod library;
mod lockout;
mod logins;
mod nixos;
mod nixos_evaluation;
mod nixos_hosts;
mod on_change;
mod os_update;
mod programs;
mod readme;
mod rollout;
mod run;
mod scale;
mod sharing;
mod shells;
mod stage;
mod story;
mod survival;
mod templates;
mod units;
mod upkeep;
mod validation;
mod versions;
