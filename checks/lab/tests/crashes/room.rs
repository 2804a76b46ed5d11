//! A real host on which something cannot be written.

use nixfleet_lab::command::Finished;
use nixfleet_lab::lab::{Lab, Plan};
use serde_json::Value;

use crate::field::{Field, role};
use crate::{ALL_OR_NOTHING, record};

fn apply(field: &Field<'_>) -> (Finished, Value) {
    let applied = field.activator().args(["apply", "--closure", &field.closure, "--json"]).run().unwrap();
    let report = serde_json::from_str(&applied.stdout).unwrap_or_default();
    (applied, report)
}

fn field(lab: &Lab) -> Field<'_> {
    Field::prepare(lab, &["web-1"], [&role("old"), &role("new")]).remove(0)
}

#[test]
fn what_cannot_be_written_is_refused_before_anything_is_touched() {
    let lab = Lab::boot(&Plan::of_test().only("web-1")).unwrap();
    let mut field = field(&lab);
    let mut failures = Vec::new();
    let places = ["/etc", "/srv", "/var/lib/nixfleet", "/nix/var/nix/profiles", "/nix/var/nix/gcroots"];
    for place in places {
        field
            .guest
            .ask(&format!("mount --bind {place} {place} && mount -o remount,bind,ro {place}"))
            .unwrap();
        let (applied, report) = apply(&field);
        let now = field.survey();
        field.guest.ask(&format!("umount {place}")).unwrap();
        let different = now.differences(&field.old);
        if report["outcome"] != "blocked" || !different.is_empty() || now.runs != field.old.runs {
            failures.push(format!("{place} read-only: {different:#?}\n{applied}"));
        }
        field.set_back();
    }
    let (applied, _) = apply(&field);
    assert!(applied.ok() && field.survey().differences(&field.new).is_empty(), "{applied}");
    let tried = format!("{} places of a real host, read-only one by one", places.len());
    record(
        ALL_OR_NOTHING,
        "room::what_cannot_be_written_is_refused_before_anything_is_touched",
        &tried,
        &failures,
    );
}
