//! Changes that take effect only when a NixOS host boots, such as a new kernel.

use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::Lab;
use serde_json::{Value, json};

use super::app::{HOST, app, applies, converged, db, on_host, status, versions};
use crate::stage::assert_says;
use crate::stage::nixos::{boot_default, booted, declares, declares_fleet, reboots, running};
use crate::stage::shared::Shared;

/// The lab of these tests. At the start of each test, its host has version one of the application, and
/// whatever kernel the last test left.
static LAB: Shared = Shared::new(converged, |lab| {
    declares_fleet(lab);
    declares_version(lab, "one", "");
    on_host(lab, "apply --yes");
    applies(lab, "unchanged");
});

const GRUB: &str = "boot.loader.systemd-boot.enable = false; boot.loader.grub.enable = true;";
const NO_LOADER: &str = "boot.loader.systemd-boot.enable = false;";

/// Returns the declaration of a kernel release that is not the release of the host's first system.
fn kernel(release: &str) -> String {
    format!("boot.kernelRelease = \"{release}\";")
}

/// Declares a version of the application, with the kernel and the init with which the host was booted, unless
/// `more` declares others. So the host needs no reboot before a test begins.
fn declares_version(lab: &Lab, version: &str, more: &str) {
    let booted = "readlink /run/booted-system/kernel; cat /run/booted-system/init-interface-version";
    let booted = db(lab).ask(booted).unwrap();
    let (kernel, init) = booted.split_once('\n').unwrap();
    let (_, release) = kernel.trim_end_matches("/bzImage").rsplit_once("-linux-").unwrap();
    let keeps = [("boot.kernelRelease", release), ("system.initInterface", init)];
    let keeps = keeps.into_iter().filter(|(option, _)| !more.contains(option));
    let keeps: Vec<String> = keeps.map(|(option, value)| format!("{option} = \"{value}\";\n")).collect();
    declares(lab, HOST, &app(version, &(keeps.concat() + more)));
}

/// Returns the running system, the system that was booted last, and the boot default.
fn systems(host: &Guest) -> [String; 3] {
    [running(host), booted(host), boot_default(host)]
}

/// Returns the output of `nixfleet plan` as text.
fn plan(lab: &Lab) -> String {
    let plan = lab.operator().unwrap().types("nixfleet plan").unwrap();
    assert_says(&plan, 0, &[]);
    plan.stdout
}

/// Applies a system that needs a reboot because of `part`. Asserts that the outcome says so.
#[track_caller]
fn applies_partly(lab: &Lab, part: &str) {
    let ended = applies(lab, "partial");
    assert_eq!(ended["reasonCode"], "reboot-to-finish", "{ended:#}");
    let notes = notes(&ended);
    assert!(notes.contains("restart the host to finish") && notes.contains(part), "{ended:#}");
}

fn notes(ended: &Value) -> String {
    ended["report"]["notes"].to_string()
}

/// Asserts that a host with a new kernel boots this kernel once, and that only a later apply makes the kernel
/// the boot default.
#[track_caller]
fn boots_a_kernel_once(lab: &Lab, release: &str, loader: &str) {
    let host = db(lab);
    declares_version(lab, "one", loader);
    on_host(lab, "apply --yes");
    let [old, ..] = systems(host);
    assert_eq!(boot_default(host), old);

    declares_version(lab, "two", &(kernel(release) + loader));
    let planned = plan(lab);
    let line =
        planned.lines().find(|line| line.contains("next boot only")).unwrap_or_else(|| panic!("{planned}"));
    assert!(line.contains("kernel") && line.ends_with("the boot default stays"), "{planned}");
    assert!(!planned.contains("~ boot default"), "{planned}");
    applies_partly(lab, "kernel");
    let [new, ..] = systems(host);
    assert_ne!(new, old);
    assert_eq!((boot_default(host), versions(host)), (old.clone(), ["two", "two"].map(str::to_owned)));

    // The host waits for its reboot, so another apply changes nothing.
    let waits = applies(lab, "deferred");
    assert_eq!(waits["reasonCode"], "reboot-to-finish", "{waits:#}");
    assert_says(&lab.operator().unwrap().types("nixfleet plan --exit-code").unwrap(), 0, &[]);

    reboots(host);
    assert_eq!(systems(host), [new.clone(), new.clone(), old]);
    assert_eq!(status(lab)["drift"], json!([]));
    let planned = plan(lab);
    assert!(planned.contains("~ boot default") && !planned.contains("next boot only"), "{planned}");
    applies(lab, "ok");
    assert_eq!(systems(host), [new.clone(), new.clone(), new.clone()]);
    applies(lab, "unchanged");
}

#[test]
fn systemd_boot_boots_a_new_kernel_once_and_then_by_default() {
    let lab = LAB.turn();
    boots_a_kernel_once(&lab, "6.12.1", "");
    let host = db(&lab);
    let new = running(host);
    reboots(host);
    assert_eq!(systems(host), [new.clone(), new.clone(), new]);
}

#[test]
#[ignore = "run by make soak-hosts"]
fn grub_boots_a_new_kernel_once_and_then_by_default() {
    let lab = LAB.turn();
    boots_a_kernel_once(&lab, "6.12.5", GRUB);
}

