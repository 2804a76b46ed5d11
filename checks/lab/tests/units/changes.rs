//! Tests of changes to units of every type, and of failures that roll the host back.

use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::assert_says;
use crate::stage::role::{Stage, enabled, logs, runs, service, stat};

/// A limit below the default start timeout, and far longer than any step here takes on a busy machine.
const UNLIMITED: Duration = Duration::from_secs(240);

#[test]
fn services_change_as_their_kind_asks_and_come_back_as_they_were() {
    let stage = Stage::set();
    let notify =
        "Type=notify\nNotifyAccess=all\nExecStart=/bin/sh -c 'systemd-notify --ready; exec sleep infinity'";
    let generation = |version: u32| {
        let changed = format!("Environment=V={version}");
        let alias = format!("{}\n[Install]\nWantedBy=multi-user.target\nAlias=also.service\n", runs(version));
        let template =
            format!("{}\n[Install]\nWantedBy=multi-user.target\nDefaultInstance=main\n", runs(version));
        stage.declares_units([
            ("simple.service", json!({ "text": alias })),
            ("ready.service", enabled(&service(&format!("{notify}\n{changed}")))),
            ("once.service", enabled(&logs("once", &changed))),
            ("stays.service", enabled(&logs("stays", &format!("RemainAfterExit=yes\n{changed}")))),
            ("static.service", stat(&runs(version))),
            ("idle.service", stat(&logs("idle", &changed))),
            ("kept.service", json!({ "text": runs(version), "stopIfRemoved": false })),
            ("calm.service", json!({ "text": runs(version), "restartIfChanged": false })),
            ("many@.service", json!({ "text": template })),
            ("many@own.service", stat(&runs(0))),
        ]);
    };
    let running = [
        "simple.service",
        "ready.service",
        "static.service",
        "many@main.service",
        "many@a.service",
        "many@b.service",
    ];
    let untouched = ["calm.service", "many@own.service"];
    generation(1);
    stage.applies();
    stage.web().ask("systemctl start static kept calm many@a many@b many@own").unwrap();
    let first = stage.units(running);
    for (unit, name) in first.iter().zip(running) {
        assert_eq!(unit.sub, "running", "{name}");
    }
    assert_eq!(stage.unit("also.service").main_pid, stage.unit("simple.service").main_pid);
    assert_eq!(
        (stage.unit("stays.service").sub, stage.unit("once.service").sub),
        ("exited".into(), "dead".into())
    );
    assert_eq!((stage.count("once"), stage.count("stays"), stage.count("idle")), (1, 1, 0));
    let left_alone = stage.units(untouched);

    generation(2);
    stage.applies();

    let second = stage.units(running);
    for ((unit, before), name) in second.iter().zip(&first).zip(running) {
        assert_eq!(unit.sub, "running", "{name}");
        assert_ne!(unit.main_pid, before.main_pid, "{name} was not restarted");
        assert_eq!(stage.property(name, "Environment"), "V=2");
    }
    assert_eq!(stage.units(untouched), left_alone);
    assert_eq!((stage.count("once"), stage.count("stays"), stage.count("idle")), (2, 2, 0));

    let kept = stage.unit("kept.service").main_pid;
    stage.declares_units([("simple.service", enabled(&runs(3)))]);
    stage.applies();
    for name in running.iter().skip(1).chain(&untouched).chain(&["stays.service"]) {
        assert_eq!(stage.unit(name).active, "inactive", "{name}");
    }
    assert!(!stage.web().files().unwrap().exists("/etc/systemd/system/also.service"));
    assert_eq!(stage.unit("kept.service").main_pid, kept);

    stage.rolls_back();
    for name in ["simple.service", "ready.service", "many@main.service"] {
        assert_eq!(
            (stage.unit(name).sub, stage.property(name, "Environment")),
            ("running".into(), "V=2".into())
        );
    }
    assert_eq!(stage.unit("stays.service").sub, "exited");
    assert_eq!(stage.unit("also.service").main_pid, stage.unit("simple.service").main_pid);
    assert_eq!(stage.unit("kept.service").sub, "running");
}

