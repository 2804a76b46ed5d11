//! Tests that kill a run before each change that the run makes.

use std::fs;

use crate::ledger;
use crate::nixos_host::NixosHost;
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
            let report = host.run(&["rollback", "--to", "99"]);
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
                let report = host.run(&["rollback", "--to", "99"]);
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

/// How a host is recovered after a run was killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Recovery {
    /// The host is not restarted, and the next NixFleet command recovers it.
    Contact,
    /// The host is restarted, and recovers itself while it boots.
    Boot,
    /// The host is restarted without its recovery unit, and the next NixFleet command recovers it.
    BootThenContact,
}

/// Kills a run before each change that it makes. After the recovery, the running system, the boot default and
/// the managed file must all be of the old generation, or all of the new generation. As long as the change is
/// not confirmed, the boot default and the native profile must be the old system. If the new system is first
/// booted once, they must be the old system during the whole run.
fn killed_before_every_change(test: &str, loader: Option<&str>, kernel: &str) {
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        let one = host.closure("one", "k1", loader);
        let two = host.closure("two", kernel, loader);
        host.applied(&one, "ok");
        stand.save("one");
        let changes = stand.changes(&["apply", "--closure", &two]).len();
        assert!(changes > 20, "{changes} changes");
        let after = host.ends();
        let (mut failures, mut ends) = (Vec::new(), [0, 0]);
        for at in 1..=changes {
            let kill = || {
                stand.load("one");
                stand.run(&["apply", "--closure", &two], Some(("kill", at)));
                host.phase()
            };
            let phase = kill();
            let is_unconfirmed = phase != "confirmed" && phase != "committed";
            let must_be_old = is_unconfirmed || after[1] == "one";
            let defaults = [("boot default", host.default()), ("native profile", host.native())];
            for (what, system) in defaults {
                if must_be_old && system != "one" {
                    failures.push(format!("before {at}: the {what} is {system} and unconfirmed"));
                }
            }
            // As long as the run has not touched the NixOS system, all three kinds of recovery do the same.
            // So only one kind is tried for each point, unless all cases are requested.
            let is_untouched = matches!(&*phase, "preparing" | "accounts" | "swapping");
            let all = [Recovery::Contact, Recovery::Boot, Recovery::BootThenContact];
            // The boot loaders differ only in how they boot a system once, so one of them suffices.
            let is_one = (is_untouched || loader == Some("grub")) && !ledger::soaks();
            let tried = if is_one { &all[at % 3..=at % 3] } else { &all[..] };
            for (nth, recovery) in tried.iter().copied().enumerate() {
                let trial = format!("killed before change {at}, then {recovery:?}");
                if nth > 0 {
                    kill();
                }
                if recovery != Recovery::Contact {
                    host.boots();
                }
                if recovery == Recovery::Boot {
                    stand.run(&["recover", "--boot"], None);
                }
                let report = host.run(&["rollback", "--to", "99"]);
                if report["problem"]["code"] != "NF-409" {
                    failures.push(format!("{trial}: the recovery says {report}"));
                }
                let end = host.ends();
                let is_new = end == after;
                if !is_new && end.iter().any(|part| part != "one") {
                    failures.push(format!("{trial}: {end:?}"));
                }
                ends[usize::from(is_new)] += 1;
                if !is_new {
                    let report = host.apply(&two);
                    if host.ends() != after {
                        failures.push(format!("{trial}: the next apply gives {:?} {report}", host.ends()));
                    }
                }
            }
        }
        let tried = format!(
            "{} points to kill the process at, or with a restart of the host: {} ended old, {} new",
            ends[0] + ends[1],
            ends[0],
            ends[1]
        );
        ledger::record("All or nothing", test, &tried, &failures);
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
