//! Tests that a plan reports what systemd will require or refuse, and settings that have no effect.

use serde_json::{Value, json};

use crate::stage::assert_says;
use crate::stage::role::{Stage, enabled, logs, runs, service, stat};

const PLAN: &str = "nixfleet plan --host web-1";
const APPLY: &str = "nixfleet apply --yes --host web-1";

fn socket(port: u32) -> Value {
    json!({ "text": format!("[Socket]\nListenStream={port}\n[Install]\nWantedBy=sockets.target\n") })
}

fn with(setting: &str, version: u32) -> Value {
    enabled(&format!("[Unit]\n{setting}\n{}", runs(version)))
}

#[test]
fn a_user_that_nobody_has_is_told() {
    let stage = Stage::set();
    stage.declares_units([("lost.service", stat("[Service]\nUser=gone\nExecStart=/usr/bin/true\n"))]);
    assert_says(
        &stage.types(PLAN),
        0,
        &["lost.service: User=gone: no such account is on the host or declared"],
    );
}

/// The units that are restarted when `/etc/wbe` changes. There is no `wbe.service`.
const RESTARTED: [&str; 3] = ["wbe.service", "once.service", "typo.service"];

#[test]
fn what_systemd_asks_for_or_refuses_is_in_the_plan() {
    let stage = Stage::set();
    let files = stage.web().files().unwrap();
    let auditd = format!("[Unit]\nRefuseManualStop=yes\n{}[Install]\nWantedBy=multi-user.target\n", runs(1));
    files.write("/usr/lib/systemd/system/auditd.service", auditd).unwrap();
    stage.web().ask("systemctl daemon-reload; systemctl start auditd").unwrap();
    stage.declares_units([
        ("gw.service", enabled(&runs(1))),
        ("by-hand.service", stat(&runs(1))),
        ("stays.service", with("RefuseManualStop=yes", 1)),
        ("later.service", with("RefuseManualStart=yes", 1)),
    ]);
    let plan = stage.types(PLAN);
    assert_says(&plan, 0, &["later.service", "RefuseManualStart="]);
    stage.applies();
    stage.web().ask("systemctl start by-hand").unwrap();
    assert_eq!(stage.unit("later.service").active, "inactive");
    let refusing = ["stays.service", "auditd.service"];
    let before = stage.units(refusing);
    let pid = stage.unit("gw.service").main_pid;

    // Two running services each get a socket. Two other units change, although they refuse to be restarted.
    let drop_in = json!({ "dropIns": { "a.conf": { "text": "[Service]\nNice=7\n" } } });
    stage.declares_units([
        ("gw.service", enabled(&runs(1))),
        ("gw.socket", socket(7001)),
        ("by-hand.service", stat(&runs(1))),
        ("by-hand.socket", socket(7002)),
        ("stays.service", with("RefuseManualStop=yes", 2)),
        ("auditd.service", drop_in),
    ]);
    let down = |name: &str| format!("{name}.socket starts, which it only does while {name}.service is down");
    let plan = stage.types(PLAN);
    let reboot = "the change is in force after a reboot";
    assert_says(
        &plan,
        0,
        &[&down("gw"), &down("by-hand"), "stays.service: not restarted", "auditd.service", reboot],
    );
    stage.applies();
    for name in ["gw.service", "gw.socket", "by-hand.service", "by-hand.socket"] {
        assert_eq!(stage.unit(name).active, "active", "{name}");
    }
    assert_ne!(stage.unit("gw.service").main_pid, pid);
    assert_eq!(stage.units(refusing), before);
    assert_eq!(stage.property("stays.service", "Environment"), "V=2");
    stage.rolls_back();
    assert_eq!([stage.unit("gw.service").active, stage.unit("gw.socket").active], ["active", "inactive"]);

    // This change fails in the middle. Services that ran without a socket run without a socket again.
    let bad = enabled(&service("Type=oneshot\nExecStart=/bin/false"));
    stage.declares_units([
        ("gw.service", enabled(&runs(1))),
        ("gw.socket", socket(7001)),
        ("by-hand.service", stat(&runs(1))),
        ("stays.service", with("RefuseManualStop=no", 2)),
        ("z-bad.service", bad),
    ]);
    stage.fails("rolled-back", "NF-406", &["z-bad.service"]);
    assert_eq!(stage.unit("stays.service").active, "active");

    // The files of a unit that refuses to stop are removed. The unit keeps running, and later changes are
    // still possible.
    stage.declares(&json!({}));
    assert_says(&stage.types(PLAN), 0, &["stays.service: it runs on until the host reboots"]);
    stage.applies();
    assert_eq!([stage.unit("stays.service").active, stage.unit("gw.service").active], ["active", "inactive"]);
    assert!(!files.exists("/etc/systemd/system/stays.service"));

    // If a change needs the reload of a unit that cannot be reloaded, it is refused before it begins.
    let conf = |text: &str| {
        stage.declares(&json!({
            "systemd": { "units": { "gw.service": enabled(&runs(1)) } },
            "files": { "/etc/gw": { "text": text, "reloadUnits": ["gw.service"] } },
        }));
    };
    conf("1");
    stage.applies();
    conf("2");
    stage.fails("blocked", "NF-406", &["gw.service", "cannot be reloaded"]);

    // Some settings of these units and files have no effect, and the plan says so.
    let wanted =
        |text: &str, target: &str| json!({ "text": format!("{text}\n[Install]\nWantedBy={target}\n") });
    stage.declares(&json!({
        "systemd": { "units": {
            "typo.service": wanted(&runs(1), "multiuser.target"),
            "typo.timer": wanted("[Timer]\nOnCalendar=2199-01-01", "timer.target"),
            "good.service": wanted(&runs(1), "own.target"),
            "own.target": { "text": "[Unit]\nDescription=own\n" },
            "graphic.service": wanted(&runs(1), "graphical.target"),
            "once.service": stat(&logs("once", "")),
            "sshh.service": { "dropIns": { "a.conf": { "text": "[Service]\nNice=7\n" } } },
        } },
        "files": { "/etc/wbe": { "text": "1", "restartUnits": RESTARTED } },
    }));
    let plan = stage.types(PLAN);
    let told = [
        "multiuser.target",
        "timer.target",
        "wbe.service",
        "once.service",
        "has not run yet",
        "sshh.service",
    ];
    assert_says(&plan, 0, &told);
    for fine in ["own.target, which", "graphical.target, which"] {
        assert!(!plan.stdout.contains(fine), "{plan}");
    }
    assert_eq!(stage.types(APPLY).code, 0);
    assert_eq!(stage.count("once"), 0);
    assert_says(&stage.types(PLAN), 0, &["multiuser.target", "sshh.service"]);
}
