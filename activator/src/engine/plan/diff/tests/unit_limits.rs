//! Tests of plans for units that systemd does not start or stop on request, and for settings without effect.

use expect_test::expect;
use serde_json::{Value, json};

use crate::engine::plan::diff::tests::{Simulated, file, target, unit};
use crate::host::systemd::Refuses;

const WEB: &str = "[Service]\nExecStart=/bin/web\n[Install]\nWantedBy=multi-user.target\n";

#[test]
fn a_service_that_runs_is_down_while_its_new_socket_starts() {
    let service = |text: &str| unit("gw.service", text, true);
    let socket = |text: &str| {
        unit("gw.socket", &format!("[Socket]\n{text}\n[Install]\nWantedBy=sockets.target\n"), true)
    };
    let mut host = Simulated::on(&target("/one", &[], &[service(WEB)]));
    host.expect(
        &target("/two", &[], &[service(WEB), socket("ListenStream=1")]),
        &expect![[r#"
        + /etc/systemd/system/sockets.target.wants/  0755 root:root, needed by paths in it
        + /etc/systemd/system/gw.socket  0644 root:root
        + /etc/systemd/system/sockets.target.wants/gw.socket → ../gw.socket
        ~ reload  systemd's unit files
        ~ generation 1 → 2
        ~ restart gw.service  gw.socket can start only while gw.service is down
        + start   gw.socket  newly enabled
    "#]],
    );
    // With `Accept=yes`, each connection starts another service, so `gw.service` can keep running.
    host.expect(
        &target("/two", &[], &[service(WEB), socket("ListenStream=1\nAccept=yes")]),
        &expect![[r#"
        + /etc/systemd/system/sockets.target.wants/  0755 root:root, needed by paths in it
        + /etc/systemd/system/gw.socket  0644 root:root
        + /etc/systemd/system/sockets.target.wants/gw.socket → ../gw.socket
        ~ reload  systemd's unit files
        ~ generation 1 → 2
        + start   gw.socket  newly enabled
    "#]],
    );
    // The socket starts `foreign.service`, which NixFleet does not manage.
    host.unit("foreign.service", "active");
    host.expect(
        &target("/two", &[], &[service(WEB), socket("Service=foreign.service")]),
        &expect![[r#"
        + /etc/systemd/system/sockets.target.wants/  0755 root:root, needed by paths in it
        + /etc/systemd/system/gw.socket  0644 root:root
        + /etc/systemd/system/sockets.target.wants/gw.socket → ../gw.socket
        ~ reload  systemd's unit files
        ~ generation 1 → 2
        ~ restart foreign.service  gw.socket can start only while foreign.service is down
        + start   gw.socket  newly enabled
    "#]],
    );
    host.unit("gw.service", "active").refuses.stop = true;
    host.expect(&target("/two", &[], &[service(WEB), socket("ListenStream=1")]), &expect![[r#"
        + /etc/systemd/system/sockets.target.wants/  0755 root:root, needed by paths in it
        + /etc/systemd/system/gw.socket  0644 root:root
        + /etc/systemd/system/sockets.target.wants/gw.socket → ../gw.socket
        ~ reload  systemd's unit files
        ~ generation 1 → 2
        warning gw.socket: not started: it can start only while gw.service is down, but gw.service refuses to be restarted (RefuseManualStop=); the change takes effect after a reboot
    "#]]);
}

#[test]
fn what_systemd_refuses_is_left_for_the_next_boot() {
    let one = target("/one", &[], &[unit("web.service", WEB, true)]);
    let text = |setting: &str| unit("web.service", &format!("{WEB}[Unit]\n{setting}\n"), true);
    let mut host = Simulated::on(&one);
    // The new unit file decides whether the unit can be restarted. The old unit file decides whether it can
    // be stopped.
    host.expect(&target("/two", &[], &[text("RefuseManualStop=yes")]), &expect![[r#"
        ~ /etc/systemd/system/web.service
        ~ reload  systemd's unit files
        ~ generation 1 → 2
        warning web.service: not restarted, since the unit does not allow it (RefuseManualStop=): the change takes effect after a reboot (web.service changed)
    "#]]);
    host.unit("web.service", "active").refuses = Refuses { stop: true, ..Refuses::default() };
    host.expect(
        &target("/two", &[], &[text("RefuseManualStop=no")]),
        &expect![[r#"
        ~ /etc/systemd/system/web.service
        ~ reload  systemd's unit files
        ~ generation 1 → 2
        ~ restart web.service  web.service changed
    "#]],
    );
    host.expect(
        &target("/two", &[], &[]),
        &expect![[r#"
        - /etc/systemd/system/multi-user.target.wants/web.service  a link to ../web.service
        - /etc/systemd/system/web.service
        - /etc/systemd/system/multi-user.target.wants/  removed if it is empty
        - /etc/systemd/system/  removed if it is empty
        - /etc/systemd/  removed if it is empty
        - /etc/  removed if it is empty
        ~ reload  systemd's unit files
        ~ generation 1 → 2
        warning web.service: it continues to run until the host reboots, since it refuses to be stopped (RefuseManualStop=)
    "#]],
    );
    Simulated::new().expect(&target("/two", &[], &[text("RefuseManualStart=yes")]), &expect![[r#"
        + /etc/  0755 root:root, needed by paths in it
        + /etc/systemd/  0755 root:root, needed by paths in it
        + /etc/systemd/system/  0755 root:root, needed by paths in it
        + /etc/systemd/system/multi-user.target.wants/  0755 root:root, needed by paths in it
        + /etc/systemd/system/multi-user.target.wants/web.service → ../web.service
        + /etc/systemd/system/web.service  0644 root:root
        ~ reload  systemd's unit files
        ~ generation none → 1
        warning web.service: not started, since the unit does not allow it (RefuseManualStart=): another unit or a reboot starts it
    "#]]);

    let refusing = target("/one", &[], &[text("RefuseManualStart=yes")]);
    let mut host = Simulated::on(&refusing);
    host.unit("web.service", "inactive").refuses.start = true;
    host.expect(&refusing, &expect![[""]]);
}

#[test]
fn a_unit_of_the_distribution_keeps_refusing_unless_a_drop_in_says_otherwise() {
    let drop_in = |text: &str| {
        let mut audit = unit("auditd.service", "", false);
        (audit["text"], audit["enabled"]) = (Value::Null, Value::Null);
        audit["dropIns"] = json!([{ "name": "a.conf", "text": text }]);
        target("/one", &[file("/etc/audit", "1", &[], &["auditd.service"])], &[audit])
    };
    let mut host = Simulated::new();
    host.unit("auditd.service", "active").refuses.stop = true;
    host.expect(&drop_in("[Unit]\nDocumentation=man:auditd\n"), &expect![[r#"
        + /etc/  0755 root:root, needed by paths in it
        + /etc/systemd/  0755 root:root, needed by paths in it
        + /etc/systemd/system/  0755 root:root, needed by paths in it
        + /etc/systemd/system/auditd.service.d/  0755 root:root, needed by paths in it
        + /etc/audit  0644 root:root
        + /etc/systemd/system/auditd.service.d/a.conf  0644 root:root
        ~ reload  systemd's unit files
        ~ generation none → 1
        warning auditd.service: not restarted, since the unit does not allow it (RefuseManualStop=): the change takes effect after a reboot (auditd.service.d/a.conf changed)
    "#]]);
    host.expect(
        &drop_in("[Unit]\nRefuseManualStop=no\n"),
        &expect![[r#"
        + /etc/  0755 root:root, needed by paths in it
        + /etc/systemd/  0755 root:root, needed by paths in it
        + /etc/systemd/system/  0755 root:root, needed by paths in it
        + /etc/systemd/system/auditd.service.d/  0755 root:root, needed by paths in it
        + /etc/audit  0644 root:root
        + /etc/systemd/system/auditd.service.d/a.conf  0644 root:root
        ~ reload  systemd's unit files
        ~ generation none → 1
        ~ restart auditd.service  auditd.service.d/a.conf changed
    "#]],
    );
}

#[test]
fn a_reload_that_systemd_cannot_do_is_a_problem() {
    let files = |text: &str| [file("/etc/web", text, &[], &["web.service"])];
    let mut host = Simulated::on(&target("/one", &files("1"), &[]));
    host.unit("web.service", "active").refuses.reload = true;
    host.expect(
        &target("/two", &files("2"), &[]),
        &expect![[r#"
        ~ /etc/web
        ~ generation 1 → 2
        ~ reload  web.service  /etc/web changed
        [NF-406] unit web.service cannot be reloaded
          where: web.service
          why: the change would reload the unit (/etc/web changed), but the unit has no ExecReload=
          help: let the change restart the unit instead: list the unit in `restartUnits`, or remove `reloadIfChanged`
    "#]],
    );
}

#[test]
fn settings_without_effect_are_told() {
    let mut ssh = unit("sshh.service", "", false);
    (ssh["text"], ssh["enabled"]) = (Value::Null, Value::Null);
    ssh["dropIns"] = json!([{ "name": "a.conf", "text": "[Service]\n" }]);
    let web = unit("web.service", &WEB.replace("multi-user", "multiuser"), true);
    let app = unit("app.service", &WEB.replace("multi-user", "app"), true);
    let app_target = unit("app.target", "[Unit]\nDescription=app\n", false);
    let files = [file("/etc/web", "1", &["wbe.service", "once.service"], &[])];
    let all = target("/one", &files, &[ssh, web, app.clone(), app_target]);
    let mut host = Simulated::new();
    host.observed.absent = ["multiuser.target", "app.target"].map(|name| name.parse().unwrap()).into();
    for name in ["sshh.service", "wbe.service"] {
        host.unit(name, "inactive").absent = true;
    }
    host.unit("once.service", "inactive").service_type = "oneshot".to_owned();
    host.expect(&all, &expect![[r#"
        + /etc/  0755 root:root, needed by paths in it
        + /etc/systemd/  0755 root:root, needed by paths in it
        + /etc/systemd/system/  0755 root:root, needed by paths in it
        + /etc/systemd/system/app.target.wants/  0755 root:root, needed by paths in it
        + /etc/systemd/system/multiuser.target.wants/  0755 root:root, needed by paths in it
        + /etc/systemd/system/sshh.service.d/  0755 root:root, needed by paths in it
        + /etc/systemd/system/app.service  0644 root:root
        + /etc/systemd/system/app.target  0644 root:root
        + /etc/systemd/system/app.target.wants/app.service → ../app.service
        + /etc/systemd/system/multiuser.target.wants/web.service → ../web.service
        + /etc/systemd/system/sshh.service.d/a.conf  0644 root:root
        + /etc/systemd/system/web.service  0644 root:root
        + /etc/web  0644 root:root
        ~ reload  systemd's unit files
        ~ generation none → 1
        + start   app.service  newly enabled
        + start   web.service  newly enabled
        warning sshh.service: there is no such unit on the host, so nothing reads its drop-ins
        warning web.service: its [Install] section names multiuser.target, which is neither on the host nor declared, so multiuser.target never starts the unit at boot. WantedBy= is usually multi-user.target for services, timers.target for timers and sockets.target for sockets
        warning wbe.service: there is no such unit on the host, so restartUnits of /etc/web has no effect
        warning once.service: not started by restartUnits of /etc/web: it is a oneshot service that has not run yet, and only running units are restarted
    "#]]);
    // The next manifest no longer contains `app.target`, which starts `app.service` at boot.
    host.apply(&all);
    host.observed.absent.clear();
    host.expect(&target("/two", &[], &[app]), &expect![[r#"
        - stop    web.service  no longer managed
        - /etc/systemd/system/app.target
        - /etc/systemd/system/multiuser.target.wants/web.service  a link to ../web.service
        - /etc/systemd/system/sshh.service.d/a.conf
        - /etc/systemd/system/web.service
        - /etc/web
        - /etc/systemd/system/sshh.service.d/  removed if it is empty
        - /etc/systemd/system/multiuser.target.wants/  removed if it is empty
        ~ reload  systemd's unit files
        ~ generation 1 → 2
        warning app.service: its [Install] section names app.target, which is neither on the host nor declared, so app.target never starts the unit at boot. WantedBy= is usually multi-user.target for services, timers.target for timers and sockets.target for sockets
    "#]]);
}

#[test]
fn a_service_of_nobody_known_is_warned_of() {
    let service = |text: &str| unit("app.service", &format!("[Service]\nExecStart=/bin/app\n{text}"), false);
    let host = Simulated::on(&target("/one", &[], &[]));
    host.expect(
        &target("/two", &[], &[service("User=root\nGroup=root\n")]),
        &expect![[r#"
        + /etc/  0755 root:root, needed by paths in it
        + /etc/systemd/  0755 root:root, needed by paths in it
        + /etc/systemd/system/  0755 root:root, needed by paths in it
        + /etc/systemd/system/app.service  0644 root:root
        ~ reload  systemd's unit files
        ~ generation 1 → 2
    "#]],
    );
    host.expect(&target("/two", &[], &[service("User=gone\nGroup=crew\n")]), &expect![[r#"
        + /etc/  0755 root:root, needed by paths in it
        + /etc/systemd/  0755 root:root, needed by paths in it
        + /etc/systemd/system/  0755 root:root, needed by paths in it
        + /etc/systemd/system/app.service  0644 root:root
        ~ reload  systemd's unit files
        ~ generation 1 → 2
        warning app.service: User=gone: no local or declared account has this name, so the unit starts only if the host knows gone from elsewhere, such as LDAP
        warning app.service: Group=crew: no local or declared account has this name, so the unit starts only if the host knows crew from elsewhere, such as LDAP
    "#]]);
}
