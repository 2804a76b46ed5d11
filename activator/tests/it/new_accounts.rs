//! Tests of accounts that are created in the same change as their files. Only after all checks that may
//! reject the change, the accounts are created and get their files.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::accounts::user;
use crate::ledger;
use crate::room::{Room, directory, file, with};
use crate::stand::{Stand, differences, with_own_mounts};

const SECRET: &str = "only for web\n";
const ACCOUNT_FILES: [&str; 3] = ["/etc/passwd", "/etc/group", "/etc/shadow"];

fn of_web(value: Value) -> Value {
    with(with(value, "owner", "web"), "group", "web")
}

/// Returns intent lists with a user, a group, a directory and files, some of them on another filesystem.
fn web(validate: &Value) -> Value {
    let secret = with(of_web(file("/etc/secret", Some(SECRET))), "mode", "0400");
    json!({
        "groups": [{ "name": "web", "gid": 991 }],
        "users": [
            with(with(with(user("web"), "uid", 990), "createHome", true), "extraGroups", json!(["adm"])),
        ],
        "directories": [of_web(directory("/srv/web", "2750"))],
        "files": [
            with(secret, "validate", validate.clone()),
            with(of_web(file("/srv/tool", Some("#!/bin/sh\n"))), "mode", "6755"),
            with(with(file("/etc/shared", Some("ours\n")), "group", "web"), "onConflict", "backup"),
            with(with(file("/etc/number", Some("by number\n")), "owner", "990"), "mode", "0640"),
            file("/etc/plain", Some("plain\n")),
        ],
    })
}

#[test]
fn a_refusal_leaves_no_account_behind() {
    let room = Room::new();
    let before = room.tree("/");
    let refused = room.closure("refused", &web(&json!(["sh", "-c", "echo no >&2; false", "%s"])));
    let report = room.applied(&refused, "blocked");
    assert_eq!(
        (&report["problem"]["code"], &report["problem"]["why"]),
        (&json!("NF-408"), &json!("no\nnothing was changed"))
    );
    let kept = room.tree("/").replace("/var/lib/nixfleet 40700\n", "");
    assert_eq!(kept, before);
    assert!(!room.path("/var/lib/nixfleet/journal.json").exists());
    assert!(!room.path("/var/lib/nixfleet/state.json").exists());
}

#[test]
fn what_is_staged_for_a_newcomer_is_for_root_alone_until_it_is_there() {
    let room = Room::new();
    let seen = room.path("/seen");
    // List the owner and mode of each slot (a staged file) while the content is validated.
    let slots = format!("find {} -name tool -o -path '*/tx/*' -type f", room.path("/").display());
    let look = format!("{slots} | xargs stat -c '%u %a' | sort >{}; test -s %s", seen.display());
    let closure = room.closure("1", &web(&json!(["sh", "-ec", look])));
    room.applied(&closure, "ok");
    // A staged file with a numeric owner has this owner immediately. If the owner or group does not exist
    // yet, the staged file has at most the permission bits of the owner, and no set-id bit.
    let superuser = fs::metadata(room.path("/etc")).unwrap().uid();
    let of_root = |mode: &str| format!("{superuser} {mode}");
    let expected = [of_root("400"), of_root("600"), of_root("644"), of_root("700"), "990 640".to_owned()];
    let seen = fs::read_to_string(seen).unwrap();
    let mut seen: Vec<&str> = seen.lines().collect();
    seen.sort_unstable();
    assert_eq!(seen, expected);
    let access = |path: &str| {
        let found = fs::metadata(room.path(path)).unwrap();
        (found.uid(), found.gid(), found.permissions().mode() & 0o7777)
    };
    assert_eq!(access("/etc/secret"), (990, 991, 0o400));
    assert_eq!(access("/srv/web"), (990, 991, 0o2750));
    assert_eq!(access("/srv/tool"), (990, 991, 0o6755));
    assert_eq!(access("/etc/shared"), (superuser, 991, 0o644));
    assert_eq!(room.plan(&closure)["steps"], json!([]));
}

