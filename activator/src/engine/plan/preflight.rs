//! Finds obstacles that would otherwise be noticed only when a step is executed: file attributes that forbid
//! every change, mounts, and read-only filesystems.

use std::os::fd::AsFd as _;

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::paths::{CreateDirectory, MoveAway, Remove, WriteFile};
use nixfleet_contract::step::{PathStep, ProfileStep, Step, SystemStep};
use rustix::fs::{AtFlags, Mode, OFlags, StatVfsMountFlags, StatxAttributes, StatxFlags};
use rustix::io::Errno;

use crate::engine::family::paths::slots::SLOTS;
use crate::host::walk::{self, Directory, MountPoint, Walk};
use crate::host::{HOME, Host, host_file, mounts, nixos, profile, roots};

/// Returns a problem for each obstacle to the steps. Skips a path that cannot be inspected, since other
/// checks report such a path.
#[must_use]
pub fn obstacles(host: &Host, steps: &[Step]) -> Vec<Problem> {
    let mut preflight = Preflight {
        walk: Walk::new(host),
        directory: String::new(),
        read_only: ReadOnly::default(),
        found: Vec::new(),
    };
    for step in steps {
        preflight.step(step);
        preflight.moved(host, step);
    }
    for place in own_places(host, steps) {
        preflight.own_place(host, place);
    }
    preflight.found
}

/// Returns the directories that the steps write to besides managed paths: the directories of account files,
/// of generations, and of the garbage collector roots of Nix.
fn own_places(host: &Host, steps: &[Step]) -> impl Iterator<Item = &'static str> {
    let any = |is: fn(&Step) -> bool| steps.iter().any(is);
    let accounts = any(|step| matches!(step, Step::Account(_)));
    let switches = any(|step| matches!(step, Step::Profile(ProfileStep::SwitchProfile(_))));
    let boots = any(|step| step.as_system().is_some_and(SystemStep::follows_confirmation));
    // On a host without Nix, there are no garbage collector roots, and the change creates none.
    let pins = !steps.is_empty() && host.path(roots::ROOTS).is_dir();
    let places = [
        (accounts, "/etc"),
        (switches, profile::DIRECTORY),
        (pins, roots::ROOTS),
        (boots || (switches && nixos::is_nixos(host)), profile::NATIVE),
    ];
    places.into_iter().filter(|(is_written, _)| *is_written).map(|(_, place)| place)
}

struct Preflight<'h> {
    walk: Walk<'h>,
    /// The directory that was checked last. It is not checked again if the next step is in the same
    /// directory, as most steps are.
    directory: String,
    read_only: ReadOnly,
    found: Vec<Problem>,
}

impl Preflight<'_> {
    fn step(&mut self, step: &Step) {
        let (Some(path), false) =
            (step.path(), matches!(step, Step::Path(PathStep::Own(_) | PathStep::Release(_))))
        else {
            return;
        };
        let Ok(Some(directory)) = self.walk.parent(path) else { return };
        let is_directory = || is_directory(directory, path.name());
        let in_place = matches!(step, Step::Path(PathStep::ChangeAccess(_))) && is_directory();
        let above = path.rsplit_once('/').map_or("", |(above, _)| above);
        if !in_place && self.directory != above {
            above.clone_into(&mut self.directory);
            let shown = if above.is_empty() { "/" } else { above };
            self.found.extend(self.read_only.problem(directory, shown));
            if is_frozen(attributes(directory, "")) {
                self.found.push(frozen(shown));
            }
        }
        // The directory itself may be the mount point of another filesystem.
        if in_place && let Ok(file) = rustix::fs::openat(directory.fd, path.name(), LOOK, Mode::empty()) {
            self.found.extend(self.read_only.problem(Directory::of(file.as_fd()), path));
        }
        if is_new(step) {
            return;
        }
        let attributes = attributes(directory, path.name());
        if is_frozen(attributes) {
            self.found.push(frozen(path));
        } else if attributes.contains(StatxAttributes::MOUNT_ROOT)
            && !in_place
            && !matches!(step, Step::Path(PathStep::RemoveDirectory(_)))
        {
            self.found.push(mounted(path));
        }
    }

    /// Checks a directory that the step moves into a backup or out of a backup. A move is possible only
    /// within one filesystem, and only if nothing is mounted in the directory.
    fn moved(&mut self, host: &Host, step: &Step) {
        let Step::Path(PathStep::MoveAway(MoveAway { path, .. }) | PathStep::MoveBack(Remove { path, .. })) =
            step
        else {
            return;
        };
        let mut place = |path: &str| self.walk.nearest(path).ok()?.0.place().ok();
        let (here, home) = (place(path), place(&format!("{HOME}/{SLOTS}")));
        if here.is_some() && home.is_some() && here != home {
            self.found
                .push(immovable(path, &format!("the directory is not on the same filesystem as {HOME}")));
        } else if let Some(mount) = mounts::mounted_below(&host.path(path)) {
            self.found.push(immovable(
                path,
                &format!("a filesystem is mounted in the directory, at {}", mount.display()),
            ));
        }
    }

    /// Checks a directory that NixFleet writes to. If this directory does not exist, checks the nearest
    /// existing directory above it, because the missing directory would be created there.
    fn own_place(&mut self, host: &Host, place: &str) {
        let path = host.path(place);
        let mut existing = path
            .ancestors()
            .map(|above| rustix::fs::open(above, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()));
        if let Some(Ok(directory)) = existing.find(Result::is_ok) {
            self.found.extend(self.read_only.problem(Directory::of(directory.as_fd()), place));
        }
    }
}

