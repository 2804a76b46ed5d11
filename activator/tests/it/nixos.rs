//! Tests of NixOS hosts on trees of files.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::{Value, json};

use crate::ledger;
use crate::nixos_host::{NixosHost, document};
use crate::room::file;
use crate::stand::{differences, with_own_mounts};

#[test]
fn a_system_is_activated_and_becomes_the_boot_default_at_last() {
    with_own_mounts("nixos::a_system_is_activated_and_becomes_the_boot_default_at_last", |stand| {
        let host = NixosHost::new(stand);
        let one = host.closure("one", "k1", None);
        let expected = ["createDirectory", "writeFile", "switchProfile", "activateSystem", "setBootDefault"];
        assert_eq!(host.steps(&one), expected);
        assert_eq!(host.said(), [""; 0], "a plan changes nothing");

        let report = host.applied(&one, "ok");
        assert_eq!(report["after"]["number"], 2, "the native profile has generation 1");
        assert_eq!(host.said(), ["check one", "test one", "boot one unchecked"]);
        assert_eq!(host.ends(), ["one"; 4]);
        host.applied(&one, "unchanged");
        assert_eq!(host.said(), [""; 0]);

        let back = host.run(&["rollback", "--to", "1"]);
        assert_eq!(back["outcome"], "ok", "{back:#}");
        assert_eq!(
            host.ends(),
            ["factory", "factory", "factory", ""],
            "generation 1 has nothing of NixFleet"
        );
        let again = host.run(&["rollback", "--to", "2"]);
        assert_eq!(again["outcome"], "ok", "{again:#}");
        assert_eq!(host.ends(), ["one"; 4]);
    });
}

#[test]
fn nixos_rebuild_and_nixfleet_may_alternate() {
    with_own_mounts("nixos::nixos_rebuild_and_nixfleet_may_alternate", |stand| {
        let host = NixosHost::new(stand);
        let (one, two) = (host.closure("one", "k1", None), host.closure("two", "k1", None));
        host.applied(&one, "ok");
        // This is what `nixos-rebuild switch` does.
        let foreign = host.system("foreign", "k1");
        symlink(&foreign, stand.path("/nix/var/nix/profiles/system-3-link")).unwrap();
        fs::remove_file(stand.path("/nix/var/nix/profiles/system")).unwrap();
        symlink("system-3-link", stand.path("/nix/var/nix/profiles/system")).unwrap();
        for action in ["test", "boot"] {
            let switch = foreign.join("bin/switch-to-configuration");
            assert!(std::process::Command::new(switch).arg(action).status().unwrap().success());
        }
        let status = host.run(&["status"]);
        let drift = status["drift"].to_string();
        assert!(drift.contains("/run/current-system") && drift.contains("foreign"), "{drift}");
        let external: Vec<&Value> = status["generations"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|generation| generation["external"] == true)
            .map(|generation| &generation["number"])
            .collect();
        assert_eq!(external, [1, 3]);

        let report = host.applied(&two, "ok");
        assert_eq!(report["after"]["number"], 4);
        assert_eq!(host.ends(), ["two"; 4]);
        let back = host.run(&["rollback", "--to", "3"]);
        assert_eq!(back["outcome"], "ok", "{back:#}");
        assert_eq!(host.ends(), ["foreign", "foreign", "foreign", ""]);
        assert!(!host.run(&["status"])["drift"].to_string().contains("current-system"));
    });
}

#[test]
fn a_system_that_fails_leaves_the_host_as_it_was() {
    with_own_mounts("nixos::a_system_that_fails_leaves_the_host_as_it_was", |stand| {
        let host = NixosHost::new(stand);
        let (one, two) = (host.closure("one", "k1", None), host.closure("two", "k1", None));
        host.applied(&one, "ok");
        host.said();
        stand.save("one");
        let cases: [(&str, &str, &[&str]); 4] = [
            ("check", "blocked", &["check two"]),
            ("test", "rolled-back", &["check two", "test two", "test one unchecked"]),
            (
                "boot",
                "rolled-back",
                &["check two", "test two", "boot two unchecked", "boot one unchecked", "test one unchecked"],
            ),
            // The activation hangs in a unit that fails: the system is active, but the change is undone.
            ("test", "rolled-back", &["check two", "test two", "test one unchecked"]),
        ];
        for (case, (action, outcome, said)) in cases.into_iter().enumerate() {
            stand.load("one");
            let code = if case == 3 { "4" } else { "1" };
            stand.write(&format!("/fail-{action}"), &format!("two {code}\n"), 0o644);
            let before = stand.tree();
            let report = host.applied(&two, outcome);
            assert_eq!(report["problem"]["code"], "NF-423", "{report:#}");
            for words in ["a script says no", "web.service"] {
                assert!(report["problem"]["why"].as_str().unwrap().contains(words), "{report:#}");
            }
            assert_eq!(host.said(), said);
            assert_eq!(host.ends(), ["one"; 4]);
            let different = differences(&stand.tree(), &before);
            let except = |line: &String| !line.starts_with("/boot/") && !line.contains("last-run");
            let different: Vec<&String> = different.iter().filter(|line| except(line)).collect();
            assert!(different.is_empty(), "{action}: {different:?}");
        }
    });
}