#[test]
fn what_is_not_what_was_staged_is_handed_to_nobody() {
    // During the validation, the owner of the directory of a slot (a staged file) could change the slot in
    // these ways.
    for meddle in ["rm $1; echo evil >$1", "chown 1 $1", "rm $1; ln -s /etc/passwd $1", "rm $1; mkdir $1"] {
        let room = Room::new();
        let meddled = room.closure("1", &web(&json!(["sh", "-ec", meddle, "sh", "%s"])));
        let report = room.applied(&meddled, "rolled-back");
        assert_eq!(report["problem"]["code"], "NF-405", "{meddle}: {report:#}");
        assert!(!room.path("/etc/secret").exists() && !room.path("/srv").exists(), "{meddle}");
        assert!(!room.read("/etc/passwd").contains("web:/bin/sh"), "{meddle}: the account is shut");
        room.applied(&room.closure("2", &web(&Value::Null)), "ok");
        assert_eq!(room.read("/etc/secret"), SECRET);
    }
}

#[test]
fn an_account_that_somebody_else_makes_meanwhile_stays_theirs() {
    for (file, line) in [("passwd", "web:x:4711:4711::/home/web:/bin/sh"), ("group", "web:x:4711:")] {
        let room = Room::new();
        let by_hand = format!("echo {line} >>{}; test -s %s", room.path("/etc").join(file).display());
        let closure = room.closure("1", &web(&json!(["sh", "-ec", by_hand])));
        let report = room.applied(&closure, "blocked");
        assert_eq!(report["problem"]["code"], "NF-403", "{report:#}");
        assert!(room.read(&format!("/etc/{file}")).ends_with(&format!("{line}\n")), "it is as they made it");
        assert!(!room.path("/var/lib/nixfleet/state.json").exists());
    }
}

#[test]
fn a_number_that_is_no_id_is_nobodys() {
    let room = Room::new();
    // The kernel interprets the number 4294967295 as "do not change the owner".
    let odd = with(file("/etc/a", Some("a\n")), "owner", "4294967295");
    let report = room.applied(&room.closure("1", &json!({ "files": [odd] })), "blocked");
    assert_eq!(report["problem"]["code"], "NF-407");
}

type Tree = BTreeMap<String, String>;

/// Removes the account files and recorded accounts from a tree, since accounts are never deleted.
fn but_for_accounts(mut tree: Tree) -> Tree {
    tree.retain(|path, _| !ACCOUNT_FILES.contains(&path.as_str()));
    let at = "/var/lib/nixfleet/state.json";
    if let Some(state) = tree.remove(at) {
        let (rights, document) = state.split_once('{').unwrap();
        let mut document: Value = serde_json::from_str(&format!("{{{document}")).unwrap();
        if document["transaction"] != json!(0) {
            document["users"] = json!({});
            document["groups"] = json!([]);
            tree.insert(at.to_owned(), format!("{rights}{document}"));
        }
    }
    tree
}

/// Searches a tree for staged secrets that others can read, and for set-id bits that give root rights.
fn leaks(directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            leaks(&path, found);
        } else if metadata.is_file() {
            let (mode, uid) = (metadata.mode() & 0o7777, metadata.uid());
            let secret =
                fs::read_to_string(&path).is_ok_and(|text| !text.is_empty() && SECRET.starts_with(&text));
            if (secret && mode & 0o077 != 0) || (mode & 0o6000 != 0 && uid != 990) {
                found.push(format!("{} {mode:o} {uid}", path.display()));
            }
        }
    }
}

struct Trials<'s> {
    stand: &'s Stand,
    closure: String,
    before: Tree,
    after: Tree,
    /// The number of the first change that runs an account tool.
    first_tool: usize,
    failures: Vec<String>,
    ends: [usize; 2],
}

