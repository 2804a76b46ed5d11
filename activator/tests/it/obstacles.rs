//! Tests of paths that cannot be changed. The plan reports them, and if the obstacle appears only after the
//! plan, nothing is changed.

use std::process::Command;

use serde_json::{Value, json};

use crate::ledger;
use crate::room::{directory, file, with};
use crate::stand::{Stand, differences, with_own_mounts};

/// A script that creates an obstacle, a script that removes it, the path, and a command that the help text
/// must contain.
type Obstacle = (&'static str, &'static str, &'static str, &'static str);

const FROZEN: &str = "chattr -i";
const MOUNTED: &str = "findmnt";

const OBSTACLES: [Obstacle; 8] = [
    ("chattr +i $R/etc/a", "chattr -i $R/etc/a", "/etc/a", FROZEN),
    ("chattr +a $R/etc/a", "chattr -a $R/etc/a", "/etc/a", FROZEN),
    // The second closure removes /etc/b.
    ("chattr +i $R/etc/b", "chattr -i $R/etc/b", "/etc/b", FROZEN),
    // The second closure changes the mode of /etc/c.
    ("chattr +i $R/etc/c", "chattr -i $R/etc/c", "/etc/c", FROZEN),
    ("chattr +i $R/opt/e", "chattr -i $R/opt/e", "/opt/e", FROZEN),
    // The second closure creates a file in /opt/d.
    ("chattr +i $R/opt/d", "chattr -i $R/opt/d", "/opt/d", FROZEN),
    ("mount --bind $R/etc/c $R/etc/a", "umount $R/etc/a", "/etc/a", MOUNTED),
    ("mount --bind $R/etc/c $R/etc/b", "umount $R/etc/b", "/etc/b", MOUNTED),
];

fn sh(stand: &Stand, script: &str) {
    let status = Command::new("sh").args(["-ec", script]).env("R", stand.root()).status().unwrap();
    assert!(status.success(), "{script}");
}

fn first() -> Value {
    json!({
        "directories": [directory("/opt/d", "0755"), directory("/opt/e", "0700")],
        "files": [file("/etc/a", Some("one")), file("/etc/b", Some("goes")), file("/etc/c", Some("same"))],
    })
}

fn second(validate: &Value) -> Value {
    json!({
        "directories": [directory("/opt/d", "0755"), directory("/opt/e", "0711")],
        "files": [
            with(file("/etc/a", Some("two")), "validate", validate.clone()),
            with(file("/etc/c", Some("same")), "mode", "0600"),
            file("/opt/d/f", Some("new")),
        ],
    })
}

/// Returns the first problem of a plan, or the problem of an apply.
fn problem(stand: &Stand, arguments: &[&str]) -> Value {
    let document: Value = serde_json::from_slice(&stand.run(arguments, None).stdout).unwrap();
    document.get("problem").unwrap_or(&document["problems"][0]).clone()
}

#[test]
fn what_cannot_be_changed_is_said_and_nothing_else_changes() {
    let test = "obstacles::what_cannot_be_changed_is_said_and_nothing_else_changes";
    with_own_mounts(test, |stand| {
        stand.install();
        let one = stand.closure("one", &first());
        let two = stand.closure("two", &second(&Value::Null));
        stand.apply(&one);
        stand.save("saved");
        let mut failures = Vec::new();
        for (index, (put, take, place, help)) in OBSTACLES.into_iter().enumerate() {
            stand.load("saved");
            let before = stand.tree();
            sh(stand, put);
            for arguments in [["plan", "--target", &two], ["apply", "--closure", &two]] {
                let problem = problem(stand, &arguments);
                let helps = problem["help"].as_str().is_some_and(|text| text.contains(help));
                if problem["code"] != "NF-405" || problem["where"] != place || !helps {
                    failures.push(format!("{put}: {problem}"));
                }
            }
            sh(stand, take);
            let different = differences(&stand.tree(), &before);

            // Create the obstacle after the plan. The validation command runs just before the swap.
            let script = format!("R={}; {put}; test -e %s", stand.root().display());
            let late = stand.closure(&format!("late-{index}"), &second(&json!(["sh", "-ec", script])));
            let problem = problem(stand, &["apply", "--closure", &late]);
            sh(stand, take);
            let late_different = differences(&stand.tree(), &before);
            if problem["code"] != "NF-405" || !different.is_empty() || !late_different.is_empty() {
                failures.push(format!("{put}: {different:?}, late: {problem} {late_different:?}"));
            }
            stand.apply(&two);
        }
        let tried = format!("{} obstacles, each before the plan and after it", OBSTACLES.len());
        ledger::record("What cannot be changed is said, and nothing else changes", test, &tried, &failures);
    });
}
