//! Tests of the order in which a run writes and syncs. Before each step, the data that the step depends on
//! must be on the disk, in case of a power failure.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::accounts::user;
use crate::ledger;
use crate::room::{directory, file, with};
use crate::stand::{Stand, with_own_mounts};
use crate::walk::transactions;

/// A model of a disk that tracks which changes have not been synced yet.
struct Disk<'s> {
    stand: &'s Stand,
    /// Files and directories that are not synced yet.
    dirty: BTreeSet<PathBuf>,
    links: BTreeSet<PathBuf>,
    /// The number of journals renamed into place (`journals`), and how many of these are synced (`lasting`).
    journals: usize,
    lasting: usize,
    /// The number of journals that must be synced before the first swap.
    phases: usize,
    swaps: usize,
    committed: bool,
    failures: Vec<String>,
}

impl<'s> Disk<'s> {
    fn new(stand: &'s Stand, phases: usize) -> Self {
        let (dirty, links) = (BTreeSet::new(), BTreeSet::new());
        Self {
            stand,
            dirty,
            links,
            journals: 0,
            lasting: 0,
            phases,
            swaps: 0,
            committed: false,
            failures: Vec::new(),
        }
    }

    fn home(&self, name: &str) -> PathBuf {
        self.stand.path("/var/lib/nixfleet").join(name)
    }

    /// Whether a path does not belong to NixFleet's own files.
    fn is_outside(&self, path: &Path) -> bool {
        let own = [
            "/var/lib/nixfleet",
            "/run/nixfleet",
            "/nix/var/nix/gcroots",
            "/nix/var/nix/profiles/nixfleet/activator",
            "/nix/var/nix/profiles/nixfleet/.activator.new",
        ];
        path != self.stand.path("/nix/var/nix/profiles/nixfleet")
            && !own.iter().any(|own| path.starts_with(self.stand.path(own)))
    }

    fn touch(&mut self, path: &Path) {
        if path != self.home("lock") {
            self.dirty.insert(path.to_owned());
        }
    }

    fn touch_names(&mut self, path: &Path) {
        self.touch(path.parent().unwrap());
    }

    fn forget(&mut self, gone: &Path) {
        self.dirty.retain(|path| !path.starts_with(gone));
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        let moved = |path: &PathBuf| {
            let swap = |from: &Path, to: &Path| path.strip_prefix(from).ok().map(|rest| to.join(rest));
            swap(from, to).or_else(|| swap(to, from)).unwrap_or_else(|| path.clone())
        };
        self.dirty = self.dirty.iter().map(moved).map(|path| path.components().collect()).collect();
        self.touch_names(from);
        self.touch_names(to);
    }

    fn expect_clean(&mut self, line: &str, what: &str, but: &[PathBuf]) {
        let dirty: Vec<&PathBuf> = self.dirty.iter().filter(|path| !but.contains(path)).collect();
        if !dirty.is_empty() {
            self.failures.push(format!("{what}, and these are not on the disk: {dirty:?} ({line})"));
        }
    }

    /// Checks that everything that a change depends on is already synced.
    fn check(&mut self, line: &str, change: &str, paths: &[PathBuf]) {
        let touches = change != "Sync" && paths.iter().any(|path| self.is_outside(path));
        if touches && !self.committed && self.lasting == 0 {
            self.failures.push(format!("something changes before the journal is on the disk ({line})"));
        }
        if change != "Rename" {
            return;
        }
        let to = &paths[1];
        if *to == self.home("state.json") {
            // New content was staged in the slots (files of the transaction). Now the slots contain the old
            // content, which is about to be deleted, so the slots need not be synced.
            self.dirty.retain(|path| !is_slot(path));
            self.expect_clean(line, "the state is replaced", &[self.home("")]);
            self.committed = true;
        } else if *to == self.home("journal.json") {
            self.expect_clean(line, "the journal is replaced", &[self.home("")]);
            self.journals += 1;
        } else if touches && !self.committed {
            if self.swaps == 0 {
                self.expect_clean(line, "the first thing is swapped in", &[]);
                if self.lasting != self.phases {
                    self.failures.push(format!("it swaps before the journal says so ({line})"));
                }
            }
            self.swaps += 1;
        }
    }