impl Trials<'_> {
    fn trial(&mut self, kind: &str, at: usize) {
        self.stand.load("bare");
        let output = self.stand.run(&["apply", "--closure", &self.closure], Some((kind, at)));
        let trial = format!("{kind} at change {at}");
        let mut wrong = Vec::new();
        leaks(&self.stand.root(), &mut wrong);
        if kind == "kill" && output.status.signal() != Some(9) {
            wrong.push(format!("it lives {output:?}"));
        }
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let next = self.stand.run(&["rollback", "--to", "99"], None);
        if !String::from_utf8_lossy(&next.stdout).contains("NF-409") {
            wrong.push(format!("recovery says {next:?}"));
        }
        let tree = self.stand.tree();
        let accounts = ACCOUNT_FILES.iter().any(|file| tree[*file] != self.before[*file]);
        let shut = || {
            let shadow = fs::read_to_string(self.stand.path("/etc/shadow")).unwrap();
            let state =
                fs::read_to_string(self.stand.path("/var/lib/nixfleet/state.json")).unwrap_or_default();
            let line = shadow.lines().find(|line| line.starts_with("web:"));
            line.is_none_or(|line| line.ends_with(":1:") && state.contains("\"disabled\":true"))
        };
        let trees = [&self.before, &self.after].map(|tree| but_for_accounts(tree.clone()));
        let [old, new] = trees.map(|expected| differences(&but_for_accounts(tree.clone()), &expected));
        match (old.is_empty(), new.is_empty()) {
            (true, _) => {
                self.ends[0] += 1;
                if accounts && (at <= self.first_tool || report["outcome"] == "blocked") {
                    wrong.push("there are accounts, and nothing else was to be touched yet".to_owned());
                }
                if accounts && !shut() {
                    wrong.push("the account is open, or nobody knows of it".to_owned());
                }
            }
            (_, true) => self.ends[1] += 1,
            _ => wrong.push(format!("neither old {old:?} nor new {new:?}")),
        }
        let last = self.stand.run(&["apply", "--closure", &self.closure], None);
        let different =
            differences(&but_for_accounts(self.stand.tree()), &but_for_accounts(self.after.clone()));
        // The transaction number may differ, since the failed run may have recorded an account in the state.
        if !last.status.success()
            || different.iter().any(|path| !path.starts_with("/var/lib/nixfleet/state.json"))
        {
            wrong.push(format!("the next apply gives {different:?} {last:?}"));
        }
        self.failures.extend(wrong.into_iter().map(|what| format!("{trial}: {what}")));
    }
}

#[test]
fn whatever_fails_no_new_account_comes_too_early_or_stays_open() {
    let test = "new_accounts::whatever_fails_no_new_account_comes_too_early_or_stays_open";
    with_own_mounts(test, |stand| {
        stand.install();
        stand.write("/etc/shared", "stood here\n", 0o604);
        stand.write("/etc/skel/.config/deep", "for every new home\n", 0o644);
        stand.save("bare");
        let closure = stand.closure("web", &web(&json!(["test", "-s", "%s"])));
        let before = stand.tree();
        let log = stand.changes(&["apply", "--closure", &closure]);
        let is_tool = |line: &String| {
            ["groupadd", "useradd"].iter().any(|tool| line.ends_with(&format!("Run\t{tool}")))
        };
        let first_tool = log.iter().position(is_tool).expect("a tool for accounts runs") + 1;
        let after = stand.tree();
        let ends = [0, 0];
        let mut trials = Trials { stand, closure, before, after, first_tool, failures: Vec::new(), ends };
        for at in 1..=log.len() {
            // Inject one of the three faults at every change. In a soak test, inject all three faults at
            // every change.
            for (share, kind) in ["kill", "eio", "enospc"].into_iter().enumerate() {
                if at % 3 == share || ledger::soaks() {
                    trials.trial(kind, at);
                }
            }
        }
        let [old, new] = trials.ends;
        let tried = format!(
            "{} points to kill the process at, or to refuse a change at, with an account, a directory and files of its \
             own: {old} ended old, {new} new",
            old + new
        );
        ledger::record("All or nothing", test, &tried, &trials.failures);
    });
}
