//! Tests of plans for absent paths.

use expect_test::expect;
use nixfleet_contract::manifest::Access;
use nixfleet_contract::values::{Mode, Owner};
use serde_json::{Value, json};

use crate::engine::observe::PathState;
use crate::engine::plan::diff::tests::{Simulated, file, target, target_without};
use crate::engine::state::{Origin, Owned, Thing};

fn absent(path: &str, recursive: bool, on_conflict: &str) -> Value {
    json!({
        "path": path, "recursive": recursive, "restartUnits": ["app.service"], "reloadUnits": [],
        "onConflict": on_conflict,
    })
}

fn access() -> Access {
    Access { mode: Mode::from_bits(0o644), owner: Owner::root(), group: Owner::root(), list: false }
}

fn standing() -> PathState {
    PathState::File { sha256: "0".repeat(64), size: 4, access: access() }
}

fn directory(holds: &[&str]) -> PathState {
    PathState::Directory { access: access(), holds: holds.iter().map(ToString::to_string).collect() }
}

impl Simulated {
    fn stands(&mut self, path: &str, found: PathState) {
        self.observed.paths.insert(path.parse().unwrap(), found);
    }
}

#[test]
fn what_stands_there_goes_and_comes_back_and_units_hear_of_both() {
    let entries = [
        absent("/etc/file", false, "backup"),
        absent("/etc/link", false, "adopt"),
        absent("/etc/none", false, "backup"),
        absent("/etc/full", true, "backup"),
        absent("/etc/empty", false, "backup"),
    ];
    let one = target_without("/one", &entries, &[], &[]);
    let mut host = Simulated::new();
    host.unit("app.service", "active");
    host.stands("/etc/file", standing());
    host.stands("/etc/link", PathState::Link { target: "/elsewhere".to_owned() });
    host.stands("/etc/full", directory(&["a", "b"]));
    host.stands("/etc/empty", directory(&[]));
    host.expect(
        &one,
        &expect![[r#"
            - /etc/file  the original is backed up, and restored when the path is no longer managed
            - /etc/link  a link to /elsewhere  not managed until now: a backup is made
            = /etc/none  already matches its declaration; managed from now on
            - /etc/full/  with its content  the original is backed up, and restored when the path is no longer managed
            - /etc/empty/  the original is backed up, and restored when the path is no longer managed
            ~ generation none → 1
            ~ restart app.service  /etc/empty changed
        "#]],
    );
    let mut host = Simulated::on(&target_without("/one", &entries[..3], &[], &[]));
    host.unit("app.service", "active");
    host.stands("/etc/file", standing());
    host.expect(
        &target_without("/one", &entries[..3], &[], &[]),
        &expect![[r#"
            - /etc/file  not managed until now: a backup is made
            ~ restart app.service  /etc/file changed
            drift /etc/file: should be absent, but is a file
        "#]],
    );
    // The management of `/etc/file` ends after someone has created the file again by hand. The plan backs up
    // this file and then restores the original.
    let backup = "/var/lib/nixfleet/originals/x/content".parse().unwrap();
    host.state.paths.insert(
        "/etc/file".parse().unwrap(),
        Owned {
            restart_units: vec!["app.service".parse().unwrap()],
            ..Owned::without_hooks(Thing::Absent, Origin::Original { backup })
        },
    );
    host.expect(
        &target("/two", &[], &[]),
        &expect![[r#"
            ~ /etc/file  the original from before NixFleet managed the path is restored  not managed until now: a backup is made
            = /etc/link  left alone: it does not exist, and there is no original to restore
            = /etc/none  left alone: it does not exist, and there is no original to restore
            ~ generation 1 → 2
            ~ restart app.service  /etc/file changed
            drift /etc/file: should be absent, but is a file
        "#]],
    );
}

#[test]
fn what_cannot_go_is_refused_with_a_reason() {
    let entries = [
        absent("/etc/differs", false, "fail"),
        absent("/etc/full", false, "backup"),
        absent("/srv/kept", true, "fail"),
    ];
    let mut host = Simulated::new();
    host.stands("/etc/differs", standing());
    host.stands("/etc/full", directory(&["a\u{202e}"]));
    host.stands("/srv/kept", directory(&[]));
    host.expect(
        &target_without("/one", &entries, &[], &[]),
        &expect![[r#"
            ~ generation none → 1
            [NF-402] /etc/differs already exists, is not managed by NixFleet, and differs from its declaration
              where: /etc/differs
              help: add the line: nixfleet.absent."/etc/differs".onConflict = "backup";  # or "adopt"
            [NF-402] /etc/full is declared as absent, but cannot be removed
              where: /etc/full
              why: the directory is not empty: /etc/full/a\u{202e} is not managed by NixFleet
              help: to remove the directory with its content, set nixfleet.absent."/etc/full".recursive = true
            [NF-402] /srv/kept already exists, is not managed by NixFleet, and differs from its declaration
              where: /srv/kept
              help: add the line: nixfleet.absent."/srv/kept".onConflict = "backup";  # or "adopt"
        "#]],
    );
}

#[test]
fn nothing_comes_into_a_directory_that_is_still_away() {
    let backup = "/var/lib/nixfleet/originals/x/content".parse().unwrap();
    let mut host = Simulated::new();
    let away = Owned::without_hooks(Thing::Absent, Origin::Moved { backup });
    host.state.paths.insert("/srv/app".parse().unwrap(), away);
    host.expect(&target("/one", &[file("/srv/app/deep/a", "1", &[], &[])], &[]), &expect![[r#"
        + /srv/  0755 root:root, needed by paths in it
        + /srv/app/  0755 root:root, needed by paths in it
        + /srv/app/deep/  0755 root:root, needed by paths in it
        ~ generation none → 1
        [NF-402] /srv/app/deep/a cannot be managed until the removed directory /srv/app is restored
          where: /srv/app/deep/a
          why: an earlier apply moved /srv/app into a backup because nixfleet.absent declares it; /srv/app/deep/a is in /srv/app
          help: 1. apply once without nixfleet.absent."/srv/app" and without declarations in the directory, which restores the directory; 2. add the declarations and apply again
    "#]]);
    // The problem does not occur if no path below `/srv/app` is declared. The directory is then restored or,
    // if `/srv/app` itself is declared as a file, the file is created.
    host.expect(
        &target("/one", &[], &[]),
        &expect![[r#"
        ~ /srv/app/  the directory from before NixFleet managed the path is restored
        ~ generation none → 1
    "#]],
    );
    host.expect(
        &target("/one", &[file("/srv/app", "1", &[], &[])], &[]),
        &expect![[r#"
        + /srv/  0755 root:root, needed by paths in it
        + /srv/app  0644 root:root
        ~ generation none → 1
    "#]],
    );
}
