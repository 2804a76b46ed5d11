//! Changes that fail on a NixOS host. After each failure, the host runs its old system.

use std::time::Duration;

use nixfleet_lab::command::wait_until;
use nixfleet_lab::lab::Lab;
use serde_json::Value;

use super::app::{
    Before, HOST, LAB, app, applies, apply, assert_runs, db, on_host, service, status, toggle, versions,
};
use super::{CONFIRMED, kept};
use crate::stage::assert_says;
use crate::stage::nixos::{boot_default, declares, native_profile, running, switch, system};

/// The time limit of each wait in these tests. It is far longer than any wait takes.
const LIMIT: Duration = Duration::from_secs(60);

/// Returns the declaration of a service that systemd cannot start. It writes `text` before it fails.
fn fails(name: &str, text: &str) -> String {
    service(name, &format!("Type=oneshot\nExecStart=/bin/sh -c 'echo \"{text}\"; exit 3'"))
}

/// Applies version two of the application together with the declarations `more`. Checks the outcome and the
/// code of the host's problem, and returns the problem.
#[track_caller]
fn problem(lab: &Lab, more: &str, flags: &str, [outcome, code]: [&str; 2]) -> Value {
    declares(lab, HOST, &app("two", more));
    let (finished, host) = apply(lab, flags);
    assert_eq!((finished.code, host["outcome"].as_str()), (2, Some(outcome)), "{finished}");
    assert_eq!(host["problem"]["code"], code, "{finished}");
    for part in ["what", "why", "help"] {
        let text = host["problem"][part].as_str().unwrap_or_default();
        assert!(!text.trim().is_empty(), "no `{part}`: {finished}");
    }
    host["problem"].clone()
}

#[track_caller]
fn assert_why(problem: &Value, sayings: &[&str]) {
    for saying in sayings {
        assert!(problem["why"].as_str().unwrap().contains(saying), "nothing says `{saying}`: {problem:#}");
    }
}

/// Waits until the host takes new connections. After failed logins, sshd may reject the operator's address
/// for some seconds.
fn waits_for_ssh(lab: &Lab) {
    let operator = lab.operator().unwrap();
    let line = format!("ssh -o ControlPath=none deploy@{HOST} sudo -n true");
    wait_until("the host takes new connections", LIMIT, || Ok(operator.types(&line)?.ok())).unwrap();
}

#[test]
fn a_unit_that_fails_is_named_with_its_last_words() {
    let lab = LAB.turn();
    let before = Before::take(&lab);
    let units = fails("broken", "no room for the broken one") + &fails("worse", "no room for the worse one");
    let problem = problem(&lab, &units, "", ["rolled-back", "NF-423"]);
    assert_why(&problem, &["broken.service", "worse.service", "the broken one", "the worse one"]);
    before.assert_back();
}

#[test]
fn a_failed_health_check_returns_to_the_old_system() {
    let lab = LAB.turn();
    let before = Before::take(&lab);
    let check = "nixfleet.healthChecks.version = { command = [ \"/bin/grep\" \"three\" \"/run/app\" ]; retries = 1; };";
    let problem = problem(&lab, check, "", ["rolled-back", "NF-418"]);
    assert!(problem.to_string().contains("version"), "{problem:#}");
    before.assert_back();
}

#[test]
fn a_system_that_cuts_the_network_is_undone() {
    let lab = LAB.turn();
    let before = Before::take(&lab);
    let route = |verb: &str| format!("/usr/sbin/ip route {verb} unreachable 10.0.1.2/32");
    let cut = toggle(&route("add"), &route("del"));
    problem(&lab, &cut, "--confirm-timeout 5", ["rolled-back", "NF-413"]);
    waits_for_ssh(&lab);
    before.assert_back();
    kept(CONFIRMED, "failures::a_system_that_cuts_the_network_is_undone", "1 network cut by a NixOS system");
}

#[test]
fn a_system_that_stops_sshd_is_undone() {
    let lab = LAB.turn();
    let before = Before::take(&lab);
    let stops = toggle("/usr/bin/systemctl stop ssh.service", "/bin/true");
    problem(&lab, &stops, "--confirm-timeout 5", ["rolled-back", "NF-413"]);
    waits_for_ssh(&lab);
    before.assert_back();
    kept(CONFIRMED, "failures::a_system_that_stops_sshd_is_undone", "1 sshd stopped by a NixOS system");
}

#[test]
fn a_check_of_the_system_refuses_before_anything_is_touched() {
    let lab = LAB.turn();
    let before = Before::take(&lab);
    let check = "system.preSwitchChecks.disk = \"echo the disk is too small; false\";";
    let problem = problem(&lab, check, "", ["blocked", "NF-423"]);
    assert_why(&problem, &["the disk is too small", "Pre-switch check 'disk' failed"]);
    before.assert_untouched();
}

