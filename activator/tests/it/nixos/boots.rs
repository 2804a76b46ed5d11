//! Tests of changes that take effect only when the host boots.

use std::fs;

use serde_json::json;

use crate::nixos_host::{NixosHost, document};
use crate::stand::with_own_mounts;

#[test]
fn a_new_kernel_boots_once_and_becomes_the_default_after_it_ran() {
    with_own_mounts("nixos::boots::a_new_kernel_boots_once_and_becomes_the_default_after_it_ran", |stand| {
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
fn a_status_says_whether_a_restart_or_another_apply_is_missing() {
    let test = "nixos::boots::a_status_says_whether_a_restart_or_another_apply_is_missing";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        let loader = Some("systemd-boot");
        host.applied(&host.closure("one", "k1", loader), "ok");
        let to_finish = || {
            let status = host.run(&["status"]);
            assert!(
                !status["last"]["report"]["notes"].to_string().contains("restart the host"),
                "{status:#}"
            );
            status["toFinish"].clone()
        };
        let (restart, nothing) = (json!({ "restart": ["kernel"] }), json!(null));
        assert_eq!(to_finish(), nothing);
        let two = host.closure("two", "k2", loader);
        let report = host.applied(&two, "partial");
        assert!(report["notes"].to_string().contains("restart the host to finish: new kernel"), "{report:#}");
        assert_eq!(to_finish(), restart);

        host.boots();
        assert_eq!((host.running(), host.default()), ("two".to_owned(), "one".to_owned()));
        assert_eq!(to_finish(), "repeat", "a restart would boot the former system");
        // A change that is undone does not make `two` the boot default.
        stand.write("/fail-test", "three 1\n", 0o644);
        host.applied(&host.closure("three", "k2", loader), "rolled-back");
        assert_eq!(to_finish(), "repeat");
        host.applied(&two, "ok");
        assert_eq!(to_finish(), nothing);

        // If the kernel does not come up, the host boots the boot default, and the status reports drift.
        host.applied(&host.closure("four", "k4", loader), "partial");
        host.boots();
        host.boots();
        assert_eq!(host.running(), "two");
        assert_eq!(to_finish(), nothing);
        assert!(host.run(&["status"])["drift"].to_string().contains("/run/current-system"));

        // Without a one-time boot, the new system is the boot default at once.
        host.applied(&host.closure("five", "k5", None), "partial");
        assert_eq!(to_finish(), restart);
        host.boots();
        assert_eq!((host.running().as_str(), to_finish()), ("five", nothing));
    });
}

#[test]
fn a_chosen_next_boot_is_forgotten_when_another_system_is_wanted() {
    with_own_mounts("nixos::boots::a_chosen_next_boot_is_forgotten_when_another_system_is_wanted", |stand| {
        let host = NixosHost::new(stand);
        let loader = Some("systemd-boot");
        host.applied(&host.closure("one", "k1", loader), "ok");
        host.applied(&host.closure("two", "k2", loader), "partial");
        assert!(stand.path("/boot/oneshot").exists());
        // The host boots native generation 3 next, so `gc` does not drop this generation.
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
fn a_rollback_that_waited_for_a_boot_is_finished_by_the_same_rollback() {
    let test = "nixos::boots::a_rollback_that_waited_for_a_boot_is_finished_by_the_same_rollback";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        let loader = Some("systemd-boot");
        host.applied(&host.closure("one", "k1", loader), "ok");
        let two = host.closure("two", "k2", loader);
        host.applied(&two, "partial");
        host.boots();
        host.applied(&two, "ok");
        assert_eq!(host.ends(), ["two"; 4]);

        let back = |outcome: &str| {
            let report = host.run(&["rollback", "--to", "2"]);
            assert_eq!(report["outcome"], outcome, "{report:#}");
            report["reasonCode"].clone()
        };
        assert_eq!(back("partial"), "reboot-to-finish");
        assert_eq!(host.ends(), ["one", "two", "two", "one"]);
        assert_eq!(back("deferred"), "reboot-to-finish");
        host.boots();
        assert_eq!(host.running(), "one", "it boots once");
        let plan = host.run(&["rollback", "--plan", "--to", "2"]);
        let steps: Vec<_> = plan["steps"].as_array().unwrap().iter().map(|step| &step["step"]).collect();
        assert_eq!(steps, ["setBootDefault"], "{plan:#}");
        back("ok");
        assert_eq!(host.ends(), ["one"; 4]);
        back("unchanged");
    });
}

#[test]
fn a_kernel_that_does_not_come_up_leaves_the_old_boot_default() {
    with_own_mounts("nixos::boots::a_kernel_that_does_not_come_up_leaves_the_old_boot_default", |stand| {
        let host = NixosHost::new(stand);
        let two = host.closure("two", "k2", Some("systemd-boot"));
        host.applied(&two, "partial");
        host.boots();
        // The new kernel hangs. Somebody switches the host off and on, so the host boots a second time.
        host.boots();
        assert_eq!(host.running(), "factory");
        assert_eq!(host.steps(&two), ["activateSystem", "bootOnce"]);
    });
}

#[test]
fn without_a_one_time_boot_the_plan_says_unconfirmed() {
    with_own_mounts("nixos::boots::without_a_one_time_boot_the_plan_says_unconfirmed", |stand| {
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
fn another_init_is_booted_once_and_never_activated() {
    with_own_mounts("nixos::boots::another_init_is_booted_once_and_never_activated", |stand| {
        let host = NixosHost::new(stand);
        let other = |name: &str| {
            let system = host.system(name, "k1");
            fs::write(system.join("init-interface-version"), "systemd 3").unwrap();
            system
        };
        let two = host.closure_of("two", &other("two"), Some("systemd-boot"));
        assert_eq!(host.steps(&two), ["createDirectory", "writeFile", "switchProfile", "bootOnce"]);
        let report = host.applied(&two, "partial");
        assert_eq!(report["reasonCode"], "reboot-to-finish", "{report:#}");
        assert!(report["notes"].to_string().contains("init-interface-version"), "{report:#}");
        assert_eq!(host.said(), ["boot factory unchecked"]);
        assert_eq!(host.ends(), ["factory", "factory", "factory", "two"]);
        host.applied(&two, "deferred");
        let status = host.run(&["status"]);
        assert_eq!(status["drift"], json!([]), "{status:#}");

        host.boots();
        assert_eq!(host.running(), "two", "it boots once");
        assert_eq!(host.steps(&two), ["setBootDefault"]);
        host.applied(&two, "ok");
        assert_eq!(host.ends(), ["two"; 4]);
        host.applied(&two, "unchanged");

        // If the boot loader cannot boot a system once, the plan says that the new boot default is
        // unconfirmed.
        let three = host.closure("three", "k1", None);
        let plan = host.run(&["plan", "--target", &three]);
        let last = plan["steps"].as_array().unwrap().last().unwrap();
        assert_eq!(last["unconfirmed"], json!(["init-interface-version"]), "{plan:#}");
        assert!(!plan["steps"].to_string().contains("activateSystem"), "{plan:#}");
    });
}

#[test]
fn grub_boots_a_new_kernel_once_and_forgets_it_when_another_system_is_wanted() {
    let test = "nixos::boots::grub_boots_a_new_kernel_once_and_forgets_it_when_another_system_is_wanted";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        let two = host.closure("two", "k2", Some("grub"));
        host.applied(&two, "partial");
        let back = host.run(&["rollback", "--to", "1"]);
        assert_eq!(back["outcome"], "ok", "{back:#}");
        host.boots();
        assert_eq!(host.ends(), ["factory", "factory", "factory", ""], "the next boot is the boot default");
        host.applied(&two, "partial");
        host.boots();
        assert_eq!(host.ends(), ["two", "factory", "factory", "two"]);
        host.applied(&two, "ok");
        assert_eq!(host.ends(), ["two"; 4]);
    });
}

#[test]
fn a_plan_warns_of_a_boot_default_that_is_not_the_running_system() {
    with_own_mounts("nixos::boots::a_plan_warns_of_a_boot_default_that_is_not_the_running_system", |stand| {
        let host = NixosHost::new(stand);
        host.applied(&host.closure("one", "k1", None), "ok");
        let (two, third) = (host.closure("two", "k1", None), host.system("third", "k1"));
        let warnings = || {
            let plan = host.run(&["plan", "--target", &two]);
            let warnings = plan["warnings"].as_array().cloned().unwrap_or_default();
            assert!(warnings.len() < 2, "{plan:#}");
            warnings
                .first()
                .map_or_else(String::new, |warning| format!("{}: {}", warning["subject"], warning["what"]))
        };
        assert_eq!(warnings(), "", "the running system is the boot default");
        host.installs(&third, 3);
        let neither = warnings();
        assert!(
            neither.contains("/third") && neither.contains("neither the running nor the new system"),
            "{neither}"
        );
        host.installs(&host.store.canonicalize().unwrap().join("two"), 4);
        let new = warnings();
        assert!(new.contains("/two") && new.contains("is the new system already"), "{new}");
        // After the apply, the new system runs and is the boot default, so there is nothing to warn of.
        host.applied(&two, "ok");
        assert_eq!(host.ends(), ["two"; 4]);
        assert_eq!(warnings(), "");
    });
}

#[test]
fn an_undo_tells_the_boot_loader_the_next_boot_of_before() {
    with_own_mounts("nixos::boots::an_undo_tells_the_boot_loader_the_next_boot_of_before", |stand| {
        let host = NixosHost::new(stand);
        let loader = Some("systemd-boot");
        host.applied(&host.closure("one", "k1", loader), "ok");
        host.applied(&host.closure("two", "k2", loader), "partial");
        let three = host.closure("three", "k3", loader);
        // If the file `/fail-bootctl` exists, `bootctl` does its work, and then removes this file and fails.
        let fails = stand.path("/fail-bootctl");
        for system in ["one", "three"] {
            let tool = host.store.join(system).join("sw/bin/bootctl");
            let script = fs::read_to_string(&tool).unwrap();
            fs::write(&tool, format!("{script}[ ! -e {0} ] || {{ rm {0}; exit 1; }}\n", fails.display()))
                .unwrap();
        }
        let once = || fs::read_to_string(stand.path("/boot/oneshot")).unwrap_or_default();
        let chosen = once();
        assert!(chosen.contains("generation-3"), "{chosen}");
        // The apply replaces the one-time boot of `two`, and the rollback cancels it. Both fail in `bootctl`
        // and are undone, so the one-time boot of `two` is restored.
        for arguments in [["apply", "--closure", &three], ["rollback", "--to", "2"]] {
            fs::write(&fails, "").unwrap();
            let report = host.run(&arguments);
            assert_eq!(report["outcome"], "rolled-back", "{report:#}");
            assert!(!fails.exists());
            assert_eq!(once(), chosen, "{arguments:?}");
        }
        host.boots();
        assert_eq!(host.running(), "two");
    });
}

#[test]
fn what_an_undo_tells_the_boot_loader_is_on_the_disk_before_the_journal_goes() {
    let test = "nixos::boots::what_an_undo_tells_the_boot_loader_is_on_the_disk_before_the_journal_goes";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        host.applied(&host.closure("one", "k1", None), "ok");
        let two = host.closure("two", "k1", None);
        stand.write("/fail-boot", "two 1\n", 0o644);
        let changes = stand.changes(&["apply", "--closure", &two]);
        assert_eq!(host.ends(), ["one"; 4]);
        let places = |words: [&str; 2]| {
            let is_it = |line: &str| line.contains(words[0]) && line.ends_with(words[1]);
            let found = changes.iter().enumerate().filter(|(_, line)| is_it(line));
            found.map(|(at, _)| at).collect::<Vec<_>>()
        };
        // `switch-to-configuration` without checks is run through `env`. There are three such runs: `boot` of
        // `two`, and, as its undo, `boot` of `one` and `test` of `one`.
        let runs = places(["\tRun\t", "env"]);
        assert_eq!(runs.len(), 3, "{changes:#?}");
        let closed = places(["\tUnlink\t", "/journal.json"])[0];
        let is_between = |at: &usize| runs[1] < *at && *at < closed;
        assert!(places(["\tSyncFilesystem\t", "/boot"]).iter().any(is_between), "{changes:#?}");
    });
}
