//! The condition of a guest between two tests that use the same lab. In contrast to a [`crate::snapshot`], it
//! includes everything that a test can leave behind: files that were written and restored, files in memory,
//! mounts, routes and processes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, DirEntry, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::guest::Guest;
use crate::snapshot::UNITS;

/// One tick of the kernel's clock. The kernel takes the times of files from a clock that is at most one tick
/// late.
const TICK: Duration = Duration::from_millis(10);

/// The directories that a guest can write to and that are in memory, so not on its disk.
const IN_MEMORY: [&str; 3] = ["/run", "/tmp", "/dev/shm"];

/// The paths that change even if no test touches them. They belong to Nix, systemd, logins and NixFleet's
/// plans. No test depends on their content.
const RESTLESS: &[&str] = &[
    "/nix/store",
    "/nix/var/log",
    "/nix/var/nix/builds",
    "/nix/var/nix/daemon-socket",
    "/nix/var/nix/db",
    "/nix/var/nix/gc-socket",
    "/nix/var/nix/gc.lock",
    "/nix/var/nix/temproots",
    "/nix/var/nix/userpool",
    "/nix/var/nix/userpool2",
    "/run/dbus",
    "/run/lock",
    "/run/log",
    "/run/motd.dynamic",
    "/run/sudo",
    "/run/systemd/ask-password",
    "/run/systemd/journal",
    "/run/systemd/netif",
    "/run/systemd/sessions",
    "/run/systemd/systemd-units-load",
    "/run/systemd/transient",
    "/run/systemd/units",
    "/run/systemd/users",
    "/run/user",
    "/run/utmp",
    "/var/lib/nixfleet/lock",
    "/var/lib/systemd",
    // A timer in the fleet of the demo writes this file.
    "/var/lib/web/heartbeat",
    "/var/log",
];

/// The directories whose modification time changes even if no test touches them, because other programs
/// create and remove files in them. The files in these directories are compared.
const BUSY: &[&str] = &[
    "/",
    "/dev/shm",
    "/nix/var/nix",
    "/nix/var/nix/gcroots",
    "/nix/var/nix/gcroots/auto",
    "/nix/var/nix/gcroots/per-user",
    "/nix/var/nix/profiles/per-user",
    "/run",
    "/run/systemd",
    "/tmp",
    "/var/lib/nixfleet",
    "/var/lib/nixfleet/tx",
    "/var/tmp",
];

/// The beginnings of the names of processes that start and end even if no test causes it.
const PASSING: [&str; 4] = ["(sd-pam)", "nix-daemon", "sshd", "systemd"];

/// The mode, the owner and the group of a directory.
type Access = (u32, u32, u32);