/// The init of the running system becomes another one after the plan, so NixOS refuses the activation with
/// exit code 100. From then on, a check of the old system refuses a return to it, as an inhibitor would.
#[test]
fn a_system_that_needs_a_boot_after_all_is_undone_although_a_check_refuses_the_way_back() {
    let lab = LAB.turn();
    let host = db(&lab);
    let check =
        "system.preSwitchChecks.back = \"[ ! -e /run/no-way-back ] || { echo no way back; false; }\";";
    declares(&lab, HOST, &app("one", check));
    applies(&lab, "ok");
    let before = Before::take(&lab);
    let old = running(host);
    let init = format!("{old}/init-interface-version");
    let boots = format!(
        "system.preSwitchChecks.init = \"[ $2 != test ] || {{ echo systemd 3 >/run/init; touch /run/no-way-back; \
         /usr/bin/mount --bind /run/init {init}; }}\";"
    );
    let problem = problem(&lab, &boots, "", ["rolled-back", "NF-423"]);
    assert_why(&problem, &["the new system needs a boot", "won't take effect until you reboot"]);
    host.ask(&format!("umount {init}")).unwrap();
    assert_says(&switch(host, &old, "test"), 1, &["no way back", "Pre-switch checks failed"]);
    before.assert_back();
    host.ask("rm /run/init /run/no-way-back").unwrap();
}

#[test]
fn a_failed_activation_script_is_undone() {
    let lab = LAB.turn();
    let before = Before::take(&lab);
    let script = "system.activationScripts.app = \"echo the script gives up; false\";";
    let problem = problem(&lab, script, "", ["rolled-back", "NF-423"]);
    assert_why(&problem, &["the activation script failed", "the script gives up"]);
    before.assert_back();
}

#[test]
fn an_activation_that_hangs_is_ended_and_undone() {
    let lab = LAB.turn();
    let before = Before::take(&lab);
    let hangs = "nixfleet.activationTimeout = 5; system.activationScripts.hangs = \"sleep 77777\";";
    let problem = problem(&lab, hangs, "", ["rolled-back", "NF-423"]);
    assert_why(&problem, &["did not end within 5 s", "nixfleet.activationTimeout"]);
    assert!(!db(&lab).sh("pgrep --full '^sleep 77777'").unwrap().ok(), "the script still runs");
    before.assert_back();
}

#[test]
fn a_boot_loader_that_cannot_be_installed_leaves_the_old_default() {
    let lab = LAB.turn();
    let host = db(&lab);
    // The new system boots with GRUB. GRUB cannot be installed, because it needs the directory /boot/grub,
    // and there is a file at this path.
    host.ask("touch /boot/grub").unwrap();
    let before = Before::take(&lab);
    let grub = "boot.loader.systemd-boot.enable = false; boot.loader.grub.enable = true;";
    let problem = problem(&lab, grub, "", ["rolled-back", "NF-423"]);
    assert_why(&problem, &["/boot/grub", "Failed to install bootloader"]);
    before.assert_back();
    host.ask("rm /boot/grub").unwrap();
}

/// While the activation runs, another program waits for the lock of NixOS. It gets the lock as soon as the
/// activation has failed, so the undo waits for this program.
#[test]
fn an_undo_waits_for_another_switch() {
    let lab = LAB.turn();
    let host = db(&lab);
    let before = Before::take(&lab);
    let other = "systemd-run --quiet --collect --unit=other flock /run/nixos/switch-to-configuration.lock \
                 sh -c 'sleep 3; touch /run/other-is-done'";
    let script = format!("system.activationScripts.other = \"{other}; false\";");
    let problem = problem(&lab, &script, "", ["rolled-back", "NF-423"]);
    assert_why(&problem, &["the activation script failed"]);
    host.ask("rm /run/other-is-done").unwrap();
    before.assert_back();
}

#[test]
fn a_boot_default_that_another_tool_sets_during_a_change_stays() {
    let lab = LAB.turn();
    let host = db(&lab);
    let old = running(host);
    let foreign = system(&lab, HOST, &app("foreign", ""));
    let sets = format!("/usr/bin/nix-env --profile /nix/var/nix/profiles/system --set {foreign}");
    declares(&lab, HOST, &app("two", &format!("system.activationScripts.other = \"{sets}\";")));
    let (finished, ended) = apply(&lab, "");
    assert_eq!(
        (&ended["outcome"], &ended["problem"]["code"]),
        (&"rolled-back".into(), &"NF-423".into()),
        "{finished}"
    );
    assert!(ended["problem"]["what"].as_str().unwrap().contains("another program"), "{finished}");
    assert!(ended["report"]["notes"].to_string().contains("it stays"), "{finished}");
    assert_eq!(
        (running(host), boot_default(host), versions(host)),
        (old.clone(), old, ["one"; 2].map(str::to_owned))
    );
    assert_eq!(native_profile(host), foreign);
    // The next plan mentions the boot default that the other tool set.
    let plan = lab.operator().unwrap().types("nixfleet plan").unwrap();
    assert_says(&plan, 0, &["the boot default is neither the running nor the new system"]);
}