#[test]
fn a_kernel_that_does_not_come_up_leaves_the_old_default() {
    let lab = LAB.turn();
    let host = db(&lab);
    let [old, ..] = systems(host);
    declares_version(&lab, "two", &kernel("6.12.2"));
    applies_partly(&lab, "kernel");
    let [new, ..] = systems(host);
    reboots(host);
    assert_eq!(booted(host), new);
    // The new kernel hangs, so somebody switches the host off and on. The host then boots the old default.
    host.power_cut().unwrap();
    host.power_on().unwrap();
    assert_eq!(systems(host), [old.clone(), old.clone(), old.clone()]);
    let seen = status(&lab);
    assert!(seen["drift"].to_string().contains(&format!("{new} → {old}")), "{seen:#}");
    // The next apply would try the new kernel once more. A rollback returns to the old kernel for good.
    assert!(plan(&lab).contains("next boot only"));
    let (finished, ended) = on_host(&lab, "rollback --yes");
    assert_eq!(ended["outcome"], "ok", "{finished}");
    assert_eq!(
        (systems(host), versions(host)),
        ([old.clone(), old.clone(), old], ["one"; 2].map(str::to_owned))
    );
    assert_eq!(status(&lab)["drift"], json!([]));
}

#[test]
fn a_rollback_before_the_restart_takes_the_new_kernel_back() {
    let lab = LAB.turn();
    let host = db(&lab);
    let [old, ..] = systems(host);
    let before = status(&lab)["current"]["number"].clone();
    declares_version(&lab, "two", &kernel("6.12.3"));
    applies_partly(&lab, "kernel");
    let (finished, ended) = on_host(&lab, &format!("rollback --yes --to {before}"));
    assert_eq!(ended["outcome"], "ok", "{finished}");
    reboots(host);
    assert_eq!(systems(host), [old.clone(), old.clone(), old]);
}

#[test]
fn the_rollback_of_a_kernel_is_finished_after_the_restart() {
    let lab = LAB.turn();
    let (host, operator) = (db(&lab), lab.operator().unwrap());
    let [old, ..] = systems(host);
    declares_version(&lab, "two", &kernel("6.12.6"));
    let (finished, ended) = on_host(&lab, "apply --yes");
    assert_eq!(ended["reasonCode"], "reboot-to-finish", "{finished}");
    let document: Value = serde_json::from_str(&finished.stdout).unwrap();
    let rollout = document["rollout"]["id"].as_str().unwrap_or_else(|| panic!("{finished}")).to_owned();
    reboots(host);
    applies(&lab, "ok");
    let [new, ..] = systems(host);
    assert_eq!(boot_default(host), new);

    let back = |outcome: &str| {
        let line = format!("nixfleet rollback --yes --json --rollout {rollout}");
        let (finished, document) = operator.types_for_json(&line).unwrap();
        assert_eq!(document["hosts"][0]["outcome"], outcome, "{finished}");
    };
    back("partial");
    back("deferred");
    reboots(host);
    assert_eq!(systems(host), [old.clone(), old.clone(), new], "it boots once");
    back("ok");
    assert_eq!(systems(host), [old.clone(), old.clone(), old]);
    let over = operator.types(&format!("nixfleet rollback --yes --rollout {rollout}")).unwrap();
    assert_says(&over, 1, &["there is nothing to roll back"]);
}

#[test]
fn without_a_loader_that_boots_once_the_plan_warns_of_an_unconfirmed_default() {
    let lab = LAB.turn();
    let host = db(&lab);
    declares_version(&lab, "two", &(kernel("6.12.4") + NO_LOADER));
    let planned = plan(&lab);
    let line =
        planned.lines().find(|line| line.contains("~ boot default")).unwrap_or_else(|| panic!("{planned}"));
    assert!(line.contains("unconfirmed boot default") && line.contains("kernel"), "{planned}");
    applies_partly(&lab, "kernel");
    let [new, ..] = systems(host);
    assert_eq!(boot_default(host), new);
    let waits = applies(&lab, "deferred");
    assert_eq!(waits["reasonCode"], "reboot-to-finish", "{waits:#}");
    reboots(host);
    assert_eq!(systems(host), [new.clone(), new.clone(), new]);
    applies(&lab, "unchanged");
}

/// The activator's own tests change a switch inhibitor and the init separately. In this test, both change at
/// once.
#[test]
fn a_switch_inhibitor_and_another_init_are_told_and_the_system_waits_for_a_boot() {
    let lab = LAB.turn();
    let host = db(&lab);
    let inhibitor = |value: &str| format!("system.switch.inhibitors.dbus-implementation = \"{value}\";");
    declares_version(&lab, "one", &inhibitor("dbus"));
    applies(&lab, "ok");
    let [old, ..] = systems(host);
    declares_version(&lab, "one", &(inhibitor("broker") + "system.initInterface = \"systemd 3\";"));
    let planned = plan(&lab);
    let parts = "dbus-implementation, init-interface-version";
    assert!(planned.contains("next boot only") && planned.contains(parts), "{planned}");
    assert!(!planned.contains("~ NixOS"), "{planned}");
    let ended = applies(&lab, "partial");
    assert_eq!(ended["reasonCode"], "reboot-to-finish", "{ended:#}");
    assert!(notes(&ended).contains(parts), "{ended:#}");
    assert_eq!((running(host), boot_default(host)), (old.clone(), old.clone()), "not activated live");
    assert_eq!(applies(&lab, "deferred")["reasonCode"], "reboot-to-finish");
    assert_eq!(status(&lab)["drift"], json!([]));
    reboots(host);
    let [new, now, default] = systems(host);
    assert_ne!(new, old);
    assert_eq!((now, default), (new.clone(), old));
    applies(&lab, "ok");
    assert_eq!(boot_default(host), new);
    applies(&lab, "unchanged");
}
