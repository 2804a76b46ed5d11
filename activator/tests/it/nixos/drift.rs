//! Tests of changes by hand to the declared parts of a NixOS system.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::json;

use crate::nixos_host::NixosHost;
use crate::stand::with_own_mounts;

#[test]
fn a_change_by_hand_below_etc_is_told_and_left_to_nixos() {
    let test = "nixos::drift::a_change_by_hand_below_etc_is_told_and_left_to_nixos";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        let system = host.system("one", "k1");
        let etc = host.store.canonicalize().unwrap().join("etc-of-one");
        fs::create_dir_all(&etc).unwrap();
        fs::write(etc.join("app.conf"), "listen\n").unwrap();
        fs::set_permissions(etc.join("app.conf"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("/srv/app", etc.join("app")).unwrap();
        let closure = stand.closure(
            "closure-one",
            &json!({
                "base": "nixos",
                "nixos": { "toplevel": system, "loader": null, "declared": {
                    "files": [{
                        "path": "/etc/app.conf", "source": etc.join("app.conf"), "mode": "0640",
                        "owner": "0", "group": "root",
                    }],
                    "links": [{ "path": "/etc/app", "target": "/srv/app" }],
                    "units": [],
                } },
            }),
        );
        let other = host.closure("two", "k1", None);
        host.applied(&closure, "ok");
        host.applied(&closure, "unchanged");
        assert_eq!(host.run(&["status"])["drift"], json!([]));
        host.said();

        let conf = stand.path("/etc/app.conf");
        let edit = || fs::write(&conf, "edited\n").unwrap();
        let open = || fs::set_permissions(&conf, fs::Permissions::from_mode(0o644)).unwrap();
        let remove = || fs::remove_file(&conf).unwrap();
        let relink = || {
            fs::remove_file(stand.path("/etc/app")).unwrap();
            symlink("/srv/other", stand.path("/etc/app")).unwrap();
        };
        let cases: [(&dyn Fn(), &str, &str); 4] = [
            (&edit, "/etc/app.conf", "content edited"),
            (&open, "/etc/app.conf", "mode 0640 → 0644"),
            (&remove, "/etc/app.conf", "missing"),
            (&relink, "/etc/app", "target /srv/app → /srv/other"),
        ];
        for (damage, subject, what) in cases {
            damage();
            let drift = json!([{ "subject": subject, "what": what }]);
            assert_eq!(host.run(&["status"])["drift"], drift);
            let plan = host.run(&["plan", "--target", &closure]);
            assert_eq!((&plan["drift"], &plan["steps"]), (&drift, &json!([])), "{plan:#}");
            let left = plan["leftOut"][0]["what"].as_str().unwrap();
            assert!(left.starts_with(what) && left.contains("switch-to-configuration test"), "{left}");
            let report = host.applied(&closure, "partial");
            assert_eq!(report["reasonCode"], "paths-left-out");
            assert!(report["notes"].to_string().contains(subject), "{report:#}");
            assert_eq!(host.said(), [""; 0]);

            // Another system overwrites the change, and its plan says so.
            let plan = host.run(&["plan", "--target", &other]);
            assert_eq!(plan["drift"], drift, "{plan:#}");
            assert!(plan["warnings"].to_string().contains("keeps no copy"), "{plan:#}");
            host.applied(&other, "ok");
            host.applied(&closure, "ok");
            host.applied(&closure, "unchanged");
            host.said();
        }
        assert_eq!(fs::read_to_string(&conf).unwrap(), "listen\n");

        fs::remove_file(&conf).unwrap();
        fs::create_dir(&conf).unwrap();
        assert_eq!(host.run(&["status"])["drift"][0]["what"], "replaced by a directory");
    });
}

#[test]
fn a_file_at_a_newly_declared_path_below_etc_is_told_before_nixos_replaces_it() {
    let test = "nixos::drift::a_file_at_a_newly_declared_path_below_etc_is_told_before_nixos_replaces_it";
    with_own_mounts(test, |stand| {
        let host = NixosHost::new(stand);
        let system = host.system("one", "k1");
        let made = host.store.canonicalize().unwrap().join("made");
        fs::write(&made, "listen\n").unwrap();
        let file = |path: &str| {
            let owner = "root";
            json!({ "path": path, "source": made, "mode": "0640", "owner": owner, "group": owner })
        };
        let closure = stand.closure(
            "closure-one",
            &json!({
                "base": "nixos",
                "nixos": { "toplevel": system, "loader": null, "declared": {
                    "files": [file("/etc/app.conf"), file("/etc/app/below")],
                    "links": [{ "path": "/etc/link", "target": "/srv/app" }],
                    "units": [],
                } },
            }),
        );
        let warnings = || {
            let plan = host.run(&["plan", "--target", &closure]);
            assert_eq!(plan["problems"], json!([]), "{plan:#}");
            let warning =
                |it: &serde_json::Value| format!("{}: {}", it["subject"], it["what"]).replace('"', "");
            plan["warnings"].as_array().into_iter().flatten().map(warning).collect::<Vec<_>>()
        };
        assert_eq!(warnings(), [""; 0], "nothing exists");

        let conf = stand.path("/etc/app.conf");
        stand.write("/etc/app.conf", "by hand\n", 0o644);
        symlink("/srv/other", stand.path("/etc/link")).unwrap();
        let replaced = "that NixOS has not made; the activation replaces it and keeps no copy";
        assert_eq!(
            warnings(),
            [
                format!("/etc/app.conf: exists as a file {replaced}"),
                format!("/etc/link: exists as a link to /srv/other {replaced}"),
            ]
        );
        fs::remove_file(stand.path("/etc/link")).unwrap();

        // The file has the declared content already, but not its mode; then also the mode.
        stand.write("/etc/app.conf", "listen\n", 0o644);
        assert_eq!(warnings().len(), 1);
        stand.write("/etc/app.conf", "listen\n", 0o640);
        assert_eq!(warnings(), [""; 0]);

        // The running system has made these objects: a copy, a link, and a link in place of the directory.
        stand.write("/etc/app.conf", "of NixOS\n", 0o644);
        stand.write("/etc/.clean", "other\napp.conf\n", 0o644);
        symlink("/etc/static/link", stand.path("/etc/link")).unwrap();
        symlink("/etc/static/app", stand.path("/etc/app")).unwrap();
        assert_eq!(warnings(), [""; 0]);
        fs::remove_file(stand.path("/etc/.clean")).unwrap();
        for link in ["/etc/link", "/etc/app"] {
            fs::remove_file(stand.path(link)).unwrap();
        }

        fs::remove_file(&conf).unwrap();
        fs::create_dir(&conf).unwrap();
        symlink("/srv/app", stand.path("/etc/app")).unwrap();
        let warned = warnings();
        assert!(warned[0].starts_with("/etc/app.conf: exists as a directory"), "{warned:?}");
        assert!(warned[1].starts_with("/etc/app/below: cannot be compared"), "{warned:?}");
        assert_eq!(warned.len(), 2, "{warned:?}");
    });
}