#[test]
fn sockets_timers_and_paths_start_what_they_should_when_they_should() {
    let stage = Stage::set();
    let trigger =
        |text: &str, target: &str| json!({ "text": format!("{text}\n[Install]\nWantedBy={target}\n") });
    let generation = |port: u32, year: u32, go: &str, version: u32| {
        let changed = format!("Environment=V={version}");
        stage.declares_units([
            ("echo.socket", trigger(&format!("[Socket]\nListenStream={port}"), "sockets.target")),
            ("echo.service", stat(&runs(version))),
            ("fails.timer", trigger(&format!("[Timer]\nOnCalendar={year}-01-01"), "timers.target")),
            (
                "fails.service",
                stat(&logs("fails", &format!("ExecStartPost=/bin/test {version} = 2\n{changed}"))),
            ),
            ("works.timer", trigger("[Timer]\nOnCalendar=2199-01-01", "timers.target")),
            (
                "works.service",
                stat(&service(&format!("Type=oneshot\nExecStart=/usr/bin/sleep infinity\n{changed}"))),
            ),
            ("go.path", trigger(&format!("[Path]\nPathExists=/run/{go}"), "paths.target")),
            ("go.service", stat(&logs("went", &format!("ExecStartPost=/bin/rm /run/{go}\n{changed}")))),
        ]);
    };
    let connects = |port: u32| {
        let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
        stage.web().program("bash").unwrap().args(["-c", &connect]).run().unwrap().ok()
    };
    let listening = ["echo.socket", "fails.timer", "works.timer", "go.path"];
    generation(7001, 2198, "go", 1);
    stage.applies();
    assert_eq!(stage.units(listening).map(|unit| unit.active), ["active"; 4].map(String::from));
    assert_eq!(stage.unit("echo.service").active, "inactive");
    assert!(connects(7001));
    stage.waits_for("systemctl is-active echo.service");
    assert!(!stage.web().sh("systemctl start fails.service").unwrap().ok());
    stage.web().ask("systemctl start --no-block works.service; touch /run/go").unwrap();
    stage.waits_for("grep ran /run/went && ! test -e /run/go");
    stage.waits_for("test $(systemctl show --value -p MainPID works.service) != 0");
    let before = stage.units(listening);
    let works = stage.unit("works.service");
    let echo = stage.unit("echo.service").main_pid;

    // Only the services change. The units that trigger them keep waiting, and jobs that have ended are not
    // run again.
    generation(7001, 2198, "go", 2);
    stage.applies();
    assert_eq!(stage.units(listening), before);
    assert_ne!(stage.unit("echo.service").main_pid, echo);
    assert_eq!((stage.unit("fails.service").active, stage.count("fails")), ("failed".into(), 1));
    assert_eq!(stage.unit("works.service"), works);
    assert_eq!(stage.property("works.service", "Environment"), "V=2");
    stage.web().ask("systemctl start fails.service").unwrap();

    // Now the triggering units change. They are restarted, and the running service of the socket is restarted
    // with the socket.
    let echo = stage.unit("echo.service").main_pid;
    generation(7002, 2197, "gone", 2);
    stage.applies();
    assert!(connects(7002) && !connects(7001));
    let service = stage.unit("echo.service");
    assert!(service.sub == "running" && service.main_pid != echo, "{service:?}");
    assert!(stage.property("fails.timer", "NextElapseUSecRealtime").contains("2197"));
    assert_eq!(stage.count("fails"), 2);
    assert_eq!(stage.unit("works.service"), works);
    stage.web().ask("touch /run/gone").unwrap();
    stage.waits_for("test $(wc -l </run/went) = 2 && ! test -e /run/gone");

    stage.rolls_back();
    assert!(connects(7001) && !connects(7002));
    assert_eq!(stage.unit("echo.service").sub, "running");
    assert!(stage.property("fails.timer", "NextElapseUSecRealtime").contains("2198"));
    assert_eq!(stage.count("fails"), 2);

    // All units are removed. While they stop, none of them starts another unit.
    stage.declares(&json!({}));
    stage.applies();
    for name in listening.iter().chain(&["echo.service", "works.service"]) {
        assert_eq!(stage.unit(name).active, "inactive", "{name}");
    }
}

