//! A test environment: a tree of files with the account files of a small distribution, and a directory for
//! closures.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nixfleet_activate::host::injection::FAULT;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_nixfleet-activate");

/// Returns an empty intent.
pub fn empty_intent() -> Value {
    json!({
        "schema": 1, "host": "web-1", "base": "ubuntu", "system": "x86_64-linux", "activator": PROGRAM,
        "profile": null, "packages": [], "groups": [], "users": [], "directories": [], "files": [],
        "units": [],
    })
}

/// Returns a file with `onConflict` set to `fail`.
pub fn file(path: &str, text: Option<&str>) -> Value {
    json!({
        "path": path, "text": text, "source": null, "mode": "0644", "owner": "root", "group": "root",
        "restartUnits": [], "reloadUnits": [], "validate": null, "onConflict": "fail",
    })
}

/// Returns a unit that is restarted when it changes.
pub fn unit(name: &str, text: Option<&str>, enabled: Option<bool>) -> Value {
    json!({
        "name": name, "text": text, "dropIns": [], "enabled": enabled, "restartIfChanged": true,
        "reloadIfChanged": false, "stopIfRemoved": true, "onConflict": "fail",
    })
}

/// Returns a directory owned by root.
pub fn directory(path: &str, mode: &str) -> Value {
    json!({ "path": path, "mode": mode, "owner": "root", "group": "root" })
}

/// Sets a field of a value.
pub fn with(mut value: Value, field: &str, to: impl Into<Value>) -> Value {
    value[field] = to.into();
    value
}

/// Builds the closure of an intent in the subdirectory `out` of a directory.
pub fn build(intent: &Value, directory: &Path) -> Output {
    let attributes = directory.join("attrs.json");
    let document =
        json!({ "intent": intent, "outputs": { "out": directory.join("out") }, "name": "nixfleet-web-1" });
    fs::write(&attributes, document.to_string()).unwrap();
    Command::new(PROGRAM).arg("build").env("NIX_ATTRS_JSON_FILE", attributes).output().unwrap()
}

/// Returns a link with `onConflict` set to `fail`.
pub fn link(path: &str, target: &str) -> Value {
    json!({ "path": path, "target": target, "onConflict": "fail" })
}

/// Returns an absent path with `onConflict` set to `backup`.
pub fn absent(path: &str) -> Value {
    json!({
        "path": path, "recursive": false, "restartUnits": [], "reloadUnits": [], "onConflict": "backup",
    })
}

pub struct Room {
    room: TempDir,
}

impl Room {
    pub fn new() -> Self {
        // Use memory if possible, since the tests write a lot of data that is not needed afterwards.
        let room = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
        let etc = room.path().join("root/etc");
        fs::create_dir_all(&etc).unwrap();
        fs::create_dir_all(room.path().join("root/var/lib")).unwrap();
        // The user who runs the tests acts as root on the test host.
        let me = fs::metadata(&etc).unwrap();
        let (uid, gid) = (me.uid(), me.gid());
        fs::write(etc.join("passwd"), format!("root:x:{uid}:{gid}:root:/root:/bin/bash\n")).unwrap();
        fs::write(etc.join("group"), format!("root:x:{gid}:\nadm:x:4:\n")).unwrap();
        fs::write(etc.join("shadow"), "root:*:19000:0:99999:7:::\n").unwrap();
        Self { room }
    }

    /// Returns the location of a path of the host.
    pub fn path(&self, path: &str) -> PathBuf {
        self.room.path().join("root").join(path.trim_start_matches('/'))
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| format!("<{error}>"))
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn chmod(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Builds a closure in the directory `name`.
    pub fn closure(&self, name: &str, lists: &Value) -> String {
        let directory = self.room.path().join(name);
        fs::create_dir_all(&directory).unwrap();
        let mut intent = empty_intent();
        for (list, value) in lists.as_object().unwrap() {
            intent[list] = value.clone();
        }
        let output = build(&intent, &directory);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        directory.join("out").to_str().unwrap().to_owned()
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let root = self.path("/");
        Command::new(PROGRAM).args(arguments).arg("--root").arg(root).output().unwrap()
    }

    /// Runs the program with a fault that kills the program before the given change.
    pub fn run_killed(&self, arguments: &[&str], change: usize) -> Output {
        let root = self.path("/");
        let fault = format!("kill {change}");
        Command::new(PROGRAM).args(arguments).arg("--root").arg(root).env(FAULT, fault).output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{error}: {output:?}");
        })
    }

    pub fn plan(&self, closure: &str) -> Value {
        self.json(&["plan", "--target", closure])
    }

    /// Returns a plan as text, without the directory of the test host.
    pub fn plan_text(&self, closure: &str) -> String {
        let output = self.run(&["plan", "--target", closure]);
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        text.replace(self.room.path().to_str().unwrap(), "")
    }

    pub fn apply(&self, closure: &str) -> Value {
        self.json(&["apply", "--closure", closure])
    }

    /// Applies a closure and checks the outcome.
    pub fn applied(&self, closure: &str, outcome: &str) -> Value {
        let report = self.apply(closure);
        assert_eq!(report["outcome"], outcome, "{report:#}");
        report
    }

    pub fn rollback(&self, to: &str) -> Value {
        self.json(&["rollback", "--to", to])
    }

    pub fn status(&self) -> Value {
        self.json(&["status"])
    }

    /// Returns the managed resources as text.
    pub fn inspect(&self) -> String {
        String::from_utf8(self.run(&["inspect"]).stdout).unwrap()
    }

    /// Returns type, mode, owner, modification time and content of everything below a path. NixFleet's own
    /// files are included only if `path` is in their directory.
    pub fn tree(&self, path: &str) -> String {
        let mut lines = Vec::new();
        walk(&self.path(path), path.trim_end_matches('/'), &mut lines);
        lines.sort();
        lines.concat()
    }
}

fn walk(directory: &Path, shown: &str, lines: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let metadata = entry.path().symlink_metadata().unwrap();
        let shown = format!("{shown}/{}", entry.file_name().to_str().unwrap());
        let mode = metadata.mode();
        if metadata.is_dir() {
            lines.push(format!("{shown} {mode:o}\n"));
            if shown != "/var/lib/nixfleet" {
                walk(&entry.path(), &shown, lines);
            }
        } else if metadata.is_symlink() {
            lines.push(format!("{shown} -> {}\n", fs::read_link(entry.path()).unwrap().display()));
        } else {
            let content = fs::read_to_string(entry.path()).unwrap_or_default();
            let (seconds, parts) = (metadata.mtime(), metadata.mtime_nsec());
            lines.push(format!("{shown} {mode:o} {seconds}.{parts:09} {content:?}\n"));
        }
    }
}
