//! Tests of unit names that refer to another unit, or to several units.

use expect_test::expect;
use serde_json::{Value, json};

use crate::engine::plan::diff::tests::{Simulated, file, target, unit};

const REAL: &str =
    "[Service]\nExecStart=/bin/real\n[Install]\nWantedBy=multi-user.target\nAlias=nick.service\n";
const MANY: &str =
    "[Service]\nExecStart=/bin/many\n[Install]\nWantedBy=multi-user.target\nDefaultInstance=main\n";

#[test]
fn an_alias_is_no_unit_of_its_own() {
    let nick = |text: &str| [file("/etc/nick.conf", text, &["nick.service"], &["real.service"])];
    let real = |text: &str| unit("real.service", &format!("{REAL}{text}"), true);
    let one = target("/one", &nick("1"), &[real("")]);
    let mut host = Simulated::on(&one);
    host.unit("nick.service", "active").id = Some("real.service".parse().unwrap());
    host.expect(
        &target("/two", &[], &[]),
        &expect![[r#"
            - stop    real.service  no longer managed
            - /etc/nick.conf
            - /etc/systemd/system/multi-user.target.wants/real.service  a link to ../real.service
            - /etc/systemd/system/nick.service  a link to real.service
            - /etc/systemd/system/real.service
            - /etc/systemd/system/multi-user.target.wants/  removed if it is empty
            - /etc/systemd/system/  removed if it is empty
            - /etc/systemd/  removed if it is empty
            - /etc/  removed if it is empty
            ~ reload  systemd's unit files
            ~ generation 1 → 2
        "#]],
    );
    host.expect(
        &target("/two", &nick("2"), &[real("")]),
        &expect![[r#"
        ~ /etc/nick.conf
        ~ generation 1 → 2
        ~ restart real.service  /etc/nick.conf changed
    "#]],
    );
    host.expect(
        &target("/two", &nick("2"), &[real("# changed\n")]),
        &expect![[r#"
        ~ /etc/nick.conf
        ~ /etc/systemd/system/real.service
        ~ reload  systemd's unit files
        ~ generation 1 → 2
        ~ restart real.service  real.service changed
    "#]],
    );
    // In this manifest, the former alias `nick.service` is the name of a second unit.
    let nick_unit =
        unit("nick.service", "[Service]\nExecStart=/bin/nick\n[Install]\nWantedBy=a.target\n", true);
    let text = REAL.replace("Alias=nick.service\n", "");
    host.unit("nick.service", "inactive");
    host.expect(
        &target("/two", &nick("2"), &[unit("real.service", &text, true), nick_unit]),
        &expect![[r#"
            + /etc/systemd/system/a.target.wants/  0755 root:root, needed by paths in it
            ~ /etc/nick.conf
            + /etc/systemd/system/a.target.wants/nick.service → ../nick.service
            ~ /etc/systemd/system/nick.service  link to real.service → file 0644 root:root
            ~ /etc/systemd/system/real.service
            ~ reload  systemd's unit files
            ~ generation 1 → 2
            ~ restart real.service  real.service changed
            + start   nick.service  newly enabled
        "#]],
    );
}

#[test]
fn a_renamed_unit_stops_under_its_old_name_and_starts_under_its_new_one() {
    let files = |text: &str| [file("/etc/old.conf", text, &["old.service"], &[])];
    let old = "[Service]\nExecStart=/bin/old\n[Install]\nWantedBy=multi-user.target\n";
    let host = Simulated::on(&target("/one", &files("1"), &[unit("old.service", old, true)]));
    let new = unit("new.service", &format!("{old}Alias=old.service\n"), true);
    host.expect(
        &target("/two", &files("2"), &[new]),
        &expect![[r#"
            - stop    old.service  no longer managed
            ~ /etc/old.conf
            + /etc/systemd/system/multi-user.target.wants/new.service → ../new.service
            + /etc/systemd/system/new.service  0644 root:root
            ~ /etc/systemd/system/old.service → new.service  was a file
            - /etc/systemd/system/multi-user.target.wants/old.service  a link to ../old.service
            ~ reload  systemd's unit files
            ~ generation 1 → 2
            + start   new.service  newly enabled
        "#]],
    );
}

#[test]
fn a_name_of_the_distribution_is_resolved_too() {
    let files = |text: &str| [file("/etc/ssh.conf", text, &["sshd.service"], &["ssh.service"])];
    let mut host = Simulated::on(&target("/one", &files("1"), &[]));
    host.unit("sshd.service", "active").id = Some("ssh.service".parse().unwrap());
    host.unit("ssh.service", "active");
    host.expect(
        &target("/two", &files("2"), &[]),
        &expect![[r#"
        ~ /etc/ssh.conf
        ~ generation 1 → 2
        ~ restart ssh.service  /etc/ssh.conf changed
    "#]],
    );
}

#[test]
fn enablement_belongs_to_one_instance() {
    let many = |text: &str, enabled| [unit("job@.service", text, enabled)];
    let mut host = Simulated::on(&target("/one", &[], &many(MANY, true)));
    host.unit("job@one.service", "active").fragment = "/etc/systemd/system/job@.service".to_owned();
    host.expect(
        &target("/two", &[], &many("[Service]\nExecStart=/bin/many\n", false)),
        &expect![[r#"
            - stop    job@main.service  no longer enabled
            ~ /etc/systemd/system/job@.service
            - /etc/systemd/system/multi-user.target.wants/job@main.service  a link to ../job@.service
            - /etc/systemd/system/multi-user.target.wants/  removed if it is empty
            ~ reload  systemd's unit files
            ~ generation 1 → 2
            ~ restart job@one.service  job@.service changed
        "#]],
    );
    host.expect(
        &target("/two", &[], &many(&MANY.replace("=main", "=other"), true)),
        &expect![[r#"
            - stop    job@main.service  no longer enabled
            ~ /etc/systemd/system/job@.service
            + /etc/systemd/system/multi-user.target.wants/job@other.service → ../job@.service
            - /etc/systemd/system/multi-user.target.wants/job@main.service  a link to ../job@.service
            ~ reload  systemd's unit files
            ~ generation 1 → 2
            ~ restart job@one.service  job@.service changed
            + start   job@other.service  newly enabled
        "#]],
    );
}

#[test]
fn systemd_says_which_units_a_file_concerns() {
    let family = |text: &str| {
        let mut family = unit("web-.service", "", false);
        (family["text"], family["enabled"]) = (Value::Null, Value::Null);
        family["dropIns"] = json!([{ "name": "a.conf", "text": text }]);
        let mut template = unit("job@.service", MANY, true);
        template["dropIns"] = json!([{ "name": "b.conf", "text": text }]);
        let mut calm = unit("web-calm.service", "[Service]\nExecStart=/bin/web\n", false);
        calm["restartIfChanged"] = Value::Bool(false);
        target("/one", &[], &[family, template, calm])
    };
    let (one, two) = (family("[Service]\nNice=1\n"), family("[Service]\nNice=2\n"));
    let mut host = Simulated::on(&one);
    let drop_ins = ["/etc/systemd/system/web-.service.d/a.conf", "/etc/systemd/system/job@.service.d/b.conf"];
    for name in ["web-a.service", "web-b.service", "web-calm.service", "web-a@b.service", "job@own.service"] {
        host.unit(name, "active").drop_ins = drop_ins.map(str::to_owned).into();
    }
    host.unit("job@own.service", "active").fragment = "/etc/systemd/system/job@own.service".to_owned();
    // `web-b.service` has its own drop-in with the same file name, which overrides the shared drop-in.
    host.unit("web-b.service", "active").drop_ins =
        vec!["/etc/systemd/system/web-b.service.d/a.conf".to_owned()];
    host.expect(
        &two,
        &expect![[r#"
        ~ /etc/systemd/system/job@.service.d/b.conf
        ~ /etc/systemd/system/web-.service.d/a.conf
        ~ reload  systemd's unit files
        ~ restart job@main.service  job@.service.d/b.conf changed
        ~ restart job@own.service  job@.service.d/b.conf changed
        ~ restart web-a.service  web-.service.d/a.conf changed
    "#]],
    );
    // `job@own.service` has its own unit file, so a change of the template does not affect it.
    let changed = unit("job@.service", &format!("{MANY}\n"), true);
    host.expect(
        &target("/two", &[], &[changed]),
        &expect![[r#"
        - stop    web-calm.service  no longer managed
        ~ /etc/systemd/system/job@.service
        - /etc/systemd/system/job@.service.d/b.conf
        - /etc/systemd/system/web-.service.d/a.conf
        - /etc/systemd/system/web-calm.service
        - /etc/systemd/system/web-.service.d/  removed if it is empty
        - /etc/systemd/system/job@.service.d/  removed if it is empty
        ~ reload  systemd's unit files
        ~ generation 1 → 2
        ~ restart job@main.service  job@.service changed
        ~ restart job@own.service  job@.service.d/b.conf changed
        ~ restart web-a.service  NixFleet's changes to it are removed
    "#]],
    );
}