#[test]
fn units_start_after_what_they_come_after_and_stop_before_it() {
    let stage = Stage::set();
    // The app starts only after the database is ready, but neither unit requires the other. So the test
    // passes only if units start and stop in the declared order. The unit names sort in the opposite order.
    let app = |version: u32| {
        let lines = "ExecStartPre=/bin/test -e /run/ready\nExecStop=/bin/sh -c 'test -e /run/ready || echo lost >>/run/lost'";
        enabled(&format!("[Unit]\nAfter=z-db.service\n{}{lines}\n", runs(version)))
    };
    let db = |version: u32| {
        let lines = "ExecStartPre=/bin/sh -c 'sleep 0.3; touch /run/ready'\nExecStopPost=/bin/rm /run/ready";
        enabled(&format!("{}{lines}\n", runs(version)))
    };
    let both =
        |version: u32| stage.declares_units([("a-app.service", app(version)), ("z-db.service", db(version))]);
    both(1);
    stage.applies();
    both(2);
    stage.applies();
    stage.rolls_back();
    assert_eq!(stage.property("a-app.service", "Environment"), "V=1");

    // In one change, z-db.service is new and a-app.service changes.
    stage.declares_units([("a-app.service", enabled(&runs(3)))]);
    stage.applies();
    both(4);
    stage.applies();

    stage.web().ask("rm -f /run/lost").unwrap();
    stage.declares(&json!({}));
    stage.applies();
    assert_eq!((stage.count("lost"), stage.unit("a-app.service").active), (0, "inactive".into()));
}

#[test]
fn what_does_not_come_up_or_stay_up_takes_the_host_back() {
    let stage = Stage::set();
    let good = || ("good.service", enabled(&runs(1)));
    stage.declares_units([good()]);
    stage.applies();
    let pid = stage.unit("good.service").main_pid;
    let with =
        |name: &str, unit: Value| stage.declares_units([("good.service", enabled(&runs(2))), (name, unit)]);

    with("once.service", enabled(&service("Type=oneshot\nExecStart=/bin/sh -c 'echo I cannot; exit 3'")));
    stage.fails("rolled-back", "NF-406", &["once.service", "I cannot", "exit-code"]);

    with("post.service", enabled(&logs("post", "ExecStartPost=/bin/false")));
    stage.fails("rolled-back", "NF-406", &["post.service"]);

    let mut endless = enabled(&service("Type=oneshot\nExecStart=/usr/bin/sleep infinity"));
    endless["startTimeout"] = json!(1);
    with("endless.service", endless);
    let finished = stage.fails("rolled-back", "NF-406", &["in time", "endless.service", "startTimeout"]);
    assert!(finished.took < UNLIMITED, "{finished}");

    // This service reports that it is ready, and then fails.
    let liar =
        "Type=notify\nNotifyAccess=all\nExecStart=/bin/sh -c 'systemd-notify --ready; sleep 0.1; exit 1'";
    with("liar.service", enabled(&service(liar)));
    stage.fails("rolled-back", "NF-406", &["liar.service"]);

    // This service runs longer than the time for which a new service is usually observed. When it ends, it is
    // restarted at once.
    let flaps = "ExecStart=/bin/sh -c 'sleep 0.7; exit 0'\nRestart=always\nRestartSec=0";
    let mut flapping = enabled(&service(flaps));
    flapping["settle"] = json!(2);
    with("flaps.service", flapping);
    stage.fails("rolled-back", "NF-420", &["flaps.service", "restarted"]);

    // This unit fails so often that it reaches its start limit at once. The limit must not prevent the start
    // of the corrected unit.
    let storm = |program: &str| {
        let limit = "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=2\n";
        let lines = format!("ExecStart={program}\nRestart=always\nRestartSec=0");
        enabled(&format!("{limit}{}", service(&lines)))
    };
    with("storm.service", storm("/bin/false"));
    for _ in 0..2 {
        stage.fails("rolled-back", "NF-420", &["storm.service"]);
    }
    assert_ne!(stage.unit("good.service").main_pid, pid);
    assert_eq!(stage.property("good.service", "Environment"), "V=1");
    with("storm.service", storm("/usr/bin/sleep infinity"));
    stage.applies();
    assert_eq!(stage.unit("storm.service").sub, "running");
}