#[test]
fn a_new_kernel_boots_once_and_becomes_the_default_after_it_ran() {
    with_own_mounts("nixos::a_new_kernel_boots_once_and_becomes_the_default_after_it_ran", |stand| {
        let host = NixosHost::new(stand);
        let two = host.closure("two", "k2", Some("systemd-boot"));
        let expected = ["createDirectory", "writeFile", "switchProfile", "activateSystem", "bootOnce"];
        assert_eq!(host.steps(&two), expected);
        stand.write("/etc/tools", "", 0o644);
        let report = host.applied(&two, "partial");
        assert_eq!(report["reasonCode"], "reboot-to-finish", "{report:#}");
        assert_eq!(host.ends(), ["two", "factory", "factory", "two"]);
        let waiting = host.applied(&two, "deferred");
        assert_eq!(waiting["reasonCode"], "reboot-to-finish", "{waiting:#}");

        host.boots();
        assert_eq!(host.running(), "two", "it boots once");
        assert_eq!(host.steps(&two), ["setBootDefault"]);
        host.applied(&two, "ok");
        assert_eq!(host.ends(), ["two"; 4]);
        host.applied(&two, "unchanged");
    });
}

#[test]
fn a_chosen_next_boot_is_forgotten_when_another_system_is_wanted() {
    with_own_mounts("nixos::a_chosen_next_boot_is_forgotten_when_another_system_is_wanted", |stand| {
        let host = NixosHost::new(stand);
        let loader = Some("systemd-boot");
        host.applied(&host.closure("one", "k1", loader), "ok");
        host.applied(&host.closure("two", "k2", loader), "partial");
        assert!(stand.path("/boot/oneshot").exists());
        // The native generation of the next boot is not dropped.
        host.run(&["gc", "--keep", "1"]);
        assert!(stand.path("/nix/var/nix/profiles/system-3-link").is_symlink());

        let back = host.run(&["rollback", "--to", "2"]);
        assert_eq!(back["outcome"], "ok", "{back:#}");
        assert!(!stand.path("/boot/oneshot").exists(), "the next boot is the boot default");
        host.boots();
        assert_eq!(host.ends(), ["one"; 4]);
    });
}

#[test]
fn what_another_tool_does_during_a_change_stays() {
    with_own_mounts("nixos::what_another_tool_does_during_a_change_stays", |stand| {
        let host = NixosHost::new(stand);
        let (one, two) = (host.closure("one", "k1", None), host.closure("two", "k1", None));
        host.applied(&one, "ok");
        // While `two` is activated, another tool makes its own system generation 3 and the boot default.
        let foreign = host.system("foreign", "k1");
        let profiles = stand.path("/nix/var/nix/profiles");
        let script = format!(
            "#!/bin/sh\n[ $1 = test ] && ln -sfn {0} {1}/system-3-link && ln -sfn system-3-link {1}/system\n\
             exec {2}/bin/real $1\n",
            foreign.display(),
            profiles.display(),
            host.store.canonicalize().unwrap().join("two").display(),
        );
        let program = host.store.join("two/bin/switch-to-configuration");
        fs::rename(&program, host.store.join("two/bin/real")).unwrap();
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();

        let report = host.applied(&two, "rolled-back");
        assert_eq!(report["problem"]["code"], "NF-423", "{report:#}");
        assert!(report["notes"].to_string().contains("it stays"), "{report:#}");
        assert_eq!(host.ends(), ["one", "one", "foreign", "one"]);
        assert!(stand.path("/nix/var/nix/profiles/system-3-link").is_symlink());
    });
}

#[test]
fn a_system_that_is_older_than_the_checks_is_activated() {
    with_own_mounts("nixos::a_system_that_is_older_than_the_checks_is_activated", |stand| {
        let host = NixosHost::new(stand);
        let one = host.closure("one", "k1", None);
        let program = host.store.join("one/bin/switch-to-configuration");
        let usage = "  check) echo 'Usage: switch-to-configuration [switch|boot|test]' >&2; exit 1 ;;";
        let script = fs::read_to_string(&program).unwrap().replace("  check) ;;", usage);
        fs::write(&program, script).unwrap();
        host.applied(&one, "ok");
        assert_eq!(host.ends(), ["one"; 4]);
    });
}

