//! Tests of what an update installs, and of the reboot after it.

use std::time::Duration;

use nixfleet_lab::command::wait_until;
use serde_json::{Value, json};

use super::{Stage, held, pairs, publish, third, versions, why};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_security_update_leaves_others_alone_and_installs_what_was_downloaded() {
    let stage = Stage::set("web-1");
    let host = stage.host();
    let installed = || host.ask("dpkg-query --show").unwrap();
    let before = installed();

    // Each update that stays out has its reason, and the plan changes no package.
    let full = stage.plans("full");
    assert_eq!(
        versions(&full),
        pairs([("extra", "1.2"), ("osapp", "2.0"), ("osdep", "1.0"), ("oslib", "1.1")])
    );
    let removes = json!({ "reason": "wouldRemove", "packages": ["victim"] });
    let mut reasons = json!({
        "clash": removes, "held-one": why("heldByPolicy"), "marked": why("heldOnHost"),
    });
    assert_eq!(held(&full), reasons);
    let plan = stage.plans("security");
    assert_eq!(versions(&plan), pairs([("extra", "1.1"), ("osdep", "1.0"), ("oslib", "1.1")]));
    (reasons["clash"], reasons["osapp"]) = (why("notSecurity"), why("notSecurity"));
    assert_eq!(held(&plan), reasons);
    assert_eq!(plan["host"], "web-1");
    assert_eq!(installed(), before);
    let pending = stage.status()["pending"].clone();
    assert_eq!((&pending["security"], &pending["all"], &pending["held"]), (&json!(2), &json!(3), &json!(3)));

    // The archive moves on between the download and the update, and the host has seen it.
    let fingerprint = stage.downloads(&plan);
    publish(&stage.0, &third());
    host.ask("apt-get -qq update && apt-get clean").unwrap();
    let report = stage.updates(&fingerprint, "ok");
    assert_eq!(report["apt"]["changed"].as_array().unwrap().len(), 3, "{report:#}");
    for (package, version) in [("extra", "1.1"), ("oslib", "1.1"), ("osdep", "1.0"), ("osapp", "1.0")] {
        assert_eq!(stage.version(package), version, "{package}");
    }
    assert_eq!(host.ask("apt-mark showauto extra oslib osdep").unwrap(), "extra\nosdep");
    assert_eq!(host.ask("apt-mark showhold").unwrap(), "held-one\nmarked");
    assert!(!host.files().unwrap().exists("/var/lib/nixfleet/packages.json") || !owns(&stage, "osdep"));

    // The same update again is refused, and another one is unknown.
    let again = stage.updates(&fingerprint, "blocked");
    assert_eq!(again["problem"]["code"], "NF-403", "{again:#}");
    let unknown = stage.updates("0123", "blocked");
    assert!(unknown["problem"]["help"].as_str().unwrap().contains("nixfleet os-update"), "{unknown:#}");

    // The package has asked for a reboot, and only a reboot ends the reason.
    let status = stage.status();
    assert_eq!(status["reboot"], json!([{ "reason": "askedByPackages", "packages": ["oslib"] }]));
    assert_eq!(
        (&status["lastUpdate"]["scope"], &status["lastUpdate"]["outcome"]),
        (&json!("security"), &json!("ok"))
    );
    let boot = status["bootId"].as_str().unwrap().to_owned();
    let refused = stage.runs("reboot --expect-boot 0123");
    assert_eq!(refused["problem"]["code"], "NF-403", "{refused:#}");
    assert_eq!(host.boot_id().unwrap(), boot);
    let answer = stage.runs(&format!("reboot --expect-boot {boot}"));
    assert_eq!(answer["bootId"], json!(boot), "{answer:#}");
    let has_rebooted = || Ok(host.boot_id().is_ok_and(|now| now != boot));
    wait_until("the host has rebooted", LIMIT, has_rebooted).unwrap();
    host.wait_until_up(LIMIT).unwrap();
    let status = stage.status();
    assert_ne!(status["bootId"], json!(boot));
    assert_eq!(status["reboot"], Value::Null);
}

fn owns(stage: &Stage, package: &str) -> bool {
    stage.host().ask("cat /var/lib/nixfleet/packages.json").unwrap().contains(package)
}
