//! Tests of which units a change affects.

use expect_test::expect;
use serde_json::{Value, json};

use crate::engine::plan::diff::tests::{Simulated, file, target, unit};

const WEB: &str = "[Service]\nExecStart=/bin/web\n[Install]\nWantedBy=multi-user.target\n";
const TIMER: &str = "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n";
const SOCKET: &str = "[Socket]\nListenStream=80\n[Install]\nWantedBy=sockets.target\n";

#[test]
fn only_units_that_a_change_affects_are_touched() {
    let units = |web: &str| [unit("web.service", web, true), unit("other.service", WEB, true)];
    let one = target("/one", &[file("/etc/web", "1", &["web.service"], &[])], &units(WEB));
    let mut host = Simulated::on(&one);
    host.expect(&one, &expect![""]);

    let changed_file = target("/two", &[file("/etc/web", "2", &["web.service"], &[])], &units(WEB));
    host.expect(
        &changed_file,
        &expect![[r#"
            ~ /etc/web
            ~ generation 1 → 2
            ~ restart web.service  /etc/web changed
        "#]],
    );
    let changed_unit =
        target("/two", &[file("/etc/web", "1", &["web.service"], &[])], &units(&format!("{WEB}\n")));
    host.expect(
        &changed_unit,
        &expect![[r#"
            ~ /etc/systemd/system/web.service
            ~ reload  systemd's unit files
            ~ generation 1 → 2
            ~ restart web.service  web.service changed
        "#]],
    );
    let removed_file = target("/two", &[], &units(WEB));
    host.expect(
        &removed_file,
        &expect![[r#"
            - /etc/web
            ~ generation 1 → 2
            ~ restart web.service  /etc/web changed
        "#]],
    );

    host.unit("web.service", "inactive");
    host.expect(
        &changed_unit,
        &expect![[r#"
            ~ /etc/systemd/system/web.service
            ~ reload  systemd's unit files
            ~ generation 1 → 2
            + start   web.service  web.service changed
        "#]],
    );
    host.unit("web.service", "failed");
    host.expect(
        &changed_unit,
        &expect![[r#"
            ~ /etc/systemd/system/web.service
            ~ reload  systemd's unit files
            ~ generation 1 → 2
            ~ restart web.service  web.service changed
        "#]],
    );
}

#[test]
fn a_restart_outdoes_a_reload_and_units_of_others_are_reloaded_only_if_they_run() {
    let files = |text: &str| {
        [
            file("/etc/a", text, &[], &["nginx.service", "web.service"]),
            file("/etc/b", text, &["web.service"], &["off.service"]),
        ]
    };
    let one = target("/one", &files("1"), &[unit("web.service", WEB, true)]);
    let mut host = Simulated::on(&one);
    host.unit("nginx.service", "active");
    host.unit("off.service", "inactive");
    host.expect(
        &target("/two", &files("2"), &[unit("web.service", WEB, true)]),
        &expect![[r#"
            ~ /etc/a
            ~ /etc/b
            ~ generation 1 → 2
            ~ restart web.service  /etc/b changed
            ~ reload  nginx.service  /etc/a changed
        "#]],
    );
}

#[test]
fn enabling_starts_disabling_stops_removing_stops() {
    let nothing = target("/none", &[], &[]);
    let off = target("/off", &[], &[unit("web.service", WEB, false)]);
    let on = target("/on", &[], &[unit("web.service", WEB, true)]);
    Simulated::on(&nothing).expect(
        &off,
        &expect![[r#"
            + /etc/  0755 root:root, needed by paths in it
            + /etc/systemd/  0755 root:root, needed by paths in it
            + /etc/systemd/system/  0755 root:root, needed by paths in it
            + /etc/systemd/system/web.service  0644 root:root
            ~ reload  systemd's unit files
            ~ generation 1 → 2
        "#]],
    );
    Simulated::on(&off).expect(
        &on,
        &expect![[r#"
            + /etc/systemd/system/multi-user.target.wants/  0755 root:root, needed by paths in it
            + /etc/systemd/system/multi-user.target.wants/web.service → ../web.service
            ~ reload  systemd's unit files
            ~ generation 1 → 2
            + start   web.service  newly enabled
        "#]],
    );
    Simulated::on(&on).expect(
        &off,
        &expect![[r#"
            - stop    web.service  no longer enabled
            - /etc/systemd/system/multi-user.target.wants/web.service  a link to ../web.service
            - /etc/systemd/system/multi-user.target.wants/  removed if it is empty
            ~ reload  systemd's unit files
            ~ generation 1 → 2
        "#]],
    );
    Simulated::on(&on).expect(
        &nothing,
        &expect![[r#"
            - stop    web.service  no longer managed
            - /etc/systemd/system/multi-user.target.wants/web.service  a link to ../web.service
            - /etc/systemd/system/web.service
            - /etc/systemd/system/multi-user.target.wants/  removed if it is empty
            - /etc/systemd/system/  removed if it is empty
            - /etc/systemd/  removed if it is empty
            - /etc/  removed if it is empty
            ~ reload  systemd's unit files
            ~ generation 1 → 2
        "#]],
    );
    let mut by_hand = Simulated::on(&off);
    by_hand.unit("web.service", "active");
    by_hand.expect(&off, &expect![""]);
    by_hand.expect(
        &on,
        &expect![[r#"
            + /etc/systemd/system/multi-user.target.wants/  0755 root:root, needed by paths in it
            + /etc/systemd/system/multi-user.target.wants/web.service → ../web.service
            ~ reload  systemd's unit files
            ~ generation 1 → 2
        "#]],
    );
}

#[test]
fn a_timer_starts_but_its_service_does_not() {
    let service = unit("job.service", "[Service]\nType=oneshot\nExecStart=/bin/job\n", false);
    let one = target("/one", &[], &[unit("job.timer", TIMER, true), service.clone()]);
    Simulated::new().expect(
        &one,
        &expect![[r#"
        + /etc/  0755 root:root, needed by paths in it
        + /etc/systemd/  0755 root:root, needed by paths in it
        + /etc/systemd/system/  0755 root:root, needed by paths in it
        + /etc/systemd/system/timers.target.wants/  0755 root:root, needed by paths in it
        + /etc/systemd/system/job.service  0644 root:root
        + /etc/systemd/system/job.timer  0644 root:root
        + /etc/systemd/system/timers.target.wants/job.timer → ../job.timer
        ~ reload  systemd's unit files
        ~ generation none → 1
        + start   job.timer  newly enabled
    "#]],
    );
    let later = format!("{TIMER}\n");
    let two = target("/two", &[], &[unit("job.timer", &later, true), service]);
    Simulated::on(&one).expect(
        &two,
        &expect![[r#"
            ~ /etc/systemd/system/job.timer
            ~ reload  systemd's unit files
            ~ generation 1 → 2
            ~ restart job.timer  job.timer changed
        "#]],
    );
}

#[test]
fn a_socket_restarts_together_with_its_running_service() {
    let service = unit("web.service", "[Service]\nExecStart=/bin/web\n", false);
    let one = target("/one", &[], &[unit("web.socket", SOCKET, true), service.clone()]);
    let two = target("/two", &[], &[unit("web.socket", &format!("{SOCKET}\n"), true), service]);
    let mut host = Simulated::on(&one);
    host.unit("web.socket", "active").triggers = vec!["web.service".to_owned()];
    host.expect(
        &two,
        &expect![[r#"
            ~ /etc/systemd/system/web.socket
            ~ reload  systemd's unit files
            ~ generation 1 → 2
            ~ restart web.socket  web.socket changed
        "#]],
    );
    host.unit("web.service", "active").triggered_by = vec!["web.socket".to_owned()];
    host.expect(
        &two,
        &expect![[r#"
            ~ /etc/systemd/system/web.socket
            ~ reload  systemd's unit files
            ~ generation 1 → 2
            ~ restart web.service  web.socket restarts
            ~ restart web.socket  web.socket changed
        "#]],
    );
}

#[test]
fn an_enabled_unit_that_does_not_run_is_drift_unless_it_need_not_run() {
    let names = ["down", "failed", "oneshot", "waiting", "unmet", "starting"];
    let units: Vec<Value> = names.iter().map(|name| unit(&format!("{name}.service"), WEB, true)).collect();
    let one = target("/one", &[], &units);
    let mut host = Simulated::on(&one);
    host.unit("down.service", "inactive");
    host.unit("failed.service", "failed");
    host.unit("oneshot.service", "inactive").service_type = "oneshot".to_owned();
    host.unit("waiting.service", "inactive").triggered_by = vec!["waiting.socket".to_owned()];
    host.unit("unmet.service", "inactive").condition = false;
    host.unit("starting.service", "activating");
    host.expect(
        &one,
        &expect![[r#"
        + start   down.service  not running
        + start   failed.service  not running
        drift down.service: not running
        drift failed.service: failed
    "#]],
    );
}

#[test]
fn a_template_runs_as_its_instances() {
    let template = |text: &str| unit("job@.service", text, true);
    let text = format!("{WEB}DefaultInstance=main\n");
    let one = target("/one", &[], &[template(&text)]);
    Simulated::new().expect(
        &one,
        &expect![[r#"
        + /etc/  0755 root:root, needed by paths in it
        + /etc/systemd/  0755 root:root, needed by paths in it
        + /etc/systemd/system/  0755 root:root, needed by paths in it
        + /etc/systemd/system/multi-user.target.wants/  0755 root:root, needed by paths in it
        + /etc/systemd/system/job@.service  0644 root:root
        + /etc/systemd/system/multi-user.target.wants/job@main.service → ../job@.service
        ~ reload  systemd's unit files
        ~ generation none → 1
        + start   job@main.service  newly enabled
    "#]],
    );
    let mut host = Simulated::on(&one);
    host.unit("job@other.service", "active");
    host.unit("job@idle.service", "inactive");
    host.expect(
        &target("/two", &[], &[template(&format!("{text}\n"))]),
        &expect![[r#"
            ~ /etc/systemd/system/job@.service
            ~ reload  systemd's unit files
            ~ generation 1 → 2
            ~ restart job@main.service  job@.service changed
            ~ restart job@other.service  job@.service changed
        "#]],
    );
    host.expect(
        &target("/two", &[], &[]),
        &expect![[r#"
            - stop    job@main.service  no longer managed
            - stop    job@other.service  no longer managed
            - /etc/systemd/system/job@.service
            - /etc/systemd/system/multi-user.target.wants/job@main.service  a link to ../job@.service
            - /etc/systemd/system/multi-user.target.wants/  removed if it is empty
            - /etc/systemd/system/  removed if it is empty
            - /etc/systemd/  removed if it is empty
            - /etc/  removed if it is empty
            ~ reload  systemd's unit files
            ~ generation 1 → 2
        "#]],
    );
}

#[test]
fn drop_ins_of_the_distributions_unit_restart_it_when_they_come_and_go() {
    let mut ssh = unit("ssh.service", "", false);
    ssh["text"] = Value::Null;
    ssh["enabled"] = Value::Null;
    ssh["dropIns"] = json!([{ "name": "a.conf", "text": "[Service]\n" }]);
    let one = target("/one", &[], &[ssh]);
    let mut host = Simulated::new();
    host.unit("ssh.service", "active");
    host.expect(
        &one,
        &expect![[r#"
        + /etc/  0755 root:root, needed by paths in it
        + /etc/systemd/  0755 root:root, needed by paths in it
        + /etc/systemd/system/  0755 root:root, needed by paths in it
        + /etc/systemd/system/ssh.service.d/  0755 root:root, needed by paths in it
        + /etc/systemd/system/ssh.service.d/a.conf  0644 root:root
        ~ reload  systemd's unit files
        ~ generation none → 1
        ~ restart ssh.service  ssh.service.d/a.conf changed
    "#]],
    );
    host.apply(&one);
    host.unit("ssh.service", "active");
    host.expect(
        &target("/two", &[], &[]),
        &expect![[r#"
            - /etc/systemd/system/ssh.service.d/a.conf
            - /etc/systemd/system/ssh.service.d/  removed if it is empty
            - /etc/systemd/system/  removed if it is empty
            - /etc/systemd/  removed if it is empty
            - /etc/  removed if it is empty
            ~ reload  systemd's unit files
            ~ generation 1 → 2
            ~ restart ssh.service  NixFleet's changes to it are removed
        "#]],
    );
}

#[test]
fn a_file_that_names_a_template_affects_its_running_instances() {
    let conf = |text: &str| [file("/etc/job", text, &["job@.service"], &[])];
    let mut host = Simulated::on(&target("/one", &conf("1"), &[]));
    host.unit("job@a.service", "active");
    host.unit("job@b.service", "inactive");
    host.expect(
        &target("/two", &conf("2"), &[]),
        &expect![[r#"
            ~ /etc/job
            ~ generation 1 → 2
            ~ restart job@a.service  /etc/job changed
        "#]],
    );
}
