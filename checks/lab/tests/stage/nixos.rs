//! A fleet whose hosts are stand-ins for NixOS hosts. Each host has its own NixOS module, `hosts/NAME.nix`.

use std::time::Duration;

use nixfleet_lab::command::{Finished, wait_until};
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::{Lab, Plan};

/// The time limit for a reboot.
const LIMIT: Duration = Duration::from_secs(60);

/// Boots a lab with an operator's machine and these hosts of the demo. The hosts are stand-ins for NixOS
/// hosts with their first system, and the operator's fleet consists of these hosts.
pub fn fresh(hosts: &[&str]) -> Lab {
    let mut plan = Plan::of_test();
    for host in ["web-1", "web-2", "db-1"] {
        plan = if hosts.contains(&host) { plan.nixos(host) } else { plan.without(host) };
    }
    let lab = Lab::boot(&plan).unwrap();
    declares_fleet(&lab);
    lab
}

/// Replaces the demo's fleet with a fleet of the lab's hosts. They are NixOS hosts that declare nothing yet.
pub fn declares_fleet(lab: &Lab) {
    let hosts = lab.hosts().map(Guest::name).map(|host| {
        declares(lab, host, "");
        format!("  hosts.{host} = {{ addr = \"{host}\"; modules = [ ./hosts/{host}.nix ]; }};\n")
    });
    let hosts: String = hosts.collect();
    let defaults = "defaults = { base = \"nixos\"; ssh.user = \"deploy\"; };";
    write(lab, "fleet.nix", &format!("{{\n  {defaults}\n{hosts}}}\n"));
}

/// Replaces the module of a host with these NixOS and NixFleet options. The host boots with systemd-boot if
/// the options do not select a boot loader.
pub fn declares(lab: &Lab, host: &str, nix: &str) {
    let loader = "imports = [ { boot.loader.systemd-boot.enable = lib.mkDefault true; } ];";
    let module = format!("{{ lib, pkgs, ... }}: {{\n{loader}\n{nix}\n}}\n");
    write(lab, &format!("hosts/{host}.nix"), &module);
}

/// Builds the system of a host with these declarations on the operator's machine, copies it to the host with
/// Nix's own tools, and returns its store path.
pub fn system(lab: &Lab, host: &str, nix: &str) -> String {
    declares(lab, host, nix);
    let operator = lab.operator().unwrap();
    let build = format!(
        "nix build --no-link --print-out-paths .#nixosConfigurations.{host}.config.system.build.toplevel"
    );
    let system = operator.types(&build).unwrap().success().unwrap().line().to_owned();
    let copy = format!("nix copy --no-check-sigs --to ssh-ng://deploy@{host} {system}");
    operator.types(&copy).unwrap().success().unwrap();
    system
}

/// Runs a system's `switch-to-configuration` on a host as root, as `nixos-rebuild` does.
pub fn switch(host: &Guest, system: &str, action: &str) -> Finished {
    host.sh(&format!("{system}/bin/switch-to-configuration {action} 2>&1")).unwrap()
}

/// Makes a system the newest generation of the system profile, and the boot default.
pub fn installs(host: &Guest, system: &str) {
    host.ask(&format!("nix-env --profile /nix/var/nix/profiles/system --set {system}")).unwrap();
    switch(host, system, "boot").success().unwrap();
}

/// Returns the running system of a host.
pub fn running(host: &Guest) -> String {
    host.ask("readlink -f /run/current-system").unwrap()
}

/// Returns the system with which a host was booted last.
pub fn booted(host: &Guest) -> String {
    host.ask("readlink -f /run/booted-system").unwrap()
}

/// Returns the system that a host boots by default.
pub fn boot_default(host: &Guest) -> String {
    let script = "sed -n 's/^options init=\\([^ ]*\\)\\/init .*/\\1/p' /boot/loader/entries/$(cat /boot/loader/default)";
    host.ask(script).unwrap()
}

/// Returns the system of the current generation of NixOS's own profile.
pub fn native_profile(host: &Guest) -> String {
    host.ask("readlink -f /nix/var/nix/profiles/system").unwrap()
}

/// Reboots a host, and waits until it is up again.
pub fn reboots(host: &Guest) {
    let before = host.leader().unwrap();
    host.ask("systemctl --no-block reboot").unwrap();
    // The wait runs no command on the host. A host that shuts down stops all its processes, including the
    // `nsenter` that runs a command, and would then wait for them.
    wait_until("the host has booted again", LIMIT, || Ok(host.leader().is_ok_and(|now| now != before)))
        .unwrap();
    host.wait_until_up(LIMIT).unwrap();
}

fn write(lab: &Lab, file: &str, text: &str) {
    let operator = lab.operator().unwrap();
    operator.types("mkdir -p hosts").unwrap().success().unwrap();
    operator.guest().files().unwrap().write(&format!("/home/ada/fleet/{file}"), text).unwrap();
}
