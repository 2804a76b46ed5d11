//! A test environment for fault injection: a host in memory on two filesystems, which can be saved and
//! restored for each trial.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nixfleet_activate::host::injection::{FAULT, LOG};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};
use serde_json::Value;

use crate::room::{PROGRAM, build, empty_intent};

/// The environment variable that passes the directory of the test environment (the stand) to the process in
/// the mount namespace.
const INSIDE: &str = "NIXFLEET_TEST_STAND";
/// The modification time of all files before a trial, in seconds since 1970-01-01. It is far in the past, to
/// detect files that lose their timestamps.
const LONG_AGO: i64 = 1_000_000_000;

/// Runs a test in a new mount namespace, by executing this program again for only this test.
pub fn with_own_mounts(test: &str, body: impl FnOnce(&Stand)) {
    if let Some(directory) = std::env::var_os(INSIDE) {
        return body(&Stand { directory: directory.into() });
    }
    let directory = tempfile::TempDir::new().unwrap();
    let script = "mount -t tmpfs tmpfs \"$NIXFLEET_TEST_STAND\"
        mkdir -p \"$NIXFLEET_TEST_STAND/root/srv\"
        mount -t tmpfs tmpfs \"$NIXFLEET_TEST_STAND/root/srv\"
        exec \"$0\" --exact --nocapture \"$1\"";
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    let output = command
        .args(["sh", "-ec", script])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(INSIDE, directory.path())
        .output()
        .unwrap();
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", shown(&output.stdout), shown(&output.stderr));
    assert!(shown(&output.stdout).contains("1 passed"), "{}", shown(&output.stdout));
}

/// A host for fault injection.
pub struct Stand {
    directory: PathBuf,
}

/// The kind of the fault, and the number of the change at which the fault occurs.
pub type Fault<'a> = Option<(&'a str, usize)>;

impl Stand {
    pub fn root(&self) -> PathBuf {
        self.directory.join("root")
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    pub fn write(&self, path: &str, text: &str, mode: u32) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }

    /// Creates the files that a fresh installation has.
    pub fn install(&self) {
        self.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n", 0o644);
        self.write("/etc/group", "root:x:0:\nadm:x:4:\n", 0o644);
        self.write("/etc/shadow", "root:*:19000:0:99999:7:::\n", 0o640);
        fs::create_dir_all(self.path("/var/lib")).unwrap();
        fs::create_dir_all(self.path("/nix/var/nix/profiles")).unwrap();
        fs::create_dir_all(self.path("/nix/var/nix/gcroots")).unwrap();
    }

    /// Builds a closure in the directory `name`.
    pub fn closure(&self, name: &str, lists: &Value) -> String {
        let directory = self.directory.join(name);
        fs::create_dir_all(&directory).unwrap();
        let mut intent = empty_intent();
        for (list, value) in lists.as_object().unwrap() {
            intent[list] = value.clone();
        }
        let output = build(&intent, &directory);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        directory.join("out").to_str().unwrap().to_owned()
    }

    /// Runs the program with a fault.
    pub fn run(&self, arguments: &[&str], fault: Fault<'_>) -> Output {
        let mut command = self.command(arguments);
        if let Some((kind, at)) = fault {
            command.env(FAULT, format!("{kind} {at}"));
        }
        command.output().unwrap()
    }

    /// Returns a command that runs the program.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).arg("--json").arg("--root").arg(self.root());
        command
    }

    /// Runs the program and returns its changes, one line each.
    pub fn changes(&self, arguments: &[&str]) -> Vec<String> {
        let log = self.directory.join("log");
        let _ = fs::remove_file(&log);
        self.command(arguments).env(LOG, &log).output().unwrap();
        fs::read_to_string(&log).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Applies a closure and checks that it succeeds.
    pub fn apply(&self, closure: &str) {
        let output = self.run(&["apply", "--closure", closure], None);
        assert!(output.status.success(), "{output:?}");
    }

    /// Saves the host under a name, after setting all timestamps to [`LONG_AGO`].
    pub fn save(&self, name: &str) {
        age(&self.root());
        let status = Command::new("cp").arg("-a").arg(self.root()).arg(self.directory.join(name)).status();
        assert!(status.unwrap().success());
    }

    /// Restores a saved host.
    pub fn load(&self, name: &str) {
        clear(&self.root());
        let saved = self.directory.join(name).join(".");
        assert!(Command::new("cp").arg("-a").arg(saved).arg(self.root()).status().unwrap().success());
    }

    /// Returns type, mode, owner, preserved timestamps, extended attributes and content of everything on the
    /// host, by path. Omits the lock, NixFleet's own empty directories, and recorded inode numbers and
    /// timestamps.
    pub fn tree(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        look(&self.root(), "", &mut found);
        found.retain(|path, shown| {
            let own = path.starts_with("/var/lib/nixfleet") || path == "/nix/var/nix/profiles/nixfleet";
            let own = own && shown.starts_with("directory");
            !own && path != "/var/lib/nixfleet/lock" && !is_backup_of_tools(path)
        });
        found
    }
}

/// Whether a path is a backup file that the account tools leave next to the account files.
fn is_backup_of_tools(path: &str) -> bool {
    ["/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-"].contains(&path)
}

/// Returns the differences between two trees.
pub fn differences(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> Vec<String> {
    let paths = one.keys().chain(other.keys().filter(|path| !one.contains_key(*path)));
    let shown = |tree: &BTreeMap<String, String>, path| tree.get(path).cloned().unwrap_or_default();
    paths
        .filter(|path| one.get(*path) != other.get(*path))
        .map(|path| format!("{path}: {} ≠ {}", shown(one, path), shown(other, path)))
        .collect()
}

fn look(directory: &Path, shown: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        let shown = format!("{shown}/{}", path.file_name().unwrap().to_str().unwrap());
        let rights = format!("{:o} {}:{}", metadata.mode(), metadata.uid(), metadata.gid());
        let what = if metadata.is_dir() {
            look(&path, &shown, found);
            format!("directory {rights}")
        } else if metadata.is_symlink() {
            format!("link {} {rights}", fs::read_link(&path).unwrap().display())
        } else {
            let bytes = fs::read(&path).unwrap();
            let content = if shown.ends_with("/state.json") {
                settled(&bytes)
            } else {
                bytes.escape_ascii().to_string()
            };
            let times = if metadata.mtime() == LONG_AGO { "old" } else { "new" };
            format!("file {rights} {times} {} {content}", attributes(&path))
        };
        found.insert(shown, what);
    }
}

/// Returns a state without inode numbers and timestamps.
fn settled(bytes: &[u8]) -> String {
    let Ok(mut state) = serde_json::from_slice::<Value>(bytes) else {
        return format!("broken {}", bytes.escape_ascii());
    };
    for owned in state["paths"].as_object_mut().into_iter().flatten() {
        owned.1.as_object_mut().unwrap().remove("stat");
    }
    state.to_string()
}

fn attributes(path: &Path) -> String {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    let mut value = [0; 256];
    match rustix::fs::lgetxattr(&*path, c"user.note", &mut value[..]) {
        Ok(length) => format!("note={}", value[..length].escape_ascii()),
        Err(_) => String::new(),
    }
}

/// Sets the timestamps of everything below a directory to [`LONG_AGO`].
fn age(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            age(&path);
        }
        let time = Timespec { tv_sec: LONG_AGO, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        rustix::fs::utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }
}

/// Removes everything below a directory except mount points.
fn clear(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            clear(&path);
            if fs::remove_dir(&path).is_err() {
                fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
            }
        } else {
            fs::remove_file(&path).unwrap();
        }
    }
}
