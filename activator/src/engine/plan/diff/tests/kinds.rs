//! Tests of plans for units that are not plain services, that are masked, or that failed.

use expect_test::expect;
use serde_json::{Value, json};

use crate::engine::plan::diff::tests::{Simulated, file, target, unit};

const WEB: &str = "[Service]\nExecStart=/bin/web\n[Install]\nWantedBy=multi-user.target\n";
const TIMER: &str = "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n";

#[test]
fn work_that_something_else_starts_is_neither_interrupted_nor_done_once_more() {
    let job = |text: &str| {
        let job = unit("job.service", &format!("[Service]\nType=oneshot\nExecStart={text}\n"), false);
        target(&format!("/{text}"), &[], &[unit("job.timer", TIMER, true), job])
    };
    let mut host = Simulated::on(&job("/one"));
    for (active, trigger, service_type) in [
        ("failed", "job.timer", "oneshot"),
        ("activating", "job.timer", "oneshot"),
        ("failed", "job.timer", "simple"),
        ("activating", "job.path", "oneshot"),
    ] {
        let state = host.unit("job.service", active);
        state.triggered_by = vec![trigger.to_owned()];
        service_type.clone_into(&mut state.service_type);
        host.expect(
            &job("/two"),
            &expect![[r#"
                ~ /etc/systemd/system/job.service
                ~ reload  systemd's unit files
                ~ generation 1 → 2
            "#]],
        );
    }
    let served = host.unit("job.service", "failed");
    (served.service_type, served.triggered_by) = ("simple".to_owned(), vec!["job.socket".to_owned()]);
    host.expect(
        &job("/two"),
        &expect![[r#"
            ~ /etc/systemd/system/job.service
            ~ reload  systemd's unit files
            ~ generation 1 → 2
            ~ restart job.service  job.service changed
        "#]],
    );
}

#[test]
fn slices_and_targets_stop_nothing_when_they_change() {
    let units = |text: &str| {
        [
            unit("app.slice", &format!("[Slice]\n{text}"), false),
            unit("app.target", &format!("[Unit]\n{text}"), false),
        ]
    };
    let mut host = Simulated::on(&target("/one", &[], &units("")));
    host.unit("app.slice", "active");
    host.unit("app.target", "active");
    host.expect(
        &target("/two", &[], &units("\n")),
        &expect![[r#"
            ~ /etc/systemd/system/app.slice
            ~ /etc/systemd/system/app.target
            ~ reload  systemd's unit files
            ~ generation 1 → 2
            + start   app.target  app.target changed
        "#]],
    );
}

#[test]
fn a_masked_unit_is_refused_where_its_mask_would_stay() {
    let drop_in = |name: &str| {
        let mut unit = unit(name, "", false);
        (unit["text"], unit["enabled"]) = (Value::Null, Value::Null);
        unit["dropIns"] = json!([{ "name": "a.conf", "text": "[Service]\n" }]);
        unit
    };
    let files = [file("/etc/a", "1", &["named.service"], &[])];
    let units = [drop_in("dropped.service"), unit("own.service", WEB, true)];
    let one = target("/one", &files, &units);
    let mut host = Simulated::on(&one);
    for (name, active) in
        [("dropped.service", "inactive"), ("named.service", "active"), ("own.service", "inactive")]
    {
        host.unit(name, active).masked = true;
    }
    host.expect(&target("/two", &[file("/etc/a", "2", &["named.service"], &[])], &units), &expect![[r#"
        ~ /etc/a
        ~ generation 1 → 2
        ~ restart named.service  /etc/a changed
        + start   own.service  not running
        drift own.service: masked
        drift own.service: not running
        [NF-421] unit named.service is masked on the host
          where: named.service
          why: the change would restart the unit: /etc/a changed
          help: run `systemctl unmask named.service` on the host, or remove the unit from the configuration of the host
        [NF-421] unit dropped.service is masked on the host
          where: dropped.service
          why: the drop-ins of the unit would have no effect
          help: run `systemctl unmask dropped.service` on the host, or remove the unit from the configuration of the host
    "#]]);
    host.unit("named.service", "inactive");
    host.expect(
        &target("/two", &[file("/etc/a", "2", &["named.service"], &[])], &units[1..]),
        &expect![[r#"
            ~ /etc/a
            - /etc/systemd/system/dropped.service.d/a.conf
            - /etc/systemd/system/dropped.service.d/  removed if it is empty
            ~ reload  systemd's unit files
            ~ generation 1 → 2
            + start   own.service  not running
            drift own.service: masked
            drift own.service: not running
        "#]],
    );
}

#[test]
fn an_instance_with_drop_ins_alone_is_still_its_templates() {
    let mut dropped = unit("job@a.service", "", false);
    (dropped["text"], dropped["enabled"]) = (Value::Null, Value::Null);
    dropped["dropIns"] = json!([{ "name": "a.conf", "text": "[Service]\n" }]);
    let own = unit("job@b.service", "[Service]\nExecStart=/bin/b\n", false);
    let units = |text: &str| [unit("job@.service", text, false), dropped.clone(), own.clone()];
    let text = "[Service]\nExecStart=/bin/job\n";
    let mut host = Simulated::on(&target("/one", &[], &units(text)));
    for name in ["job@a.service", "job@b.service"] {
        host.unit(name, "active");
    }
    host.expect(
        &target("/two", &[], &units(&format!("{text}\n"))),
        &expect![[r#"
        ~ /etc/systemd/system/job@.service
        ~ reload  systemd's unit files
        ~ generation 1 → 2
        ~ restart job@a.service  job@.service changed
    "#]],
    );
}

#[test]
fn a_oneshot_that_failed_is_drift_and_runs_again() {
    let one = target("/one", &[], &[unit("once.service", WEB, true), unit("timed.service", WEB, true)]);
    let mut host = Simulated::on(&one);
    host.unit("once.service", "failed").service_type = "oneshot".to_owned();
    let timed = host.unit("timed.service", "failed");
    (timed.service_type, timed.triggered_by) = ("oneshot".to_owned(), vec!["timed.timer".to_owned()]);
    host.expect(
        &one,
        &expect![[r#"
        + start   once.service  not running
        drift once.service: failed
    "#]],
    );
}