    fn change(&mut self, line: &str) {
        let mut parts = line.split('\t').skip(1);
        let change = parts.next().unwrap();
        let paths: Vec<PathBuf> = parts.map(|path| Path::new(path).components().collect()).collect();
        // In-memory files are not stored on disk.
        if paths.iter().any(|path| path.starts_with("/memfd:nixfleet-content (deleted)")) {
            return;
        }
        self.check(line, change, &paths);
        match (change, paths.as_slice()) {
            ("Create", [path]) => {
                self.touch(path);
                self.touch_names(path);
            }
            // The owner and timestamps of a symbolic link can only be synced together with the directory of
            // the link.
            ("Owner" | "Times", [path]) if self.links.contains(path) => self.touch_names(path),
            ("Write" | "Truncate" | "Mode" | "Attribute" | "Owner" | "Times", [path]) => self.touch(path),
            ("Sync", [path]) => {
                self.dirty.remove(path);
                if *path == self.home("") {
                    self.lasting = self.journals;
                }
            }
            ("SyncFilesystem", [path]) => {
                let other = self.stand.path("/srv");
                let there = path.starts_with(&other);
                self.dirty.retain(|path| path.starts_with(&other) != there);
            }
            ("Symlink", [path]) => {
                self.links.insert(path.clone());
                self.touch_names(path);
            }
            ("MakeDirectory", [path]) => self.touch_names(path),
            ("Unlink" | "RemoveDirectory", [path]) => {
                self.forget(path);
                self.touch_names(path);
            }
            ("Rename", [from, to]) => self.rename(from, to),
            ("Link", [_, to]) => self.touch_names(to),
            ("Run", _) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn is_slot(path: &Path) -> bool {
    let path = path.to_string_lossy();
    path.contains("/var/lib/nixfleet/tx/") || path.contains("/.nixfleet-tx-")
}

#[test]
fn what_a_step_builds_on_is_on_the_disk_before_it() {
    let test = "durability::what_a_step_builds_on_is_on_the_disk_before_it";
    with_own_mounts(test, |stand| {
        let mut runs: Vec<(&str, String, usize)> = transactions(stand)
            .into_iter()
            .map(|transaction| (transaction.from, transaction.closure, 2))
            .collect();
        // For as many as 150 files, the engine syncs the whole filesystem at once.
        let many: Vec<_> =
            (0..150).map(|number| file(&format!("/srv/many/{number}"), Some("one of many\n"))).collect();
        runs.push(("bare", stand.closure("many", &json!({ "files": many })), 2));
        // Test few and many files that belong to a user created by the same change.
        for count in [3, 150] {
            let theirs = (0..count).map(|number| {
                let place = if number % 2 == 0 { "/srv/theirs" } else { "/etc/theirs" };
                with(file(&format!("{place}/{number}"), Some("theirs\n")), "owner", "web")
            });
            let directories = [with(directory("/srv/theirs", "0750"), "owner", "web")];
            let files: Vec<_> = theirs.collect();
            let lists = json!({ "users": [user("web")], "directories": directories, "files": files });
            runs.push(("bare", stand.closure(&format!("theirs-{count}"), &lists), 3));
        }
        let (mut changes, mut failures) = (0, Vec::new());
        for (from, closure, phases) in &runs {
            stand.load(from);
            let mut disk = Disk::new(stand, *phases);
            for line in stand.changes(&["apply", "--closure", closure]) {
                disk.change(&line);
                changes += 1;
            }
            assert!(disk.committed && disk.swaps > 5, "{} swaps from {from}", disk.swaps);
            failures.append(&mut disk.failures);
        }
        let tried = format!("{changes} changes of {} transactions, one at a time", runs.len());
        ledger::record("What the next step builds on survives a power cut", test, &tried, &failures);
    });
}
