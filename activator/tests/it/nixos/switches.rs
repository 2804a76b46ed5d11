//! Activations of a NixOS system, and activations that fail.

use std::fs;

use serde_json::json;

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
        // A file that stands in the way is not worth a report.
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

#[test]
fn an_undo_waits_for_another_switch() {
    with_own_mounts("nixos::switches::an_undo_waits_for_another_switch", |stand| {
        let host = NixosHost::new(stand);
        host.applied(&host.closure("one", "k1", None), "ok");
        let two = host.closure("two", "k1", None);
        // The activation of `two` fails, and another program takes the lock right after it.
        let switch = host.store.join("two/bin/switch-to-configuration");
        let lock = stand.path("/run/nixos/switch-to-configuration.lock");
        let takes_lock = format!(
            "  test) flock {} sh -c 'touch /fetched; sleep 1; touch {}' >/dev/null 2>&1 & \
             until [ -e /fetched ]; do sleep 0.01; done; rm /fetched; exit 1 ;;",
            lock.display(),
            stand.path("/run/other-is-done").display(),
        );
        let taken = stand.path("/run/other-has-lock");
        let takes_lock = takes_lock.replace("/fetched", taken.to_str().unwrap());
        let script = fs::read_to_string(&switch).unwrap().replacen(
            "  check) ;;",
            &format!("  check) ;;\n{takes_lock}"),
            1,
        );
        fs::write(&switch, script).unwrap();
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