#[test]
fn what_comes_back_may_take_as_long_as_it_was_said_to() {
    let stage = Stage::set();
    let slow = |work: &str| {
        // The time limit of a restart includes the stop timeout, so the stop timeout is short.
        let lines =
            format!("Type=oneshot\nRemainAfterExit=yes\nTimeoutStopSec=1\nExecStart=/bin/sh -c '{work}'");
        let mut slow = enabled(&service(&lines));
        // The limit is long enough for the start that succeeds, even on a busy machine.
        slow["startTimeout"] = json!(6);
        ("slow.service", slow)
    };
    let old = || slow("while test -e /run/slow; do sleep 0.1; done");
    stage.declares_units([old()]);
    stage.applies();
    stage.web().ask("touch /run/slow").unwrap();
    let bad = enabled(&service("Type=oneshot\nExecStart=/bin/false"));
    stage.declares_units([slow("true"), ("z-bad.service", bad)]);
    let line = "nixfleet apply --yes --host web-1";
    let finished = stage.types(line);
    assert_says(&finished, 2, &["NF-412", "unit slow.service did not restart in time", "startTimeout"]);
    assert!(finished.took < UNLIMITED, "{finished}");
    stage.web().ask("rm /run/slow").unwrap();
    stage.declares_units([old()]);
    assert!(stage.types(line).ok());
    assert_eq!(stage.unit("slow.service").active, "active");
}

#[test]
fn what_failed_before_recovers_where_it_is_ours_and_what_is_masked_is_never_passed_over() {
    let stage = Stage::set();
    let web = stage.web();
    let files = web.files().unwrap();
    files.write("/etc/systemd/system/foreign.service", service("ExecStart=/bin/false")).unwrap();
    files
        .write(
            "/etc/systemd/system/named.service",
            service("ExecStart=/bin/sh -c 'test -e /etc/good && exec sleep infinity'"),
        )
        .unwrap();
    web.ask("systemctl daemon-reload; systemctl start foreign named").unwrap();
    stage.waits_for("systemctl is-failed foreign && systemctl is-failed named");
    let foreign = stage.property("foreign.service", "InvocationID");
    let drop_in = json!({ "dropIns": { "10-nice.conf": { "text": "[Service]\nNice=7\n" } } });
    let intent = |version: u32, units: Value| {
        let mut all = json!({ "app.service": enabled(&runs(version)) });
        all.as_object_mut().unwrap().extend(units.as_object().unwrap().clone());
        stage.declares(&json!({
            "systemd": { "units": all },
            "files": { "/etc/good": { "text": format!("{version}"), "restartUnits": ["named.service"] } },
        }));
    };

    intent(1, json!({}));
    stage.applies();
    assert_eq!(stage.unit("named.service").sub, "running");
    assert_eq!(stage.property("foreign.service", "InvocationID"), foreign);
    web.ask("systemctl kill -s KILL app.service named.service").unwrap();
    stage.waits_for("systemctl is-failed app && systemctl is-failed named");
    intent(2, json!({}));
    stage.applies();
    assert_eq!([stage.unit("app.service").sub, stage.unit("named.service").sub], ["running", "running"]);
    web.ask("systemctl kill -s KILL app.service").unwrap();
    stage.waits_for("systemctl is-failed app");
    let plan = stage.types("nixfleet plan --host web-1");
    assert_says(&plan, 0, &["app.service: failed", "+ start   app.service"]);
    stage.applies();
    assert_eq!(stage.unit("app.service").sub, "running");
    assert_eq!(
        (stage.unit("foreign.service").active, stage.property("foreign.service", "InvocationID")),
        ("failed".into(), foreign)
    );

    // A change of a masked unit of the distribution is refused, because drop-ins of a masked unit have no
    // effect.
    let upgrades = "unattended-upgrades.service";
    web.ask(&format!("systemctl start {upgrades} && systemctl mask {upgrades}")).unwrap();
    intent(2, json!({ upgrades: drop_in }));
    stage.fails("blocked", "NF-421", &[upgrades, "systemctl unmask"]);
    web.ask(&format!("systemctl unmask {upgrades}")).unwrap();
    // Before the change, the service has the nice value of the lab, because nothing sets another value.
    let (before, nice) = (stage.unit(upgrades), stage.property(upgrades, "Nice"));
    stage.applies();
    assert_eq!(stage.property(upgrades, "Nice"), "7");
    assert_ne!(stage.unit(upgrades).main_pid, before.main_pid);
    stage.rolls_back();
    assert_eq!(stage.property(upgrades, "Nice"), nice);
    assert_eq!(stage.unit(upgrades).sub, "running");

    // A unit of NixFleet that is masked by hand is drift like any other hand edit.
    web.ask("systemctl stop app; ln -sf /dev/null /etc/systemd/system/app.service; systemctl daemon-reload")
        .unwrap();
    let plan = stage.types("nixfleet plan --host web-1");
    assert_says(&plan, 0, &["app.service", "masked"]);
    intent(2, json!({}));
    stage.applies();
    assert_eq!(stage.unit("app.service").sub, "running");

    // A unit that does not run is not restarted, so it may be masked.
    web.ask("systemctl stop named; rm /etc/systemd/system/named.service; systemctl mask named").unwrap();
    intent(3, json!({}));
    stage.applies();
    assert_eq!(stage.unit("named.service").active, "inactive");
}