#[test]
fn an_undo_that_is_killed_ends_in_the_old_system() {
    let test = "nixos::an_undo_that_is_killed_ends_in_the_old_system";
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

#[test]
fn a_kernel_that_does_not_come_up_leaves_the_old_boot_default() {
    with_own_mounts("nixos::a_kernel_that_does_not_come_up_leaves_the_old_boot_default", |stand| {
        let host = NixosHost::new(stand);
        let two = host.closure("two", "k2", Some("systemd-boot"));
        host.applied(&two, "partial");
        host.boots();
        // The new kernel hangs, and somebody switches the host off and on.
        host.boots();
        assert_eq!(host.running(), "factory");
        assert_eq!(host.steps(&two), ["activateSystem", "bootOnce"]);
    });
}

#[test]
fn without_a_one_time_boot_the_plan_says_unconfirmed() {
    with_own_mounts("nixos::without_a_one_time_boot_the_plan_says_unconfirmed", |stand| {
        let host = NixosHost::new(stand);
        let two = host.closure("two", "k2", None);
        let output = stand.command(&["plan", "--target", &two]).output().unwrap();
        let plan = document(&output);
        let last = plan["steps"].as_array().unwrap().last().unwrap();
        assert_eq!(last["unconfirmed"], json!(["kernel"]), "{plan:#}");
        let report = host.applied(&two, "partial");
        assert_eq!(report["reasonCode"], "reboot-to-finish", "{report:#}");
        assert_eq!(host.ends(), ["two"; 4]);
    });
}

#[test]
fn an_activation_that_hangs_is_ended_and_undone() {
    with_own_mounts("nixos::an_activation_that_hangs_is_ended_and_undone", |stand| {
        let host = NixosHost::new(stand);
        host.applied(&host.closure("one", "k1", None), "ok");
        let toplevel = host.system("two", "k1");
        let nixos = json!({ "toplevel": toplevel, "loader": null, "activationTimeout": 1 });
        let two = stand.closure("closure-two", &json!({ "base": "nixos", "nixos": nixos }));
        stand.write("/fail-test", "two hang\n", 0o644);
        let report = host.applied(&two, "rolled-back");
        let why = report["problem"]["why"].as_str().unwrap();
        assert!(why.contains("did not end within 1 s"), "{why}");
        assert_eq!(host.ends(), ["one"; 4]);
    });
}

#[test]
fn dropped_generations_take_their_native_generation_along() {
    with_own_mounts("nixos::dropped_generations_take_their_native_generation_along", |stand| {
        let host = NixosHost::new(stand);
        let closures = ["one", "two", "three"].map(|name| host.closure(name, "k1", None));
        for closure in &closures {
            host.applied(closure, "ok");
        }
        let native = || {
            let links = fs::read_dir(stand.path("/nix/var/nix/profiles")).unwrap();
            let names = links.map(|link| link.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<String> = names.filter(|name| name.ends_with("-link")).collect();
            names.sort();
            names
        };
        let links = |numbers: &[u64]| -> Vec<String> {
            numbers.iter().map(|number| format!("system-{number}-link")).collect()
        };
        assert_eq!(native(), links(&[1, 2, 3, 4]));
        let report = host.run(&["gc", "--keep", "1"]);
        assert_eq!(report["outcome"], "ok", "{report:#}");
        // Generation 1 belongs to another tool, and generation 4 is in force.
        let numbers: Vec<&Value> =
            report["dropped"].as_array().unwrap().iter().map(|dropped| &dropped["number"]).collect();
        assert!(!numbers.iter().any(|number| **number == 1), "{report:#}");
        let left: Vec<u64> =
            [1, 2, 3, 4].into_iter().filter(|number| !numbers.iter().any(|gone| **gone == *number)).collect();
        assert!(left.len() < 4, "{report:#}");
        assert_eq!(native(), links(&left));
    });
}

#[test]
fn a_host_of_another_base_is_refused() {
    with_own_mounts("nixos::a_host_of_another_base_is_refused", |stand| {
        let host = NixosHost::new(stand);
        let ubuntu = stand.closure("ubuntu", &json!({ "files": [file("/etc/app", Some("x"))] }));
        let report = host.applied(&ubuntu, "blocked");
        assert_eq!(report["problem"]["code"], "NF-424", "{report:#}");
        let one = host.closure("one", "k1", None);
        fs::remove_file(stand.path("/etc/NIXOS")).unwrap();
        let report = host.applied(&one, "blocked");
        assert_eq!(report["problem"]["code"], "NF-424", "{report:#}");
        assert_eq!(host.said(), [""; 0]);
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
            for recovery in [Recovery::Contact, Recovery::Boot, Recovery::BootThenContact] {
                let trial = format!("killed before change {at}, then {recovery:?}");
                stand.load("one");
                stand.run(&["apply", "--closure", &two], Some(("kill", at)));
                let phase = host.phase();
                let system_is_untouched = matches!(&*phase, "preparing" | "accounts" | "swapping");
                if system_is_untouched && at % 6 != recovery as usize && !ledger::soaks() {
                    continue;
                }
                if phase != "confirmed" && phase != "committed" && host.default() != "one" {
                    failures.push(format!("{trial}: the boot default is {} and unconfirmed", host.default()));
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
    killed_before_every_change("nixos::killed_before_every_change_of_a_system", None, "k1");
}

#[test]
fn killed_before_every_change_of_a_kernel() {
    killed_before_every_change("nixos::killed_before_every_change_of_a_kernel", Some("systemd-boot"), "k2");
}