/// The first change runs Nix's garbage collection. The host must return to a system that has no generation of
/// NixFleet, and the garbage collection must not delete that system.
#[test]
fn nix_collects_dropped_generations_and_never_the_system_to_return_to() {
    let lab = LAB.turn();
    let host = db(&lab);
    let exists = |system: &str| host.sh(&format!("[ -e {system}/init ]")).unwrap().ok();
    let foreign = system(&lab, HOST, &app("gc-0", ""));
    switch(host, &foreign, "test").success().unwrap();
    let collects = "system.activationScripts.gc = \"/usr/bin/nix-store --gc >/dev/null; false\";";
    let problem = problem(&lab, collects, "", ["rolled-back", "NF-423"]);
    assert_why(&problem, &["the activation script failed"]);
    assert_eq!(
        (running(host), exists(&foreign), versions(host)),
        (foreign.clone(), true, ["gc-0", "one"].map(str::to_owned))
    );

    let systems = ["gc-1", "gc-2", "gc-3"].map(|version| {
        declares(&lab, HOST, &app(version, ""));
        applies(&lab, "ok");
        running(host)
    });
    let (finished, ended) = on_host(&lab, "gc --keep 1 --yes");
    assert_eq!(ended["outcome"], "ok", "{finished}");
    host.ask("nix-store --gc >/dev/null 2>&1").unwrap();
    assert!(!exists(&foreign), "nothing needs this system any more");
    assert_eq!(systems.each_ref().map(|system| exists(system)), [false, true, true]);
    let (finished, ended) = on_host(&lab, "rollback --yes");
    assert_eq!(ended["outcome"], "ok", "{finished}");
    assert_runs(host, &systems[1], "gc-2");
}

#[test]
fn a_host_whose_base_is_declared_wrongly_is_refused() {
    let lab = LAB.turn();
    let before = Before::take(&lab);
    let files = lab.operator().unwrap().guest().files().unwrap();
    let fleet =
        format!("{{ hosts.{HOST} = {{ base = \"ubuntu\"; addr = \"{HOST}\"; ssh.user = \"deploy\"; }}; }}\n");
    files.write("/home/ada/fleet/fleet.nix", &fleet).unwrap();
    let plan = lab.operator().unwrap().types("nixfleet plan").unwrap();
    assert_says(&plan, 2, &["NF-424", "the host runs NixOS, but its base is `ubuntu`", "hosts.<name>.base"]);
    let (finished, ended) = apply(&lab, "");
    assert_eq!((finished.code, &ended["outcome"]), (2, &"blocked".into()), "{finished}");
    assert_eq!(ended["plan"]["problems"][0]["code"], "NF-424", "{finished}");
    before.assert_untouched();
}

/// /boot is read-only, so neither the new nor the old system can install its boot loader. The change stays
/// open until /boot can be written to again.
#[test]
fn a_boot_loader_that_cannot_go_back_is_put_right_by_the_next_run() {
    let lab = LAB.turn();
    let host = db(&lab);
    let old = boot_default(host);
    host.ask("mount --bind /boot /boot && mount -o remount,bind,ro /boot").unwrap();
    let problem = problem(&lab, "", "", ["failed", "NF-412"]);
    assert_why(&problem, &["Read-only file system"]);
    let seen = status(&lab);
    assert!(seen["interrupted"].is_string(), "{seen:#}");
    assert_eq!(boot_default(host), old);

    // The undo has restored everything except the boot loader. So the plan for the old version has no steps,
    // but the host does not count as unchanged.
    declares(&lab, HOST, &app("one", ""));
    let plan = lab.operator().unwrap().types("nixfleet plan --exit-code").unwrap();
    assert_says(&plan, 3, &["interrupted", "ada@operator", "an apply recovers the host first"]);
    let (finished, ended) = apply(&lab, "");
    assert_eq!(
        (&ended["outcome"], &ended["problem"]["code"]),
        (&"failed".into(), &"NF-412".into()),
        "{finished}"
    );

    host.ask("umount /boot").unwrap();
    let ended = applies(&lab, "ok");
    assert!(ended["reason"].as_str().unwrap().contains("was rolled back to"), "{ended:#}");
    assert!(status(&lab)["interrupted"].is_null());
    assert_runs(host, &running(host), "one");
    applies(&lab, "unchanged");
}

#[test]
fn another_switch_at_work_blocks_and_nothing_is_touched() {
    let lab = LAB.turn();
    let host = db(&lab);
    let before = Before::take(&lab);
    let takes_lock =
        "systemd-run --quiet --unit=other flock /run/nixos/switch-to-configuration.lock sleep infinity";
    host.ask(takes_lock).unwrap();
    let held = "! flock --nonblock /run/nixos/switch-to-configuration.lock true";
    wait_until("the lock is held", LIMIT, || Ok(host.sh(held)?.ok())).unwrap();
    let problem = problem(&lab, "", "", ["blocked", "NF-401"]);
    assert_says(
        &lab.operator().unwrap().types("nixfleet apply --yes").unwrap(),
        2,
        &["is switching", "wait"],
    );
    assert!(problem["where"].as_str().unwrap().contains("switch-to-configuration.lock"), "{problem:#}");
    host.ask("systemctl stop other").unwrap();
    before.assert_untouched();
    applies(&lab, "ok");
    assert_eq!(running(host), boot_default(host));
}
