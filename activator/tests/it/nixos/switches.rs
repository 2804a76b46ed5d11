//! Tests of activations of a NixOS system that succeed or fail.

use std::fs;

use serde_json::{Value, json};

use crate::nixos_host::NixosHost;
use crate::room::file;
use crate::stand::{differences, with_own_mounts};

#[test]
fn a_system_is_activated_and_becomes_the_boot_default_at_last() {
    with_own_mounts("nixos::switches::a_system_is_activated_and_becomes_the_boot_default_at_last", |stand| {
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
fn a_system_that_fails_leaves_the_host_as_it_was() {
    with_own_mounts("nixos::switches::a_system_that_fails_leaves_the_host_as_it_was", |stand| {
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
            // This activation ends with exit code 4: the system is active, but one of its units failed. So
            // the change is undone.
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
fn a_unit_that_had_failed_before_does_not_undo_a_change() {
    with_own_mounts("nixos::switches::a_unit_that_had_failed_before_does_not_undo_a_change", |stand| {
        let host = NixosHost::new(stand);
        let (one, two) = (host.closure("one", "k1", None), host.closure("two", "k1", None));
        host.applied(&one, "ok");
        stand.save("one");
        // For each case: the units that had failed before, the content of `/fail-test` (the system whose
        // activation fails, and the exit code), and whether the change stays.
        let cases = [
            ("web.service\n", "two 4", true),
            ("other.service\n", "two 4", false),
            ("", "two 4", false),
            ("", "two 4 users", true),
            ("web.service\n", "two 1", false),
        ];
        for (failed, failure, stays) in cases {
            stand.load("one");
            stand.write("/failed-units", failed, 0o644);
            stand.write("/fail-test", &format!("{failure}\n"), 0o644);
            let report = host.applied(&two, if stays { "ok" } else { "rolled-back" });
            let end = if stays { "two" } else { "one" };
            assert_eq!(host.ends(), [end; 4], "{failed} {failure}");
            let notes = report["notes"].to_string();
            let words =
                if failure.contains("users") { "user activation for eve failed" } else { "web.service" };
            assert_eq!(notes.contains(words), stays, "{report:#}");
        }
    });
}

#[test]
fn a_unit_that_fails_only_now_does_not_undo_a_rollback() {
    with_own_mounts("nixos::switches::a_unit_that_fails_only_now_does_not_undo_a_rollback", |stand| {
        let host = NixosHost::new(stand);
        host.applied(&host.closure("one", "k1", None), "ok");
        host.applied(&host.closure("two", "k1", None), "ok");
        stand.write("/fail-test", "one 4\n", 0o644);
        let report = host.run(&["rollback", "--to", "2"]);
        assert_eq!(report["outcome"], "ok", "{report:#}");
        assert!(report["notes"].to_string().contains("web.service"), "{report:#}");
        assert_eq!(host.ends(), ["one"; 4]);
    });
}

#[test]
fn a_system_that_is_older_than_the_checks_is_activated() {
    with_own_mounts("nixos::switches::a_system_that_is_older_than_the_checks_is_activated", |stand| {
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
fn the_summary_of_a_system_has_its_fstab() {
    with_own_mounts("nixos::switches::the_summary_of_a_system_has_its_fstab", |stand| {
        let host = NixosHost::new(stand);
        let system = host.system("one", "k1");
        let fstab = |closure: &str| -> Value {
            let closure = host.closure_of(closure, &system, None);
            let summary = fs::read(format!("{closure}/system.json")).unwrap();
            serde_json::from_slice::<Value>(&summary).unwrap()["fstab"].take()
        };
        assert_eq!(fstab("without"), Value::Null);
        fs::create_dir(system.join("etc")).unwrap();
        fs::write(system.join("etc/fstab"), "/dev/a /srv ext4\n").unwrap();
        assert_eq!(fstab("with"), "/dev/a /srv ext4\n");
    });
}

#[test]
fn an_activation_that_hangs_is_ended_and_undone() {
    with_own_mounts("nixos::switches::an_activation_that_hangs_is_ended_and_undone", |stand| {
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
fn a_host_of_another_base_is_refused() {
    with_own_mounts("nixos::switches::a_host_of_another_base_is_refused", |stand| {
        let host = NixosHost::new(stand);
        let ubuntu = stand.closure("ubuntu", &json!({ "files": [file("/etc/app", Some("x"))] }));
        let report = host.applied(&ubuntu, "blocked");
        assert_eq!(report["problem"]["code"], "NF-424", "{report:#}");
        // A file at a managed path would be a conflict. But the wrong base of the host remains the only
        // problem.
        stand.write("/etc/app", "by hand", 0o644);
        let plan = host.run(&["plan", "--target", &ubuntu]);
        assert_eq!(plan["problems"].as_array().unwrap().len(), 1, "{plan:#}");
        assert_eq!(
            (&plan["problems"][0]["code"], &plan["steps"]),
            (&json!("NF-424"), &json!([])),
            "{plan:#}"
        );
        let one = host.closure("one", "k1", None);
        fs::remove_file(stand.path("/etc/NIXOS")).unwrap();
        let report = host.applied(&one, "blocked");
        assert_eq!(report["problem"]["code"], "NF-424", "{report:#}");
        assert_eq!(host.said(), [""; 0]);
    });
}

/// Makes the activation of the system `two` fail. Before the activation ends, another program takes the lock
/// of `switch-to-configuration`. While that program holds the lock, it runs the shell command `work`.
fn another_switches(host: &NixosHost<'_>, work: &str) {
    let root = host.stand.root();
    let at = |path: &str| root.join(path).display().to_string();
    let (taken, lock) = (at("run/other-has-lock"), at("run/nixos/switch-to-configuration.lock"));
    let takes_lock = format!(
        "  check) ;;\n  test) flock {lock} sh -c 'touch {taken}; sleep 1; {work}; touch {}' >/dev/null 2>&1 & \
         until [ -e {taken} ]; do sleep 0.01; done; rm {taken}; exit 1 ;;",
        at("run/other-is-done"),
    );
    let switch = host.store.join("two/bin/switch-to-configuration");
    let script = fs::read_to_string(&switch).unwrap().replacen("  check) ;;", &takes_lock, 1);
    fs::write(&switch, script).unwrap();
}

#[test]
fn an_undo_waits_for_another_switch() {
    with_own_mounts("nixos::switches::an_undo_waits_for_another_switch", |stand| {
        let host = NixosHost::new(stand);
        host.applied(&host.closure("one", "k1", None), "ok");
        let two = host.closure("two", "k1", None);
        another_switches(&host, "true");
        host.said();
        let report = host.applied(&two, "rolled-back");
        assert_eq!(report["problem"]["code"], "NF-423", "{report:#}");
        assert!(stand.path("/run/other-is-done").exists(), "the undo did not wait");
        assert_eq!(host.ends(), ["one"; 4]);
        let said = host.said();
        assert_eq!(said[..3], ["check two", "test two", "test one unchecked"]);
        assert!(said.len() > 3 && said[3..].iter().all(|said| said == "test one unchecked"), "{said:?}");
    });
}

#[test]
fn an_undo_leaves_the_system_of_another_switch_that_it_waited_for() {
    let test = "nixos::switches::an_undo_leaves_the_system_of_another_switch_that_it_waited_for";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        host.applied(&host.closure("one", "k1", None), "ok");
        let two = host.closure("two", "k1", None);
        let third = host.system("third", "k1");
        let running = stand.path("/run/current-system");
        another_switches(&host, &format!("ln -sfn {} {}", third.display(), running.display()));
        let report = host.applied(&two, "rolled-back");
        assert!(report["notes"].to_string().contains("/third during the change; it stays"), "{report:#}");
        assert_eq!(host.ends(), ["third", "one", "one", "one"]);
    });
}

#[test]
fn an_undo_tries_again_if_the_lock_was_held_only_for_a_moment() {
    let test = "nixos::switches::an_undo_tries_again_if_the_lock_was_held_only_for_a_moment";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        host.applied(&host.closure("one", "k1", None), "ok");
        let two = host.closure("two", "k1", None);
        // The activation of `two` ends with exit code 4: the system is active, but one of its units failed.
        stand.write("/fail-test", "two 4\n", 0o644);
        // The first attempt of the undo to activate `one` finds the lock held. Right afterwards, the lock is
        // free again.
        let switch = host.store.join("one/bin/switch-to-configuration");
        let script = fs::read_to_string(&switch).unwrap();
        let once = format!(
            "  test) [ -e {0} ] || {{ touch {0}; echo 'Could not acquire lock'; exit 11; }}; ",
            stand.path("/met-lock").display()
        );
        fs::write(&switch, script.replacen("  test)", &once, 1)).unwrap();
        host.applied(&two, "rolled-back");
        assert!(stand.path("/met-lock").exists());
        assert_eq!(host.ends(), ["one"; 4]);
    });
}
