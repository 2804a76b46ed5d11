//! Tests of the stand-in for NixOS hosts. The stand-in has to have the interface of NixOS, because the tests
//! of NixFleet on NixOS hosts rely on it. NixFleet takes no part in these tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod boots;
mod refusals;
#[path = "../stage/mod.rs"]
mod stage;
mod units;

use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::Lab;
use stage::nixos::{booted, declares_fleet, fresh, reboots, running, switch};
use stage::shared::Shared;

/// A lab with the stand-in db-1. Each test gets the host with its first system.
static LAB: Shared = Shared::new(|| fresh(&["db-1"]), reset);

/// The first system of the host.
const FACTORY: &str = "/nix/var/nix/profiles/system-1-link";

fn reset(lab: &Lab) {
    declares_fleet(lab);
    let host = db(lab);
    host.ask("nix-env --profile /nix/var/nix/profiles/system --switch-generation 1").unwrap();
    switch(host, FACTORY, "switch").success().unwrap();
    if booted(host) != running(host) {
        reboots(host);
    }
}

fn db(lab: &Lab) -> &Guest {
    lab.guest("db-1").unwrap()
}
