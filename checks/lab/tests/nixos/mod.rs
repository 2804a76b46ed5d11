//! Tests of the stand-in for NixOS hosts, without NixFleet. The stand-in must behave like NixOS, because the
//! tests of NixFleet on NixOS hosts rely on it.

mod boots;
mod refusals;
mod units;

use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::Lab;

use crate::stage::nixos::{booted, declares_fleet, fresh, reboots, running, switch};
use crate::stage::shared::Shared;

/// A lab with the host db-1, a stand-in for a NixOS host. At the start of each test, the host runs its first
/// system.
static LAB: Shared = Shared::new(|| fresh(&["db-1"]), reset);

/// The first system of the host, with which the lab is booted.
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
