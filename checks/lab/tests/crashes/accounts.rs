//! A real host whose accounts cannot be written.

use nixfleet_lab::lab::{Lab, Plan};

use crate::field::{End, Field, role};
use crate::{ALL_OR_NOTHING, record};

/// The tools for accounts, and all that comes before them.
#[test]
fn accounts_are_put_right_whatever_fails() {
    let lab = Lab::boot(&Plan::of_test().only("web-1")).unwrap();
    let mut field = Field::prepare(&lab, &["web-1"], [&role("old"), &role("new")]).remove(0);
    let log = field.changes();
    let last = log.iter().rposition(|line| line.contains("Run\tuseradd")).unwrap() + 4;
    let mut failures = Vec::new();
    let mut tried = 0;
    for kind in ["eio", "full"] {
        for at in 1..=last {
            tried += 1;
            let failed = field.fails(&format!("{kind} {at}"));
            let said = field.guest.sh("tail -n1 \"$(ls -t /run/nixfleet/*.jsonl | head -n1)\"").unwrap();
            let at_once = field.judge().map(|(end, _)| end);
            let next = field.activator().args(["rollback", "--to", "99", "--json"]).run().unwrap();
            let end = field.judge().map(|(end, _)| end);
            // Some questions may go without an answer.
            let promised = if said.stdout.contains(r#""outcome":"ok""#) { End::New } else { End::Old };
            let right = end == Ok(promised) && next.stdout.contains("NF-409");
            // Where no tool can be run any more the host can only be put right later.
            if !right || (kind == "eio" && at_once != Ok(promised)) {
                failures
                    .push(format!("{kind} at {at}: at once {at_once:#?}, then {end:#?}\n{failed}\n{next}"));
            }
            field.set_back();
        }
    }
    let tried = format!(
        "{tried} points around the tools for accounts: one change refused with EIO, or no room from there on"
    );
    record(ALL_OR_NOTHING, "accounts::accounts_are_put_right_whatever_fails", &tried, &failures);
}
