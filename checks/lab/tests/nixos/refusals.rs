//! Tests of the checks before a switch, and of the exit codes of a switch that does not complete.

use super::{FACTORY, LAB, db};
use crate::stage::assert_says;
use crate::stage::nixos::{boot_default, installs, running, switch, system};

#[test]
#[ignore = "run by make soak-hosts"]
fn an_inhibitor_refuses_a_switch_but_not_a_boot() {
    let lab = LAB.turn();
    let host = db(&lab);
    let generation = |version: u32| {
        system(&lab, "db-1", &format!("system.switch.inhibitors.dbus-implementation = \"v{version}\";"))
    };
    let (first, second) = (generation(1), generation(2));
    switch(host, &first, "test").success().unwrap();
    let sayings = ["dbus-implementation : v1 -> v2", "Pre-switch checks failed"];
    for action in ["check", "test", "dry-activate", "switch"] {
        assert_says(&switch(host, &second, action), 1, &sayings);
    }
    assert_eq!(running(host), first);
    installs(host, &second);
    assert_eq!((running(host), boot_default(host)), (first, second.clone()));
    host.ask(&format!("NIXOS_NO_CHECK=1 {second}/bin/switch-to-configuration test")).unwrap();
    assert_eq!(running(host), second);
}

#[test]
#[ignore = "run by make soak-hosts"]
fn a_check_refuses_and_changes_nothing() {
    let lab = LAB.turn();
    let host = db(&lab);
    let factory = running(host);
    let refused = system(&lab, "db-1", "system.preSwitchChecks.disk = \"echo too small; false\";");
    let sayings = ["too small", "Pre-switch check 'disk' failed", "Pre-switch checks failed"];
    for action in ["check", "test", "boot", "switch"] {
        assert_says(&switch(host, &refused, action), 1, &sayings);
    }
    assert_eq!((running(host), boot_default(host)), (factory.clone(), factory));
    assert_says(&switch(host, FACTORY, "check"), 0, &[]);
    assert_says(&switch(host, FACTORY, "activate"), 1, &["Usage:"]);
}

#[test]
#[ignore = "run by make soak-hosts"]
fn another_init_needs_a_boot() {
    let lab = LAB.turn();
    let host = db(&lab);
    let other = system(&lab, "db-1", "system.initInterface = \"systemd 3\";");
    assert_says(&switch(host, &other, "test"), 100, &["won't take effect until you reboot"]);
    assert_ne!(running(host), other);
}

#[test]
#[ignore = "run by make soak-hosts"]
fn a_failed_activation_script_is_told() {
    let lab = LAB.turn();
    let host = db(&lab);
    let failing = system(&lab, "db-1", "system.activationScripts.app = \"echo no; false\";");
    assert_says(&switch(host, &failing, "test"), 2, &["no\n", "Failed to run activate script"]);
    assert_eq!(running(host), failing);
}
