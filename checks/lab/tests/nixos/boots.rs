//! Tests of boot entries, of the boot default, and of boot entries that boot only once.

use super::{LAB, db};
use crate::stage::nixos::{boot_default, booted, installs, reboots, running, switch, system};

#[test]
#[ignore = "run by make soak-hosts"]
fn a_power_cut_returns_from_a_tested_system_and_a_half_activated_one_to_the_default() {
    let lab = LAB.turn();
    let host = db(&lab);
    let unit = |version: u32| {
        format!(
            "systemd.units.\"app.service\" = {{ wantedBy = [ \"multi-user.target\" ]; \
             text = \"[Service]\\nExecStart=/usr/bin/sleep infinity\\nEnvironment=V={version}\\n\"; }};\n"
        )
    };
    let old = system(&lab, "db-1", &unit(1));
    let tested = system(&lab, "db-1", &(unit(1) + "environment.etc.tested.text = \"x\";"));
    let hangs = "system.activationScripts.hangs = \"touch /run/hangs; sleep infinity\";";
    let new = system(&lab, "db-1", &(unit(2) + hangs));
    installs(host, &old);
    switch(host, &tested, "test").success().unwrap();
    assert_eq!((running(host), boot_default(host)), (tested, old.clone()));
    host.ask("[ -e /etc/tested ]").unwrap();
    host.ask(&format!("systemd-run --unit=run {new}/bin/switch-to-configuration test")).unwrap();
    host.ask("until [ -e /run/hangs ]; do sleep 0.05; done").unwrap();
    // The unit file is already the new file, and the unit is stopped.
    assert!(
        host.ask("systemctl cat app.service; cat /etc/systemd/system/app.service").unwrap().contains("V=2")
    );
    host.power_cut().unwrap();
    host.power_on().unwrap();
    assert_eq!((running(host), booted(host)), (old.clone(), old));
    assert!(!host.sh("[ -e /etc/tested ]").unwrap().ok());
    assert_eq!(
        host.ask("systemctl show --value -p Environment,SubState app.service").unwrap(),
        "V=1\nrunning"
    );
}

#[test]
#[ignore = "run by make soak-hosts"]
fn an_entry_that_boots_once_leaves_the_default() {
    let lab = LAB.turn();
    let host = db(&lab);
    let factory = running(host);
    let newer = system(&lab, "db-1", "boot.kernelRelease = \"6.12.1\"; boot.kernelParams = [ \"quiet\" ];");
    assert_eq!(host.ask(&format!("cat {newer}/kernel-params")).unwrap(), "quiet");
    assert_ne!(
        host.ask(&format!("readlink -f {newer}/kernel")).unwrap(),
        host.ask("readlink -f /run/booted-system/kernel").unwrap()
    );
    host.ask(&format!("nix-env --profile /nix/var/nix/profiles/system --set {newer}")).unwrap();
    // The old system stays the boot default. The switch adds a boot entry for the new system.
    switch(host, &factory, "boot").success().unwrap();
    assert_eq!(boot_default(host), factory);
    let number = host.ask("readlink /nix/var/nix/profiles/system").unwrap();
    let number = number.trim_start_matches("system-").trim_end_matches("-link");
    let once = format!("/run/current-system/sw/bin/bootctl set-oneshot nixos-generation-{number}.conf");
    host.ask(&once).unwrap();
    reboots(host);
    assert_eq!((booted(host), running(host), boot_default(host)), (newer.clone(), newer, factory.clone()));
    reboots(host);
    assert_eq!((booted(host), running(host)), (factory.clone(), factory));
}

#[test]
#[ignore = "run by make soak-hosts"]
fn grub_boots_a_title_of_its_menu_once() {
    let lab = LAB.turn();
    let host = db(&lab);
    let grub = |version: &str| {
        let loader = "boot.loader.systemd-boot.enable = false; boot.loader.grub.enable = true;";
        system(&lab, "db-1", &format!("{loader} environment.etc.version.text = \"{version}\";"))
    };
    let (first, second) = (grub("1"), grub("2"));
    installs(host, &first);
    host.ask(&format!("nix-env --profile /nix/var/nix/profiles/system --set {second}")).unwrap();
    switch(host, &first, "boot").success().unwrap();
    let title = host
        .ask("sed -n 's/^menuentry \"\\(NixOS - Configuration .*\\)\".*/\\1/p' /boot/grub/grub.cfg | head -n 1")
        .unwrap();
    let reboot = "/run/current-system/sw/bin/grub-reboot";
    host.ask(&format!("{reboot} 'NixOS - All configurations>{title}'")).unwrap();
    reboots(host);
    assert_eq!((booted(host), boot_default(host)), (second, first.clone()));
    // The selected title can be removed again. If the selected title is not in the menu, the host boots its
    // default.
    host.ask(&format!("{reboot} 'NixOS - All configurations>{title}'")).unwrap();
    host.ask("/run/current-system/sw/bin/grub-editenv - unset next_entry").unwrap();
    assert!(!host.sh("[ -e /boot/loader/oneshot ]").unwrap().ok());
    host.ask(&format!("{reboot} 'NixOS - All configurations>NixOS - Configuration 99 (x)'")).unwrap();
    reboots(host);
    assert_eq!((booted(host), boot_default(host)), (first.clone(), first));
}

#[test]
#[ignore = "run by make soak-hosts"]
fn a_switch_sets_the_default_and_entries_follow_the_profile() {
    let lab = LAB.turn();
    let host = db(&lab);
    let next = system(&lab, "db-1", "environment.etc.next.text = \"x\";");
    host.ask(&format!("nix-env --profile /nix/var/nix/profiles/system --set {next}")).unwrap();
    switch(host, &next, "switch").success().unwrap();
    assert_eq!((running(host), boot_default(host)), (next.clone(), next.clone()));
    reboots(host);
    assert_eq!((running(host), booted(host)), (next.clone(), next.clone()));
    // At boot, systemd reached NixFleet's recovery unit, whose condition found no interrupted run to recover.
    let recovery =
        "systemctl show --value -p ConditionResult,ConditionTimestampMonotonic nixfleet-recover.service";
    let reached = host.ask(recovery).unwrap();
    assert!(reached.starts_with("no\n") && !reached.ends_with("\n0"), "{reached}");

    let last = system(&lab, "db-1", "environment.etc.last.text = \"x\";");
    installs(host, &last);
    let entries = || host.ask("grep -l NixOS -r /boot/loader/entries | wc -l").unwrap();
    let all: usize = entries().parse().unwrap();
    let gone = format!(
        "for link in /nix/var/nix/profiles/system-*-link; do [ $(readlink -f $link) != {next} ] || rm $link; done"
    );
    host.ask(&gone).unwrap();
    switch(host, &last, "boot").success().unwrap();
    assert!(entries().parse::<usize>().unwrap() < all);
    assert_eq!(boot_default(host), last);
}
