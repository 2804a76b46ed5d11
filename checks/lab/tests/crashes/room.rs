//! Tests of a real host on which a file cannot be written, because a filesystem is full or read-only.

use std::env;

use nixfleet_lab::command::Finished;
use nixfleet_lab::lab::{Lab, Plan};
use serde_json::Value;

use super::field::{End, Field, prepared, role};
use super::{ALL_OR_NOTHING, SOAK, record, report};

/// The numbers of free 4 KiB pages in NixFleet's state directory. There is one trial for each number.
const FREE: [u32; 4] = [0, 4, 8, 128];
/// The further numbers that are tried if [`SOAK`] is set.
const MORE: [u32; 6] = [1, 2, 5, 6, 12, 24];
/// A script that replaces NixFleet's state directory with a small filesystem that has the same content. The
/// script fills that filesystem until only `$1` pages are free.
const SMALL_HOME: &str = r#"
  home=/var/lib/nixfleet
  cp --archive --no-target-directory "$home" /var/tmp/home
  mount -t tmpfs -o size=4M,mode=0700 tmpfs "$home"
  cp --archive --no-target-directory /var/tmp/home "$home"
  rm --recursive /var/tmp/home
  head -c 8M /dev/zero > "$home/filler.bin" 2>/dev/null || true
  size=$(stat -c %s "$home/filler.bin")
  truncate -s $((size - $1 * 4096)) "$home/filler.bin"
"#;

fn apply(field: &Field<'_>) -> (Finished, Value) {
    let applied = field.activator().args(["apply", "--closure", &field.closure, "--json"]).run().unwrap();
    let report = serde_json::from_str(&applied.stdout).unwrap_or_default();
    (applied, report)
}

#[test]
fn what_cannot_be_written_is_refused_before_anything_is_touched() {
    let lab = prepared();
    let mut field = Field::of(&lab);
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

#[test]
fn a_full_filesystem_ends_old_or_new() {
    let lab = Lab::boot(&Plan::of_test().only("web-1")).unwrap();
    // NixFleet can remove a directory only if its state directory is on the same filesystem. Here it is on
    // another filesystem, so the role must not remove a directory.
    let (taken, new) = ("nixfleet.absent.\"/etc/unwanted\".recursive = true;", role("new"));
    assert!(new.contains(taken), "{new}");
    let roles = [role("old"), new.replace(taken, "")];
    let mut field = Field::prepare(&lab, &["web-1"], [&roles[0], &roles[1]]).remove(0);
    let mut failures = Vec::new();
    let mut ends = Vec::new();
    let more: &[u32] = if env::var_os(SOAK).is_some() { &MORE } else { &[] };
    for &free in more.iter().chain(&FREE) {
        let small = field.guest.program("sh").unwrap().args(["-ec", SMALL_HOME, "sh", &free.to_string()]);
        small.run().unwrap().success().unwrap();
        let (applied, report) = apply(&field);
        let promised = match report["outcome"].as_str() {
            Some("ok") => Some(End::New),
            Some("blocked" | "rolled-back") => Some(End::Old),
            _ => None,
        };
        field.guest.ask("rm /var/lib/nixfleet/filler.bin").unwrap();
        let end = field.judge().map(|(end, _)| end);
        if promised.is_none() || end.as_ref().ok() != promised.as_ref() {
            failures.push(format!("{free} free pages: {end:#?}\n{applied}"));
        }
        ends.extend(end);
        field.guest.ask("umount /var/lib/nixfleet").unwrap();
        field.set_back();
    }
    assert!(ends.contains(&End::Old) && ends.last() == Some(&End::New), "{ends:?} {failures:#?}");
    let tried = format!(
        "{} amounts of free room, from none to enough, on a real full filesystem",
        FREE.len() + more.len()
    );
    report("room::a_full_filesystem_ends_old_or_new", &tried, &failures);
}
