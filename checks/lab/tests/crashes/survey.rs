//! The parts of a host's state that a change could affect, read from outside the host: files, accounts, units
//! and NixFleet's recorded state.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nixfleet_lab::guest::Guest;
use serde_json::Value;

/// The directories whose contents are compared.
const TREES: [&str; 9] = [
    "/etc",
    "/home",
    "/nix/var/nix/gcroots",
    "/nix/var/nix/profiles",
    "/opt",
    "/root",
    "/srv",
    "/usr/local",
    "/var/lib/nixfleet",
];
/// The files that are compared line by line. The first field of each line is the name of an account or group.
pub const ACCOUNT_FILES: [&str; 4] = ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"];
/// The path of NixFleet's recorded state, which is compared without the inode metadata in it.
pub const STATE: &str = "/var/lib/nixfleet/state.json";
/// The names of the units in the tests.
pub const UNITS: [&str; 10] = [
    "steady.service",
    "changed.service",
    "tied.service",
    "reloaded.service",
    "removed.service",
    "door.socket",
    "door.service",
    "created.service",
    "created.timer",
    "job.service",
];
/// A script that prints the properties of each unit, then the failed units and the pending jobs of systemd.
const ASK: &str = "systemctl show --property=Id,LoadState,ActiveState,SubState,UnitFileState,Result,NeedDaemonReload,\
                   MainPID,InvocationID -- \"$@\"; echo; echo failed; systemctl list-units --failed --plain --no-legend; \
                   echo jobs; systemctl list-jobs --no-legend";

/// The state of a host at one moment.
#[derive(Clone, Debug)]
pub struct Survey {
    things: BTreeMap<String, String>,
    /// The invocation id of each unit that runs. Every start of a unit creates a new id.
    pub runs: BTreeMap<String, String>,
}

impl Survey {
    /// Takes a survey of a guest. `since` is in seconds since 1970-01-01. The exact modification time of a
    /// file is compared only if the file was modified before `since`.
    pub fn take(guest: &Guest, since: i64) -> Self {
        let root = PathBuf::from(format!("/proc/{}/root", guest.leader().unwrap()));
        let mut survey = Self { things: BTreeMap::new(), runs: BTreeMap::new() };
        for tree in TREES {
            survey.look(&root, &root.join(&tree[1..]), since);
        }
        survey.units(guest, &root);
        let in_force = fs::read_to_string(root.join("run/walk/in-force")).unwrap_or_default();
        survey.things.insert("unit reloaded.service has loaded".into(), in_force);
        survey
    }

    fn look(&mut self, root: &Path, path: &Path, since: i64) {
        let shown = format!("/{}", path.strip_prefix(root).unwrap().display());
        // This directory is not compared: Nix sets its mode when Nix starts, and systemd sets another mode at
        // boot.
        if shown.ends_with("/per-user") {
            return;
        }
        // The file may have been deleted since its directory was listed.
        let Ok(metadata) = path.symlink_metadata() else { return };
        let rights = format!("{:o} {}:{}", metadata.mode(), metadata.uid(), metadata.gid());
        if metadata.is_dir() {
            // Directories in NixFleet's state directory are not compared, because empty directories have no
            // meaning there.
            if !shown.starts_with("/var/lib/nixfleet") {
                self.things.insert(shown, format!("directory {rights}"));
            }
            for entry in fs::read_dir(path).into_iter().flatten().flatten() {
                self.look(root, &entry.path(), since);
            }
        } else if metadata.is_symlink() {
            let target = fs::read_link(path).unwrap_or_default();
            self.things.insert(shown, format!("link {} {rights}", target.display()));
        } else if !moves_by_itself(&shown) {
            let bytes = fs::read(path).unwrap_or_default();
            if ACCOUNT_FILES.contains(&&*shown) {
                self.accounts(&shown, &bytes, &rights);
            } else if shown == STATE {
                self.state(&bytes);
            } else {
                let fresh = metadata.mtime() >= since;
                let times = if fresh {
                    "fresh".into()
                } else {
                    format!("{}.{}", metadata.mtime(), metadata.mtime_nsec())
                };
                let content = bytes.escape_ascii();
                self.things.insert(shown, format!("file {rights} {times} {} {content}", attributes(path)));
            }
        }
    }

    fn accounts(&mut self, shown: &str, bytes: &[u8], rights: &str) {
        let file = shown.trim_start_matches("/etc/");
        self.things.insert(shown.to_owned(), rights.to_owned());
        for line in String::from_utf8_lossy(bytes).lines() {
            let name = line.split(':').next().unwrap_or_default();
            self.things.insert(format!("{file} {name}"), line.to_owned());
        }
    }

    fn state(&mut self, bytes: &[u8]) {
        let Ok(mut state) = serde_json::from_slice::<Value>(bytes) else {
            self.things.insert(STATE.to_owned(), format!("broken {}", bytes.escape_ascii()));
            return;
        };
        for (_, owned) in state["paths"].as_object_mut().into_iter().flatten() {
            owned.as_object_mut().unwrap().remove("stat");
        }
        for (name, user) in state["users"].as_object().into_iter().flatten() {
            self.things.insert(format!("state of user {name}"), user.to_string());
        }
        for group in state["groups"].as_array().into_iter().flatten() {
            self.things.insert(format!("state of group {}", group.as_str().unwrap()), String::new());
        }
        let rest = state.as_object_mut().unwrap();
        // The recorded generations are not compared, because the trials themselves change them too. The links
        // in the profile directory, which are compared, show which generations exist.
        rest.remove("generations");
        rest.remove("users");
        rest.remove("groups");
        self.things.insert(STATE.to_owned(), state.to_string());
    }