#[test]
fn reloads_slices_targets_and_mounts_disturb_no_more_than_they_must() {
    let stage = Stage::set();
    let reloads = "ExecReload=/bin/sh -c 'echo reloaded >>/run/reloads'";
    let generation = |size: u32, reload: u32, restart: u32, more: &str| {
        let part = |version: u32| {
            format!("[Unit]\nPartOf=app.target\n{}Slice=app.slice\n{reloads}\n", runs(version))
        };
        let target = format!("[Unit]\nWants=one.service {more}\n[Install]\nWantedBy=multi-user.target\n");
        let file = |text: u32, kind: &str| json!({ "text": text.to_string(), kind: ["one.service"] });
        let mount = format!(
            "[Mount]\nWhat=tmpfs\nType=tmpfs\nWhere=/srv/data\nOptions=size={size}m\n[Install]\nWantedBy=multi-user.target\n"
        );
        stage.declares(&json!({
            "systemd": { "units": {
                "app.slice": stat(&format!("[Slice]\nMemoryMax={size}00M\n")),
                "app.target": { "text": target },
                "one.service": stat(&part(1)),
                "two.service": stat(&part(1)),
                "srv-data.mount": { "text": mount },
            } },
            "files": { "/etc/reload": file(reload, "reloadUnits"),
              "/etc/restart": file(restart, "restartUnits") },
        }));
    };
    let size = || stage.web().ask("findmnt --noheadings --output OPTIONS /srv/data").unwrap();
    generation(1, 1, 1, "");
    stage.applies();
    let one = stage.unit("one.service");
    assert_eq!((one.sub.as_str(), stage.property("one.service", "Slice").as_str()), ("running", "app.slice"));
    assert!(size().contains("size=1024k"), "{}", size());
    assert_eq!(stage.unit("two.service").active, "inactive");

    generation(2, 2, 1, "two.service");
    stage.applies();
    assert_eq!(stage.unit("one.service").main_pid, one.main_pid);
    assert_eq!(stage.count("reloads"), 1);
    assert_eq!(stage.unit("two.service").sub, "running", "the target wants it since");
    assert_eq!(stage.property("app.slice", "MemoryMax"), (200 << 20).to_string());
    assert!(size().contains("size=2048k"), "{}", size());

    // A unit that needs both a restart and a reload is only restarted.
    generation(2, 3, 2, "two.service");
    stage.applies();
    assert_ne!(stage.unit("one.service").main_pid, one.main_pid);
    assert_eq!(stage.count("reloads"), 1);

    stage.rolls_back();
    stage.rolls_back();
    assert_eq!(stage.property("app.slice", "MemoryMax"), (100 << 20).to_string());
    assert!(size().contains("size=1024k"), "{}", size());
    assert_eq!(stage.unit("one.service").sub, "running");
}