/// Flags that open a path without reading or writing it, and without following a link.
const LOOK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The read-only filesystems that have already been reported, since each is reported only once.
#[derive(Default)]
struct ReadOnly(Vec<MountPoint>);

impl ReadOnly {
    /// Returns a problem if a directory or file is on a read-only filesystem. `path` is the path that the
    /// problem names.
    fn problem(&mut self, there: Directory<'_>, path: &str) -> Option<Problem> {
        let flags = rustix::fs::fstatvfs(there.fd).ok()?.f_flag;
        if !flags.contains(StatVfsMountFlags::RDONLY) {
            return None;
        }
        let place = there.place().ok()?;
        if self.0.contains(&place) {
            return None;
        }
        self.0.push(place);
        Some(
            Problem::new(Code::HostFile, format!("{path} is on a read-only filesystem"))
                .at(path)
                .because("Read-only file system: the kernel refuses all writes, even those of root")
                .help(format!(
                    "on the host, find the filesystem with `findmnt --target {path}` and remount it with \
                     `mount -o remount,rw`; if the filesystem is not mounted read-only on purpose, check \
                     `dmesg` for errors of its disk"
                )),
        )
    }
}

fn is_directory(directory: Directory<'_>, name: &str) -> bool {
    let found = walk::look(directory.fd, name).ok().flatten();
    found.is_some_and(|stat| stat.st_mode & 0o170_000 == 0o040_000)
}

/// Whether the step creates a file or directory where nothing exists.
const fn is_new(step: &Step) -> bool {
    matches!(
        step,
        Step::Path(
            PathStep::CreateHome(_)
                | PathStep::CreateDirectory(CreateDirectory { before: None, .. })
                | PathStep::WriteFile(WriteFile { before: None, .. })
        )
    )
}

fn attributes(directory: Directory<'_>, name: &str) -> StatxAttributes {
    let flags = AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
    rustix::fs::statx(directory.fd, name, flags, StatxFlags::empty())
        .map_or(StatxAttributes::empty(), |stat| stat.stx_attributes)
}

fn is_frozen(attributes: StatxAttributes) -> bool {
    attributes.intersects(StatxAttributes::IMMUTABLE | StatxAttributes::APPEND)
}

fn frozen(path: &str) -> Problem {
    Problem::new(Code::HostFile, format!("{path} has an attribute that forbids changes"))
        .at(path)
        .because("the file or directory is immutable or append-only")
        .help(format!(
            "on the host, check the attributes with `lsattr -d {path}`, then remove them with `chattr -i -a \
             {path}`"
        ))
}

fn mounted(path: &str) -> Problem {
    Problem::new(Code::HostFile, format!("{path} is a mount point, which cannot be replaced"))
        .at(path)
        .because("the kernel does not let a mount point be replaced")
        .help(format!(
            "on the host, inspect the mount with `findmnt {path}`, then unmount it; or manage another path"
        ))
}

fn immovable(path: &str, why: &str) -> Problem {
    Problem::new(Code::HostFile, format!("{path} cannot be moved into or out of a backup"))
        .at(path)
        .because(why)
        .help(format!(
            "on the host, move {path} away by hand, or skip this path and apply everything else with --force \
             {path}"
        ))
}

/// Returns the problem for an error of the kernel, with advice for known causes. `verb` describes the failed
/// operation.
#[must_use]
pub fn refused(verb: &str, path: &str, errno: Errno) -> Problem {
    match errno {
        Errno::PERM => frozen(path),
        Errno::BUSY => mounted(path),
        Errno::XDEV => immovable(path, "its filesystem (overlayfs) cannot move a directory of a lower layer"),
        errno => host_file(verb, path, &errno.into()),
    }
}