    fn units(&mut self, guest: &Guest, root: &Path) {
        let asked = guest.program("sh").unwrap().args(["-c", ASK, "sh"]).args(UNITS).run().unwrap();
        let said = asked.success().unwrap().stdout;
        let (shown, rest) = said.split_once("\n\nfailed\n").unwrap();
        let (failed, jobs) = rest.split_once("jobs\n").unwrap();
        self.things.insert("units that failed".into(), failed.trim().into());
        // Jobs of the distribution's own units are ignored.
        let jobs = jobs.lines().filter(|job| UNITS.iter().any(|unit| job.contains(unit)));
        self.things.insert("jobs of units".into(), jobs.collect::<Vec<_>>().join("; "));
        for (unit, block) in UNITS.iter().zip(shown.split("\n\n")) {
            let properties: BTreeMap<_, _> = block.lines().filter_map(|line| line.split_once('=')).collect();
            let get = |key: &str| properties.get(key).copied().unwrap_or_default();
            assert_eq!(get("Id"), *unit);
            let command = match get("MainPID") {
                "" | "0" => String::new(),
                pid => fs::read_to_string(root.join(format!("proc/{pid}/cmdline"))).unwrap_or_default(),
            };
            let command = command.replace('\0', " ");
            let keys =
                ["LoadState", "ActiveState", "SubState", "UnitFileState", "Result", "NeedDaemonReload"];
            let state = keys.map(get).join(" ");
            self.things.insert(format!("unit {unit}"), format!("{state} {command}"));
            if !get("InvocationID").is_empty() {
                self.runs.insert((*unit).to_owned(), get("InvocationID").to_owned());
            }
        }
    }

    /// Returns this survey without the accounts that an undone change may leave behind. These are accounts
    /// that the change created, if they are disabled and are in NixFleet's recorded state. NixFleet never
    /// removes accounts, so that no id is ever used twice.
    pub fn without_shut_accounts(&self, old: &Self) -> Self {
        let mut things = self.things.clone();
        let made = |kind: &str| -> Vec<String> {
            let names = self.things.keys().filter(|key| !old.things.contains_key(*key));
            names.filter_map(|key| key.strip_prefix(kind)).map(str::to_owned).collect()
        };
        for name in made("passwd ") {
            let line = |file: &str| self.things.get(&format!("{file} {name}")).cloned().unwrap_or_default();
            let shadow = line("shadow");
            let shadow: Vec<&str> = shadow.split(':').collect();
            let shut = line("passwd").ends_with(":/usr/sbin/nologin")
                && matches!(shadow[..], [_, password, _, _, _, _, _, "1", _] if password.starts_with('!'));
            if shut && line("state of user").contains("\"disabled\":true") {
                for file in ["passwd", "shadow", "state of user"] {
                    things.remove(&format!("{file} {name}"));
                }
            }
        }
        for name in made("group ") {
            if self.things.contains_key(&format!("state of group {name}")) {
                for file in ["group", "gshadow", "state of group"] {
                    things.remove(&format!("{file} {name}"));
                }
            }
        }
        Self { things, runs: self.runs.clone() }
    }

    /// Returns the names of the entries that differ from another survey.
    pub fn differing(&self, other: &Self) -> Vec<String> {
        let names =
            self.things.keys().chain(other.things.keys().filter(|name| !self.things.contains_key(*name)));
        names.filter(|name| self.things.get(*name) != other.things.get(*name)).cloned().collect()
    }

    /// Returns the differing entries, each with its values in the two surveys, for messages.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let shown = |survey: &Self, name: &str| -> String {
            survey.things.get(name).map_or("nothing", String::as_str).chars().take(160).collect()
        };
        let differing = self.differing(other).into_iter();
        differing.map(|name| format!("{name}: {} ≠ {}", shown(self, &name), shown(other, &name))).collect()
    }
}

/// Whether a file is not compared, because its content has other causes than the change. NixFleet's lock and
/// record of the last run depend on the user of the run. The tools that change accounts keep copies of the
/// files that they change. If such a tool is killed, it leaves lock files, one of them with the process id in
/// its name, and an unfinished file. The next run of the tool takes these files over.
fn moves_by_itself(path: &str) -> bool {
    let of_tools = ["passwd", "group", "shadow", "gshadow", "subuid", "subgid"].iter().any(|file| {
        let rest = path.strip_prefix("/etc/").and_then(|name| name.strip_prefix(file));
        let by_process = |rest: &str| rest.strip_prefix('.').is_some_and(|id| id.parse::<u32>().is_ok());
        rest.is_some_and(|rest| matches!(rest, "-" | "+" | ".lock") || by_process(rest))
    });
    of_tools || ["/etc/.pwd.lock", "/var/lib/nixfleet/lock", "/var/lib/nixfleet/last.json"].contains(&path)
}

fn attributes(path: &Path) -> String {
    let mut value = [0; 256];
    let read = |name: &str, value: &mut [u8; 256]| rustix::fs::lgetxattr(path, name, &mut value[..]).ok();
    let mut shown = String::new();
    for name in ["user.note", "system.posix_acl_access", "security.capability"] {
        if let Some(length) = read(name, &mut value) {
            shown.extend([name, "=", &value[..length].escape_ascii().to_string(), " "]);
        }
    }
    shown
}
