//! Tests with generations of NixFleet and of other tools on one host.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::nixos_host::NixosHost;
use crate::stand::with_own_mounts;

#[test]
fn nixos_rebuild_and_nixfleet_may_alternate() {
    with_own_mounts("nixos::generations::nixos_rebuild_and_nixfleet_may_alternate", |stand| {
        let host = NixosHost::new(stand);
        let (one, two) = (host.closure("one", "k1", None), host.closure("two", "k1", None));
        host.applied(&one, "ok");
        // As `nixos-rebuild switch` does, make the system `foreign` the boot default and activate it.
        let foreign = host.system("foreign", "k1");
        host.installs(&foreign, 3);
        let switch = foreign.join("bin/switch-to-configuration");
        assert!(std::process::Command::new(switch).arg("test").status().unwrap().success());
        let status = host.run(&["status"]);
        let drift = status["drift"].to_string();
        assert!(drift.contains("/run/current-system") && drift.contains("foreign"), "{drift}");
        let by = "another tool, such as nixos-rebuild, made generation 3";
        assert!(drift.contains(by), "{drift}");
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
fn what_another_tool_does_during_a_change_stays() {
    with_own_mounts("nixos::generations::what_another_tool_does_during_a_change_stays", |stand| {
        let host = NixosHost::new(stand);
        let (one, two) = (host.closure("one", "k1", None), host.closure("two", "k1", None));
        host.applied(&one, "ok");
        // While `two` is activated, another tool makes the system `foreign` native generation 3 and the boot
        // default.
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
fn dropped_generations_take_their_native_generation_along() {
    with_own_mounts("nixos::generations::dropped_generations_take_their_native_generation_along", |stand| {
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
        // `gc` drops neither generation 1, which another tool made, nor generation 4, which is in force.
        let numbers: Vec<&Value> =
            report["dropped"].as_array().unwrap().iter().map(|dropped| &dropped["number"]).collect();
        assert!(!numbers.iter().any(|number| **number == 1), "{report:#}");
        let left: Vec<u64> =
            [1, 2, 3, 4].into_iter().filter(|number| !numbers.iter().any(|gone| **gone == *number)).collect();
        assert!(left.len() < 4, "{report:#}");
        assert_eq!(native(), links(&left));
    });
}

/// Changes the program `switch-to-configuration` of a system so that it runs `script` before it carries out
/// `action`.
fn runs_first(host: &NixosHost<'_>, system: &str, action: &str, script: &str) {
    let bin = host.store.canonicalize().unwrap().join(system).join("bin");
    let program = bin.join("switch-to-configuration");
    fs::rename(&program, bin.join("real")).unwrap();
    let text = format!("#!/bin/sh\n[ $1 = {action} ] && {{ {script}; }}\nexec {}/real $1\n", bin.display());
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn garbage_that_is_collected_during_a_change_does_not_hinder_its_undo() {
    let test = "nixos::generations::garbage_that_is_collected_during_a_change_does_not_hinder_its_undo";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        let (one, two) = (host.closure("one", "k1", None), host.closure("two", "k1", None));
        host.applied(&one, "ok");
        stand.save("one");
        let program = host.store.join("two/bin/switch-to-configuration");
        let original = fs::read_to_string(&program).unwrap();
        // `nix-collect-garbage --delete-old` removes the links of the generations that are not current.
        let profiles = stand.path("/nix/var/nix/profiles");
        let roots = stand.path("/nix/var/nix/gcroots");
        for (action, gone) in [("test", "nixfleet/system-2-link"), ("boot", "system-2-link")] {
            stand.load("one");
            fs::write(&program, &original).unwrap();
            let before = fs::read_link(profiles.join(gone)).unwrap();
            let collect = format!(
                "ls -l {} > {}; rm {}; exit 1",
                roots.display(),
                stand.path("/roots").display(),
                profiles.join(gone).display(),
            );
            runs_first(&host, "two", action, &collect);
            let report = host.applied(&two, "rolled-back");
            assert_eq!(report["notes"], Value::Null, "{report:#}");
            assert_eq!(host.ends(), ["one"; 4], "{action}");
            assert_eq!(fs::read_link(profiles.join(gone)).unwrap(), before, "{action}");
            let rooted = fs::read_to_string(stand.path("/roots")).unwrap();
            assert!(rooted.contains(before.to_str().unwrap()), "{action}: {rooted}");
            assert_eq!(fs::read_dir(&roots).unwrap().count(), 0, "{action}");
            host.applied(&one, "unchanged");
        }
    });
}

#[test]
fn a_number_is_not_given_to_a_second_generation() {
    with_own_mounts("nixos::generations::a_number_is_not_given_to_a_second_generation", |stand| {
        let host = NixosHost::new(stand);
        let [one, two, three] = ["one", "two", "three"].map(|name| host.closure(name, "k1", None));
        host.applied(&one, "ok");
        host.applied(&two, "ok");
        assert_eq!(host.run(&["rollback", "--to", "2"])["outcome"], "ok");
        for link in ["nixfleet/system-3-link", "system-3-link"] {
            fs::remove_file(stand.path("/nix/var/nix/profiles").join(link)).unwrap();
        }
        let report = host.applied(&three, "ok");
        assert_eq!(report["after"]["number"], 4, "generation 3 was another one");
    });
}

#[test]
fn a_rollback_returns_first_from_the_system_of_another_tool() {
    let test = "nixos::generations::a_rollback_returns_first_from_the_system_of_another_tool";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        host.applied(&host.closure("one", "k1", None), "ok");
        let foreign = host.system("foreign", "k1");
        let activates = || {
            let switch = foreign.join("bin/switch-to-configuration");
            assert!(std::process::Command::new(switch).arg("test").status().unwrap().success());
        };
        let back = |number: u64| {
            let back = host.run(&["rollback", "--to", "previous"]);
            assert_eq!(
                (&back["outcome"], &back["after"]["number"]),
                (&"ok".into(), &number.into()),
                "{back:#}"
            );
        };
        // `nixos-rebuild switch` makes generation 3, and activates it.
        host.installs(&foreign, 3);
        activates();
        back(2);
        assert_eq!(host.ends(), ["one"; 4]);
        // `nixos-rebuild test` activates a system without a generation.
        fs::remove_file(stand.path("/nix/var/nix/profiles/system-3-link")).unwrap();
        activates();
        back(2);
        assert_eq!(host.ends(), ["one"; 4]);
        back(1);
        assert_eq!(host.ends(), ["factory", "factory", "factory", ""]);
    });
}

#[test]
fn a_rollback_takes_back_a_system_that_waits_for_a_boot() {
    let test = "nixos::generations::a_rollback_takes_back_a_system_that_waits_for_a_boot";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        let two = host.system("two", "k1");
        fs::write(two.join("init-interface-version"), "systemd 3").unwrap();
        host.applied(&host.closure_of("two", &two, Some("systemd-boot")), "partial");
        assert_eq!(host.running(), "factory");
        let back = host.run(&["rollback", "--to", "previous"]);
        assert_eq!((&back["outcome"], &back["after"]["number"]), (&"ok".into(), &1.into()), "{back:#}");
        assert_eq!(host.ends(), ["factory", "factory", "factory", ""]);
    });
}

/// Returns the numbers of the generations that other tools made.
fn external(host: &NixosHost<'_>) -> Vec<u64> {
    let status = host.run(&["status"]);
    let generations = status["generations"].as_array().unwrap().iter();
    generations.filter(|one| one["external"] == true).map(|one| one["number"].as_u64().unwrap()).collect()
}

#[test]
fn a_change_of_files_alone_takes_a_native_number_too() {
    with_own_mounts("nixos::generations::a_change_of_files_alone_takes_a_native_number_too", |stand| {
        let host = NixosHost::new(stand);
        host.applied(&host.closure("one", "k1", None), "ok");
        // This closure has the same system, but another content of the managed file.
        let system = host.store.canonicalize().unwrap().join("one");
        let other = host.closure_of("other", &system, None);
        let native = stand.path("/nix/var/nix/profiles/system-3-link");
        stand.save("one");
        let changes = stand.changes(&["apply", "--closure", &other]).len();
        assert_eq!(fs::read_link(&native).unwrap(), system);
        assert_eq!(host.ends(), ["one", "one", "one", "other"]);
        assert_eq!(external(&host), [1]);
        // The number is in use, so another tool such as `nixos-rebuild` takes number 4.
        host.installs(&host.system("foreign", "k1"), 4);
        assert_eq!(external(&host), [1, 4]);
        assert_eq!(host.run(&["rollback", "--to", "4"])["outcome"], "ok");

        // If the run is killed and its change is undone, native generation 3 is removed too.
        for at in 1..=changes {
            stand.load("one");
            stand.run(&["apply", "--closure", &other], Some(("kill", at)));
            host.run(&["rollback", "--to", "99"]);
            assert_eq!(native.is_symlink(), host.ends()[3] == "other", "killed before change {at}");
        }
    });
}

#[test]
fn a_system_that_runs_again_gets_a_native_number_of_its_own() {
    with_own_mounts(
        "nixos::generations::a_system_that_runs_again_gets_a_native_number_of_its_own",
        |stand| {
            let host = NixosHost::new(stand);
            let [one, two] = ["one", "two"].map(|name| host.closure(name, "k1", None));
            for closure in [&one, &two, &one] {
                host.applied(closure, "ok");
            }
            assert_eq!(host.ends(), ["one"; 4]);
            let link =
                |number| fs::read_link(stand.path(&format!("/nix/var/nix/profiles/system-{number}-link")));
            assert_eq!(host.name(&link(4).unwrap()), "one");
            assert_eq!(external(&host), [1]);
        },
    );
}

#[test]
fn a_system_that_was_rejected_leaves_no_generation_beside_that_of_another_tool() {
    let test =
        "nixos::generations::a_system_that_was_rejected_leaves_no_generation_beside_that_of_another_tool";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        host.applied(&host.closure("one", "k1", None), "ok");
        let two = host.closure("two", "k1", None);
        let foreign = host.system("foreign", "k1");
        let profiles = stand.path("/nix/var/nix/profiles");
        let installs = format!(
            "ln -sfn {} {1}/system-4-link; ln -sfn system-4-link {1}/system; exit 1",
            foreign.display(),
            profiles.display()
        );
        runs_first(&host, "two", "boot", &installs);
        let report = host.applied(&two, "rolled-back");
        assert!(report["notes"].to_string().contains("it stays"), "{report:#}");
        assert_eq!(host.native(), "foreign");
        assert_eq!(external(&host), [1, 4], "generation 3 was the rejected system");
    });
}
