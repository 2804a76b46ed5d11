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

#[test]
fn a_host_that_booted_a_third_system_activates_the_former_one() {
    let test = "nixos::crashes::a_host_that_booted_a_third_system_activates_the_former_one";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        host.applied(&host.closure("one", "k1", None), "ok");
        host.installs(&host.system("third", "k1"), 3);
        let two = host.closure("two", "k1", None);
        stand.save("one");
        let changes = stand.changes(&["apply", "--closure", &two]).len();
        let mut tried = 0;
        for at in 1..=changes {
            for boots in [true, false] {
                stand.load("one");
                stand.run(&["apply", "--closure", &two], Some(("kill", at)));
                if host.phase() != "activating" {
                    break;
                }
                tried += 1;
                if boots {
                    // The host boots the third system, because this system is the boot default. No program
                    // has activated the third system, so the undo activates `one`.
                    host.boots();
                    stand.run(&["recover", "--boot"], None);
                    assert_eq!(host.running(), "third");
                } else {
                    // Another program activates the third system, so the undo leaves this system running.
                    let third = host.store.canonicalize().unwrap().join("third/bin/switch-to-configuration");
                    assert!(std::process::Command::new(third).arg("test").status().unwrap().success());
                }
                let report = host.run(&["rollback", "--to", "99"]);
                let running = if boots { "one" } else { "third" };
                assert_eq!(host.ends(), [running, "third", "third", "one"], "before {at}: {report:#}");
            }
        }
        assert!(tried > 1, "{tried} trials");
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
/// not confirmed, the boot default must be the old system.
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
            if phase != "confirmed" && phase != "committed" && host.default() != "one" {
                failures.push(format!("before {at}: the boot default is {} and unconfirmed", host.default()));
            }
            // As long as the run has not touched the NixOS system, all three kinds of recovery do the same.
            // So only one kind is tried for each point, unless all cases are requested.
            let is_untouched = matches!(&*phase, "preparing" | "accounts" | "swapping");
            let all = [Recovery::Contact, Recovery::Boot, Recovery::BootThenContact];
            let tried = if is_untouched && !ledger::soaks() { &all[at % 3..=at % 3] } else { &all[..] };
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