/// The condition of a guest at the start of a test.
#[derive(Clone, Debug)]
pub struct Condition {
    at: (i64, i64),
    /// The mode, the owner and the group of each directory in the upper layer of the disk. The change times
    /// of directories are not compared, because the overlay file system itself changes them.
    directories: BTreeMap<String, Access>,
    texts: [(&'static str, String); 4],
}

impl Condition {
    /// Takes the condition of a guest.
    ///
    /// # Errors
    /// The guest is down.
    pub fn take(guest: &Guest) -> Result<Self> {
        let texts = texts(guest)?;
        // Waits until all files that were written so far have an earlier time than `at`. `at` is one tick
        // before now, because a file that is written from now on can have a time that is one tick late.
        thread::sleep(TICK * 2);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("The clock is wrong")?;
        let at = now.saturating_sub(TICK);
        let at = (at.as_secs().cast_signed(), i64::from(at.subsec_nanos()));
        let mut directories = BTreeMap::new();
        directories_below(&guest.disk()?, "", &mut directories);
        Ok(Self { at, directories, texts })
    }

    /// Returns the changes of the guest since this condition was taken, one per line, or an empty text if
    /// there are none. Paths below `aside` are left out.
    ///
    /// # Errors
    /// The guest is down.
    pub fn changes(&self, guest: &Guest, aside: &[&str]) -> Result<String> {
        let mut changes = String::new();
        for ((what, before), (_, now)) in self.texts.iter().zip(texts(guest)?) {
            let mut gone: Vec<&str> = before.lines().collect();
            for line in now.lines() {
                match gone.iter().position(|before| *before == line) {
                    Some(place) => drop(gone.remove(place)),
                    None => writeln!(changes, "+ {what}{line}")?,
                }
            }
            for line in gone {
                writeln!(changes, "- {what}{line}")?;
            }
        }
        let root = PathBuf::from(format!("/proc/{}/root", guest.leader()?));
        let mut written = Vec::new();
        let on_disk = |path: &str, metadata: &Metadata, is_empty| {
            if metadata.is_dir() {
                self.has_directory_changed(path, metadata, is_empty)
            } else {
                self.is_new(metadata.ctime(), metadata.ctime_nsec())
            }
        };
        let in_memory =
            |_: &str, metadata: &Metadata, _| self.is_new(metadata.ctime(), metadata.ctime_nsec());
        look(&guest.disk()?, "", aside, &on_disk, &mut written);
        for place in IN_MEMORY {
            look(&root.join(&place[1..]), place, aside, &in_memory, &mut written);
        }
        for path in written {
            writeln!(changes, "~ {path}")?;
        }
        Ok(changes)
    }

    fn is_new(&self, seconds: i64, nanoseconds: i64) -> bool {
        (seconds, nanoseconds) >= self.at
    }

    /// Whether a directory in the upper layer has changed. The overlay also adds an unchanged directory to
    /// the upper layer when a file in it changes. If a directory that was added is empty, the directory
    /// itself has changed.
    fn has_directory_changed(&self, path: &str, metadata: &Metadata, is_empty: bool) -> bool {
        let changed = match self.directories.get(path) {
            Some(before) => *before != access(metadata),
            None => is_empty,
        };
        changed || self.is_new(metadata.mtime(), metadata.mtime_nsec())
    }
}

/// Adds the directory `from` and all paths below it to `written`, if `has_changed` returns true for them.
/// `path` is the path of the directory on the guest.
fn look(
    from: &Path,
    path: &str,
    aside: &[&str],
    has_changed: &dyn Fn(&str, &Metadata, bool) -> bool,
    written: &mut Vec<String>,
) {
    let shown = if path.is_empty() { "/" } else { path };
    // The guest may remove the directory during this comparison.
    let Ok(metadata) = fs::symlink_metadata(from) else { return };
    if RESTLESS.contains(&shown) || aside.contains(&shown) {
        return;
    }
    let entries = entries(from, &metadata);
    if !BUSY.contains(&shown) && has_changed(shown, &metadata, entries.is_empty()) {
        written.push(shown.to_owned());
    }
    for entry in entries {
        let below = format!("{path}/{}", entry.file_name().to_string_lossy());
        look(&entry.path(), &below, aside, has_changed, written);
    }
}

fn directories_below(from: &Path, path: &str, directories: &mut BTreeMap<String, Access>) {
    let Ok(metadata) = fs::symlink_metadata(from) else { return };
    if RESTLESS.contains(&path) || !metadata.is_dir() {
        return;
    }
    for entry in entries(from, &metadata) {
        let below = format!("{path}/{}", entry.file_name().to_string_lossy());
        directories_below(&entry.path(), &below, directories);
    }
    directories.insert(path.to_owned(), access(&metadata));
}

/// Returns the entries of a directory, or an empty list if the path is not a directory.
fn entries(path: &Path, metadata: &Metadata) -> Vec<DirEntry> {
    if metadata.is_dir() { fs::read_dir(path).into_iter().flatten().flatten().collect() } else { Vec::new() }
}

fn access(metadata: &Metadata) -> Access {
    (metadata.mode(), metadata.uid(), metadata.gid())
}

/// Returns the units, mounts, routes and processes of a guest.
fn texts(guest: &Guest) -> Result<[(&'static str, String); 4]> {
    let leader = guest.leader()?;
    let read = |name: &str| {
        let path = format!("/proc/{leader}/{name}");
        fs::read_to_string(&path).with_context(|| format!("Failed to read {path}"))
    };
    let mounts = read("mounts")?;
    // Mounts in `/run` are left out, because units and logins have mounts of their own there.
    let mounts = mounts.lines().filter(|line| !line.contains(" /run/")).collect::<Vec<_>>().join("\n");
    Ok([
        ("", guest.ask(UNITS)?),
        ("mount ", mounts),
        ("route ", read("net/fib_trie")?),
        ("process ", processes(leader)?),
    ])
}

/// Returns the names of the processes of a guest, without those in [`PASSING`].
fn processes(leader: u32) -> Result<String> {
    let path = format!("/proc/{leader}/root/proc");
    let entries = fs::read_dir(&path).with_context(|| format!("Failed to list {path}"))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok())
        .map(|name| name.trim_end().to_owned())
        .filter(|name| !PASSING.iter().any(|passing| name.starts_with(passing)))
        .collect();
    names.sort_unstable();
    Ok(names.join("\n"))
}
