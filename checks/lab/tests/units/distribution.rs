//! Tests of units of the distribution whose state is declared.

use serde_json::json;

use crate::stage::role::Stage;
use crate::stage::{outcomes, outcomes_of};

const UNIT: &str = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n";

/// Makes two units and a template of the distribution. `app` and the instances of the template are neither
/// enabled nor running; `other` is both.
fn with_units() -> Stage {
    let stage = Stage::set();
    for unit in ["app", "other", "tunnel@"] {
        let path = format!("/usr/lib/systemd/system/{unit}.service");
        stage.web().files().unwrap().write(&path, UNIT).unwrap();
    }
    stage.web().ask("systemctl daemon-reload && systemctl enable --quiet --now other.service").unwrap();
    stage
}

/// Returns whether each unit is enabled and whether it runs. The last is an instance of the template.
fn states(stage: &Stage) -> [String; 3] {
    ["app", "other", "tunnel@a"].map(|unit| {
        let ask = |verb: &str| stage.web().sh(&format!("systemctl {verb} {unit}.service")).unwrap().stdout;
        format!("{} {}", ask("is-enabled").trim(), ask("is-active").trim())
    })
}

#[test]
fn units_of_the_distribution_are_as_declared_until_the_declaration_ends() {
    let stage = with_units();
    let before = ["disabled inactive", "enabled active", "disabled inactive"];
    assert_eq!(states(&stage), before);

    stage.declares_units([
        ("app.service", json!({ "enabled": true, "running": true })),
        ("other.service", json!({ "masked": true })),
        ("tunnel@a.service", json!({ "enabled": true, "running": true })),
    ]);
    stage.applies();
    let declared = ["enabled active", "masked inactive", "enabled active"];
    assert_eq!(states(&stage), declared);
    let others = "systemctl list-units --all --plain --no-legend 'tunnel@*' | cut -d ' ' -f 1";
    assert_eq!(stage.web().ask(others).unwrap(), "tunnel@a.service");

    stage.web().ask("systemctl disable --quiet --now app.service tunnel@a.service").unwrap();
    let status = stage.types("nixfleet status --host web-1");
    assert!(status.stdout.contains("app.service: not running"), "{status}");
    assert!(status.stdout.contains("multi-user.target.wants/app.service: missing"), "{status}");
    assert!(status.stdout.contains("tunnel@a.service: not running"), "{status}");
    stage.applies();
    assert_eq!(states(&stage), declared);

    stage.declares(&json!({}));
    stage.applies();
    assert_eq!(states(&stage), before);
}

#[test]
fn a_change_that_fails_gives_units_of_the_distribution_back_their_state() {
    let stage = with_units();
    stage.declares_units([
        ("app.service", json!({ "enabled": true, "running": true })),
        ("other.service", json!({ "enabled": false, "masked": true })),
        ("tunnel@a.service", json!({ "enabled": true, "running": true })),
        (
            "fails.service",
            json!({ "sections": {
                "Unit": { "After": "app.service" },
                "Service": { "Type": "oneshot", "ExecStart": "/bin/false" },
                "Install": { "WantedBy": "multi-user.target" },
            } }),
        ),
    ]);
    let (finished, document) = stage.types_for_json("nixfleet apply --yes --json --host web-1");
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "rolled-back")]), "{finished}");
    assert!(document.to_string().contains("fails.service"), "{finished}");
    assert_eq!(states(&stage), ["disabled inactive", "enabled active", "disabled inactive"]);

    stage.declares_units([("gone.service", json!({ "enabled": true, "running": true }))]);
    stage.fails("blocked", "NF-406", &["gone.service does not exist"]);
}
