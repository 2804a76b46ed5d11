//! Tests that kill a run before each change that the run makes.

use std::fs;

use serde_json::json;

use super::walk::{RECOVER, Run, every};
use crate::health;
use crate::ledger;
use crate::nixos_host::NixosHost;
use crate::room::file;
use crate::stand::with_own_mounts;

#[test]
fn an_undo_that_is_killed_ends_in_the_old_system() {
    let test = "nixos::crashes::an_undo_that_is_killed_ends_in_the_old_system";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        host.applied(&host.closure("one", "k1", None), "ok");
        let two = host.closure("two", "k1", None);
        stand.write("/fail-boot", "two 1\n", 0o644);
        stand.save("one");
        let changes = stand.changes(&["apply", "--closure", &two]).len();
        let (mut tried, mut failures) = (0, Vec::new());
        for at in 1..=changes {
            stand.load("one");
            stand.run(&["apply", "--closure", &two], Some(("kill", at)));
            if host.phase() != "confirmed" {
                continue;
            }
            tried += 1;
            // Let `switch-to-configuration boot` of `two` succeed from now on, so that the recovery does not
            // fail.
            fs::remove_file(stand.path("/fail-boot")).unwrap();
            let report = host.run(&RECOVER);
            let end = host.ends();
            if report["problem"]["code"] != "NF-409" || (end != ["one"; 4] && end != ["two"; 4]) {
                failures.push(format!("killed before change {at}: {end:?} {report}"));
            }
        }
        assert!(tried > 10, "{tried} points");
        let tried = format!("{tried} points to kill the undo of a boot default at");
        ledger::record("All or nothing", test, &tried, &failures);
    });
}

/// How a third system, which is neither the former nor the new system, comes to run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Third {
    /// It was the boot default before the change, and the host was restarted.
    WasDefault,
    /// Another program made it the boot default after the run was killed, and the host was restarted.
    BecameDefault,
    /// Another program activated it after the run was killed.
    Activated,
}

#[test]
fn a_host_that_booted_a_third_system_activates_the_former_one() {
    let test = "nixos::crashes::a_host_that_booted_a_third_system_activates_the_former_one";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        host.applied(&host.closure("one", "k1", None), "ok");
        let third = host.system("third", "k1");
        stand.save("one");
        host.installs(&third, 3);
        let two = host.closure("two", "k1", None);
        stand.save("third");
        let changes = stand.changes(&["apply", "--closure", &two]).len();
        let mut tried = 0;
        for at in 1..=changes {
            for way in [Third::WasDefault, Third::BecameDefault, Third::Activated] {
                stand.load(if way == Third::BecameDefault { "one" } else { "third" });
                stand.run(&["apply", "--closure", &two], Some(("kill", at)));
                if host.phase() != "activating" {
                    break;
                }
                tried += 1;
                if way == Third::BecameDefault {
                    host.installs(&third, 3);
                }
                if way == Third::Activated {
                    let switch = third.join("bin/switch-to-configuration");
                    assert!(std::process::Command::new(switch).arg("test").status().unwrap().success());
                } else {
                    host.boots();
                    stand.run(&["recover", "--boot"], None);
                    assert_eq!(host.running(), "third");
                }
                let report = host.run(&RECOVER);
                let running = if way == Third::WasDefault { "one" } else { "third" };
                let trial = format!("killed before change {at}, {way:?}: {report:#}");
                assert_eq!(host.ends(), [running, "third", "third", "one"], "{trial}");
            }
        }
        assert!(tried > 1, "{tried} trials");
    });
}

/// A system with another init cannot be activated while the host runs. If the host is restarted before the
/// boot loader knows the system, the recovery completes the change. A later rollback must cancel the one-time
/// boot nevertheless.
#[test]
fn a_one_time_boot_that_a_recovery_has_chosen_can_be_cancelled() {
    let test = "nixos::crashes::a_one_time_boot_that_a_recovery_has_chosen_can_be_cancelled";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        let loader = Some("systemd-boot");
        host.applied(&host.closure("one", "k1", loader), "ok");
        let other = host.system("two", "k1");
        fs::write(other.join("init-interface-version"), "systemd 3").unwrap();
        let two = host.closure_of("two", &other, loader);
        stand.save("one");
        let changes = stand.changes(&["apply", "--closure", &two]).len();
        let mut completed = 0;
        for at in 1..=changes {
            stand.load("one");
            stand.run(&["apply", "--closure", &two], Some(("kill", at)));
            if host.phase() != "confirmed" {
                continue;
            }
            host.boots();
            stand.run(&["recover", "--boot"], None);
            completed += usize::from(stand.path("/boot/oneshot").exists());
            let report = host.run(&["rollback", "--to", "2"]);
            host.boots();
            assert_eq!(host.ends(), ["one"; 4], "killed before change {at}: {report:#}");
        }
        assert!(completed > 0, "no recovery chose the one-time boot");
    });
}

