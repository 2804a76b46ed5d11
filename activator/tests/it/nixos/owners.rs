//! Tests of paths whose owners the activation of the NixOS system creates.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

use serde_json::{Value, json};

use crate::ledger;
use crate::nixos_host::NixosHost;
use crate::room::file;
use crate::stand::{Stand, differences, with_own_mounts};

/// The directory, and the files in it, that belong to an account of the system `two`.
const DIRECTORY: &str = "/srv/owned";

/// A closure with a file and a directory of the new user, a file of the new group, and a directory that
/// exists already and gets the new owner.
fn closure(host: &NixosHost<'_>, name: &str, more: &Value) -> String {
    let toplevel = host.system(name, "k1");
    let mut nixos = json!({
        "toplevel": toplevel, "loader": null, "accounts": { "users": ["app"], "groups": ["team"] },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        nixos[key] = value.clone();
    }
    let owned = |path: &str, mode: &str, owner: &str, group: &str| {
        let mut file = file(path, Some(name));
        (file["mode"], file["owner"], file["group"]) = (mode.into(), owner.into(), group.into());
        file
    };
    let directory =
        |path: &str, mode: &str| json!({ "path": path, "mode": mode, "owner": "app", "group": "team" });
    host.stand.closure(
        &format!("closure-{name}"),
        &json!({
            "base": "nixos",
            "nixos": nixos,
            "directories": [directory(DIRECTORY, "0750"), directory("/srv/existing", "0700")],
            "files": [
                file("/srv/app/name", Some(name)),
                owned("/srv/owned/secret", "0400", "app", "root"),
                owned("/srv/owned/shared", "0640", "root", "team"),
                owned("/srv/tool", "6755", "app", "team"),
            ],
        }),
    )
}

/// Prepares a host that runs the system `one`, and the accounts that the systems create.
fn prepare(stand: &Stand) -> (NixosHost<'_>, String) {
    let host = NixosHost::new(stand);
    let accounts = |system: &str, users: &str, groups: &str| {
        let (passwd, group) = ("root:x:0:0:root:/root:/bin/bash\n", "root:x:0:\nadm:x:4:\n");
        stand.write(&format!("/accounts-of-{system}"), &format!("{passwd}{users}"), 0o644);
        stand.write(&format!("/groups-of-{system}"), &format!("{group}{groups}"), 0o644);
    };
    accounts("one", "", "");
    accounts("two", "app:x:990:991::/var/empty:/bin/false\n", "team:x:991:\n");
    fs::create_dir_all(stand.path("/srv/existing")).unwrap();
    fs::set_permissions(stand.path("/srv/existing"), fs::Permissions::from_mode(0o755)).unwrap();
    host.applied(&host.closure("one", "k1", None), "ok");
    let two = closure(&host, "two", &Value::Null);
    (host, two)
}

/// Returns the differences from an earlier tree, without the records of runs and the files of the test
/// itself.
fn changes_since(stand: &Stand, before: &BTreeMap<String, String>) -> Vec<String> {
    const OWN: [&str; 7] = [
        "last-run",
        "when-units-start",
        "before-accounts",
        "fault-of-owners",
        "/etc/passwd:",
        "/etc/group:",
        "/failed-units",
    ];
    let is_own = |line: &String| OWN.iter().any(|word| line.contains(word));
    differences(&stand.tree(), before).into_iter().filter(|line| !is_own(line)).collect()
}

/// Returns owner, group and mode of a path.
fn access(host: &NixosHost<'_>, path: &str) -> String {
    let metadata = host.stand.path(path).symlink_metadata().unwrap();
    format!("{}:{} {:o}", metadata.uid(), metadata.gid(), metadata.mode() & 0o7777)
}

fn all(host: &NixosHost<'_>) -> [String; 5] {
    ["", "/secret", "/shared", "/../tool", "/../existing"]
        .map(|path| access(host, &format!("{DIRECTORY}{path}")))
}

const GIVEN: [&str; 5] = ["990:991 750", "990:0 400", "0:991 640", "990:991 6755", "990:991 700"];

#[test]
fn paths_belong_to_new_accounts_before_units_start() {
    with_own_mounts("nixos::owners::paths_belong_to_new_accounts_before_units_start", |stand| {
        let (host, two) = prepare(stand);
        host.applied(&two, "ok");
        assert_eq!(all(&host), GIVEN);
        let seen = fs::read_to_string(stand.path("/when-units-start")).unwrap();
        // The directory was closed before its owner existed.
        assert_eq!(fs::read_to_string(stand.path("/before-accounts")).unwrap(), "0:0 700\n");
        for words in ["990:0 400", "0:991 640"] {
            assert!(seen.contains(words), "{seen}");
        }
        host.applied(&two, "unchanged");
        let status = host.run(&["plan", "--target", &two]);
        assert_eq!((&status["steps"], &status["drift"]), (&json!([]), &json!([])), "{status:#}");

        // The old system removes the accounts, and a rollback to the new system creates them again.
        let back = host.run(&["rollback", "--to", "2"]);
        assert_eq!(back["outcome"], "ok", "{back:#}");
        assert!(!stand.path(DIRECTORY).exists());
        let again = host.run(&["rollback", "--to", "3"]);
        assert_eq!(again["outcome"], "ok", "{again:#}");
        assert_eq!(all(&host), GIVEN);
    });
}

#[test]
fn an_activation_that_does_not_give_owners_is_made_up_for() {
    with_own_mounts("nixos::owners::an_activation_that_does_not_give_owners_is_made_up_for", |stand| {
        let (host, two) = prepare(stand);
        stand.write("/no-owners", "", 0o644);
        host.applied(&two, "ok");
        assert_eq!(all(&host), GIVEN);
    });
}

#[test]
fn a_change_whose_accounts_do_not_come_is_undone() {
    with_own_mounts("nixos::owners::a_change_whose_accounts_do_not_come_is_undone", |stand| {
        let (host, two) = prepare(stand);
        fs::copy(stand.path("/accounts-of-one"), stand.path("/accounts-of-two")).unwrap();
        let before = stand.tree();
        let report = host.applied(&two, "rolled-back");
        assert!(
            report["problem"]["why"].as_str().unwrap().contains("user `app` does not exist"),
            "{report:#}"
        );
        let different = changes_since(stand, &before);
        assert!(different.is_empty(), "{different:?}");
    });
}

#[test]
fn an_owner_that_does_not_come_with_the_change_is_refused() {
    with_own_mounts("nixos::owners::an_owner_that_does_not_come_with_the_change_is_refused", |stand| {
        let (host, two) = prepare(stand);
        let refused = |closure: &str, words: &[&str]| {
            host.applied(closure, "blocked");
            let problems = host.run(&["plan", "--target", closure])["problems"].clone();
            let text = |problem: &Value| format!("{} {}", problem["why"], problem["help"]);
            let mut accounts =
                problems.as_array().unwrap().iter().filter(|problem| problem["code"] == "NF-407");
            assert!(accounts.any(|it| words.iter().all(|word| text(it).contains(word))), "{problems:#}");
        };
        let none = json!({ "accounts": { "users": [], "groups": [] } });
        refused(
            &closure(&host, "other", &none),
            &["does not create the account", "declare the account first"],
        );

        let mut early = file("/srv/early", Some("x"));
        (early["owner"], early["onChange"]) = ("app".into(), json!(["/bin/true"]));
        let system = host.system("early", "k1");
        let nixos =
            json!({ "toplevel": system, "loader": null, "accounts": { "users": ["app"], "groups": [] } });
        let intent = json!({ "base": "nixos", "nixos": nixos, "files": [early] });
        refused(&stand.closure("closure-early", &intent), &["declare the account first"]);
        refused(&closure_of_inhibited(&host), &["only when the host boots it", "restart the host"]);

        host.applied(&two, "ok");
        fs::copy(stand.path("/accounts-of-one"), stand.path("/etc/passwd")).unwrap();
        refused(&two, &["/run/current-system/activate"]);
    });
}

/// A closure with a system that the host can only boot, since its `init` is another one.
fn closure_of_inhibited(host: &NixosHost<'_>) -> String {
    let system = host.system("boots", "k1");
    fs::write(system.join("init-interface-version"), "systemd 3").unwrap();
    let mut owned = file("/srv/owned", Some("x"));
    owned["owner"] = "app".into();
    host.stand.closure(
        "closure-boots",
        &json!({
            "base": "nixos",
            "nixos": { "toplevel": system, "loader": null, "accounts": { "users": ["app"], "groups": [] } },
            "files": [owned],
        }),
    )
}

#[test]
fn a_path_that_another_user_has_replaced_is_left_to_this_user() {
    with_own_mounts("nixos::owners::a_path_that_another_user_has_replaced_is_left_to_this_user", |stand| {
        let (host, two) = prepare(stand);
        // The activation replaces a file before it gives the owners, as a program of another user could.
        let taken = stand.path("/srv/owned/secret");
        let script = stand.path("/../store/two/bin/switch-to-configuration");
        let text = fs::read_to_string(&script).unwrap();
        let replaces = format!("rm {0}; echo mine > {0}; chown 5 {0}", taken.display());
        fs::write(&script, text.replace("        fault=", &format!("        {replaces}\n        fault=")))
            .unwrap();
        let report = host.applied(&two, "ok");
        let notes = report["notes"].to_string();
        assert!(notes.contains("/srv/owned/secret did not get its owner and mode"), "{report:#}");
        assert_eq!(access(&host, "/srv/owned/secret"), "5:0 644");
        assert_eq!(access(&host, "/srv/tool"), GIVEN[3]);
        chown(&taken, Some(0), Some(0)).unwrap();
    });
}

#[test]
fn a_change_that_is_killed_while_it_gives_owners_is_undone() {
    let test = "nixos::owners::a_change_that_is_killed_while_it_gives_owners_is_undone";
    with_own_mounts(test, |stand| {
        let (host, two) = prepare(stand);
        stand.save("one");
        let before = stand.tree();
        let (mut tried, mut failures) = (0, Vec::new());
        // The process that gives the owners is killed, or the whole run.
        // The second time, a unit that had failed before makes `switch-to-configuration` exit with its code.
        for (fault, failed) in [("kill", false), ("eio", false), ("kill", true)] {
            for at in 1..100 {
                stand.load("one");
                stand.write("/fault-of-owners", &format!("{fault} {at}"), 0o644);
                if failed {
                    stand.write("/failed-units", "web.service\n", 0o644);
                }
                let report = host.apply(&two);
                if report["outcome"] == "ok" {
                    break;
                }
                tried += 1;
                let different = changes_since(stand, &before);
                if report["outcome"] != "rolled-back" || !different.is_empty() {
                    failures.push(format!("{fault} at {at}, failed unit: {failed}: {different:?} {report}"));
                }
            }
        }
        stand.load("one");
        let changes = stand.changes(&["apply", "--closure", &two]).len();
        for at in 1..=changes {
            stand.load("one");
            stand.run(&["apply", "--closure", &two], Some(("kill", at)));
            tried += 1;
            let report = host.run(&["rollback", "--to", "99"]);
            let end = host.ends();
            let owned = stand.path(DIRECTORY).exists().then(|| all(&host));
            let is_old = end == ["one"; 4] && owned.is_none() && access(&host, "/srv/existing") == "0:0 755";
            let is_new = end == ["two"; 4] && owned.is_some_and(|owned| owned == GIVEN);
            if report["problem"]["code"] != "NF-409" || !(is_old || is_new) {
                failures.push(format!("killed before change {at}: {end:?} {report}"));
            }
        }
        let tried = format!("{tried} points to kill or disturb a change at that gives paths to new accounts");
        ledger::record("All or nothing", test, &tried, &failures);
    });
}
