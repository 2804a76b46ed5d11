//! Runs that are killed before each change that they make.

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
            // The boot loader works again when the host is recovered.
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

/// How a host is recovered after a run was killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Recovery {
    /// The next contact recovers the running host.
    Contact,
    /// The host is restarted, and recovers itself while it boots.
    Boot,
    /// The host is restarted without the recovery unit, and the next contact recovers it.
    BootThenContact,
}

/// Kills a run before each change that it makes. The host must end in exactly the old or the new generation:
/// the running system, the boot default and the managed file all belong to it. A change that is not confirmed
/// never leaves the new system as the boot default.
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
            // While the system is untouched, all three ways are the same for it.
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