/// Kills an apply of a new system before each change that it makes.
fn killed_before_every_change(test: &str, loader: Option<&str>, kernel: &str) {
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        let one = host.closure("one", "k1", loader);
        let two = host.closure("two", kernel, loader);
        host.applied(&one, "ok");
        stand.save("one");
        // The boot loaders differ only in how they boot a system once, so one of them suffices.
        let with_all_recoveries = loader != Some("grub");
        let run = Run::new(&host, "one", &["apply", "--closure", &two], with_all_recoveries);
        assert!(run.changes.len() > 20, "{:?}", run.changes);
        run.is_killed(test, "process", 1..=run.changes.len());
    });
}

#[test]
fn killed_before_every_change_of_a_system() {
    killed_before_every_change("nixos::crashes::killed_before_every_change_of_a_system", None, "k1");
}

#[test]
fn killed_before_every_change_of_a_kernel() {
    killed_before_every_change(
        "nixos::crashes::killed_before_every_change_of_a_kernel",
        Some("systemd-boot"),
        "k2",
    );
}

#[test]
fn killed_before_every_change_of_a_kernel_with_grub() {
    let test = "nixos::crashes::killed_before_every_change_of_a_kernel_with_grub";
    killed_before_every_change(test, Some("grub"), "k2");
}

/// Kills an apply that fails before each change of its undo. `failure` is the content of the file
/// `/fail-test` of the host, and `checks` are the health checks of the new system. The changes before the
/// undo are the same as in an apply that succeeds.
fn killed_before_every_change_of_an_undo(test: &str, failure: Option<&str>, checks: &[serde_json::Value]) {
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        host.applied(&host.closure("one", "k1", None), "ok");
        let nixos = json!({ "toplevel": host.system("two", "k1"), "loader": null });
        let files = [file("/srv/app/name", Some("two"))];
        let intent = json!({ "base": "nixos", "nixos": nixos, "files": files, "healthChecks": checks });
        let two = stand.closure("closure-two", &intent);
        if let Some(failure) = failure {
            stand.write("/fail-test", failure, 0o644);
        }
        stand.save("one");
        host.applied(&two, "rolled-back");
        let run = Run::new(&host, "one", &["apply", "--closure", &two], false);
        let is_activation = |line: &String| line.ends_with("/two/bin/switch-to-configuration");
        let activation = run.changes.iter().rposition(is_activation).unwrap() + 1;
        let undo = activation + 1..=run.changes.len();
        assert!(undo.clone().count() > 10, "{:?}", run.changes);
        run.is_killed(test, "undo", undo);
    });
}

#[test]
fn killed_before_every_change_of_the_undo_of_a_failed_activation() {
    let test = "nixos::crashes::killed_before_every_change_of_the_undo_of_a_failed_activation";
    killed_before_every_change_of_an_undo(test, Some("two 4\n"), &[]);
}

#[test]
fn killed_before_every_change_of_the_undo_of_a_failed_health_check() {
    let test = "nixos::crashes::killed_before_every_change_of_the_undo_of_a_failed_health_check";
    killed_before_every_change_of_an_undo(test, None, &[health::command("web", "exit 1", "rollback")]);
}

#[test]
fn killed_before_the_changes_of_a_rollback() {
    let test = "nixos::crashes::killed_before_the_changes_of_a_rollback";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        host.applied(&host.closure("one", "k1", None), "ok");
        host.applied(&host.closure("two", "k1", None), "ok");
        stand.save("two");
        let run = Run::new(&host, "two", &["rollback", "--to", "2"], false);
        assert_eq!(host.ends(), ["one"; 4]);
        run.is_killed(test, "rollback", (1..=run.changes.len()).step_by(every(4)));
    });
}

#[test]
fn killed_again_before_the_changes_of_the_recovery() {
    let test = "nixos::crashes::killed_again_before_the_changes_of_the_recovery";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        host.applied(&host.closure("one", "k1", None), "ok");
        let two = host.closure("two", "k1", None);
        stand.save("one");
        let run = Run::new(&host, "one", &["apply", "--closure", &two], false);
        run.is_killed_again(test);
    });
}
