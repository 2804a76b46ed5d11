//! Tests of accounts that are no longer managed. An account that existed before is restored, and an account
//! that NixFleet created is disabled. If the run fails, the host has either all of these changes or none.

use std::os::unix::process::ExitStatusExt as _;

use serde_json::json;

use crate::accounts::user;
use crate::ledger;
use crate::room::with;
use crate::stand::{differences, with_own_mounts};

#[test]
fn whatever_fails_accounts_that_leave_have_left_or_not() {
    let test = "removed_accounts::whatever_fails_accounts_that_leave_have_left_or_not";
    with_own_mounts(test, |stand| {
        stand.install();
        stand.write(
            "/etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nada:x:1500:4:by hand:/home/ada:/bin/zsh\n",
            0o644,
        );
        stand.write("/etc/group", "root:x:0:\nadm:x:4:\nsudo:x:27:\n", 0o644);
        stand.write("/etc/shadow", "root:*:19000:0:99999:7:::\nada:$y$secret:19000:0:99999:7:::\n", 0o640);
        let ada = with(
            with(with(user("ada"), "description", "Ada"), "group", "adm"),
            "extraGroups",
            json!(["sudo"]),
        );
        let web = with(with(user("web"), "uid", 990), "extraGroups", json!(["adm"]));
        stand.apply(&stand.closure("one", &json!({ "users": [ada, web] })));
        stand.save("full");
        let before = stand.tree();
        let closure = stand.closure("nothing", &json!({}));
        let log = stand.changes(&["apply", "--closure", &closure]);
        let after = stand.tree();
        assert!(
            after["/etc/passwd"].contains("ada:x:1500:4:by hand:/home/ada:/bin/zsh"),
            "{}",
            after["/etc/passwd"]
        );
        assert!(after["/etc/group"].contains("sudo:x:27:\\n"), "{}", after["/etc/group"]);
        let mut failures = Vec::new();
        let mut ends = [0, 0];
        for kind in ["kill", "eio", "enospc"] {
            for at in 1..=log.len() {
                stand.load("full");
                let output = stand.run(&["apply", "--closure", &closure], Some((kind, at)));
                if kind == "kill" && output.status.signal() != Some(9) {
                    failures.push(format!("{kind} at {at}: it lives {output:?}"));
                }
                stand.run(&["rollback", "--to", "99"], None);
                let [old, new] = [&before, &after].map(|tree| settled(&differences(&stand.tree(), tree)));
                match (old.is_empty(), new.is_empty()) {
                    (true, _) => ends[0] += 1,
                    (_, true) => ends[1] += 1,
                    _ => failures.push(format!("{kind} at {at}: neither old {old:?} nor new {new:?}")),
                }
            }
        }
        let [old, new] = ends;
        let tried = format!(
            "{} points to kill the process at, or to refuse a change at, while one account gets back what it was and \
             another is disabled: {old} ended old, {new} new",
            old + new
        );
        ledger::record("All or nothing", test, &tried, &failures);
    });
}

/// Leaves out the differences of account files that were only rewritten with the same content.
fn settled(differences: &[String]) -> Vec<String> {
    let same = |difference: &&String| {
        let Some((path, sides)) = difference.split_once(": ") else { return false };
        let Some((left, right)) = sides.split_once(" ≠ ") else { return false };
        let content = |side: &str| side.replace(" old ", " new ");
        ["/etc/passwd", "/etc/group", "/etc/shadow"].contains(&path) && content(left) == content(right)
    };
    differences.iter().filter(|difference| !same(difference)).cloned().collect()
}
