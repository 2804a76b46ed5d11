//! Generations of NixFleet and of other tools on one host.

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
        // This is what `nixos-rebuild switch` does.
        let foreign = host.system("foreign", "k1");
        host.installs(&foreign, 3);
        let switch = foreign.join("bin/switch-to-configuration");
        assert!(std::process::Command::new(switch).arg("test").status().unwrap().success());
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
fn what_another_tool_does_during_a_change_stays() {
    with_own_mounts("nixos::generations::what_another_tool_does_during_a_change_stays", |stand| {
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
