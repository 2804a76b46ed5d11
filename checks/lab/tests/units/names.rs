//! Tests of names that refer to units with other names: aliases, template instances and name prefixes.

use serde_json::{Value, json};

use crate::stage::assert_says;
use crate::stage::role::{Stage, enabled, runs, stat};

fn installed(version: u32, install: &str) -> Value {
    json!({ "text": format!("{}\n[Install]\nWantedBy=multi-user.target\n{install}\n", runs(version)) })
}

#[test]
fn aliases_instances_and_families_are_taken_for_the_units_they_are() {
    let stage = Stage::set();
    let pid = |unit: &str| stage.unit(unit).main_pid;
    let nick = |text: &str, version: u32| {
        stage.declares(&json!({
            "systemd": { "units": { "real.service": installed(version, "Alias=nick.service") } },
            "files": { "/etc/nick.conf": { "text": text, "restartUnits": ["nick.service"] } },
        }));
    };
    nick("1", 1);
    stage.applies();
    let first = pid("real.service");
    nick("2", 1);
    stage.applies();
    assert_ne!(pid("real.service"), first, "its file names it by its alias");
    stage.declares(&json!({}));
    stage.applies();
    assert_eq!(stage.unit("real.service").active, "inactive");
    stage.rolls_back();
    assert_eq!(stage.unit("nick.service").sub, "running");

    // Enabling a template enables one instance of it.
    let jobs = |version: u32, install: &str| {
        let target = "[Unit]\nWants=job@one.service\n[Install]\nWantedBy=multi-user.target\n";
        let template = if install.is_empty() { stat(&runs(version)) } else { installed(version, install) };
        stage.declares_units([("job@.service", template), ("jobs.target", json!({ "text": target }))]);
    };
    let active = |instance: &str| stage.unit(&format!("job@{instance}.service")).active;
    jobs(1, "DefaultInstance=main");
    stage.applies();
    let files = stage.web().files().unwrap();
    files.write("/etc/systemd/system/job@own.service", runs(7)).unwrap();
    stage.web().ask("systemctl daemon-reload; systemctl start job@hand job@own").unwrap();
    let own = pid("job@own.service");
    jobs(1, "DefaultInstance=other");
    stage.applies();
    assert_eq!(["main", "other", "one", "hand"].map(active), ["inactive", "active", "active", "active"]);
    jobs(2, "");
    stage.applies();
    assert_eq!(["main", "other", "one", "hand"].map(active), ["inactive", "inactive", "active", "active"]);
    assert_eq!(stage.property("job@hand.service", "Environment"), "V=2");
    assert_eq!(pid("job@own.service"), own, "it has a file of its own");
    stage.declares(&json!({}));
    stage.applies();
    assert_eq!(["one", "hand", "own"].map(active), ["inactive", "inactive", "active"]);

    // A change of drop-ins for the name prefix `web-` restarts only the units that read these drop-ins.
    let units = [("web-a", 1), ("web-b", 1), ("web-c@x", 1)];
    for (name, version) in units {
        files.write(&format!("/run/systemd/system/{name}.service"), runs(version)).unwrap();
    }
    stage.web().ask("mkdir -p /etc/systemd/system/web-b.service.d").unwrap();
    files.write("/etc/systemd/system/web-b.service.d/a.conf", "[Service]\nNice=1\n").unwrap();
    stage.web().ask("systemctl daemon-reload; systemctl start web-a web-b web-c@x").unwrap();
    let family = |nice: u32| {
        let text = format!("[Service]\nNice={nice}\n");
        stage.declares_units([
            ("web-.service", json!({ "dropIns": { "a.conf": { "text": text } } })),
            ("calm.service", enabled(&runs(1))),
        ]);
    };
    family(3);
    stage.applies();
    let other = ["web-b.service", "web-c@x.service", "calm.service"].map(pid);
    let first = pid("web-a.service");
    assert_eq!(stage.web().ask(&format!("ps -o ni= -p {first}")).unwrap().trim(), "3");
    family(4);
    assert_says(&stage.types("nixfleet plan --host web-1"), 0, &["web-a.service"]);
    stage.applies();
    assert_ne!(pid("web-a.service"), first);
    assert_eq!(["web-b.service", "web-c@x.service", "calm.service"].map(pid), other);
    stage.rolls_back();
    let now = pid("web-a.service");
    assert_eq!(stage.web().ask(&format!("ps -o ni= -p {now}")).unwrap().trim(), "3");
}
