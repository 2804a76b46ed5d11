//! What would keep a step from being done, and shows nowhere but in the attempt: attributes of files that forbid every
//! change, and mounts.

use rustix::fs::{AtFlags, StatxAttributes, StatxFlags};
use rustix::io::Errno;

use crate::host::walk::{Directory, Walk};
use crate::host::{Host, host_file};
use crate::plan::Step;
use crate::problem::{Code, Problem};

/// Looks for obstacles to steps. What cannot be looked at is left to others to say.
#[must_use]
pub fn obstacles(host: &Host, steps: &[Step]) -> Vec<Problem> {
    let mut looker = Looker { walk: Walk::new(host), directory: String::new(), found: Vec::new() };
    for step in steps {
        looker.step(step);
    }
    looker.found
}

struct Looker<'h> {
    walk: Walk<'h>,
    /// The one that was looked at last: most steps are about one where the step before was.
    directory: String,
    found: Vec<Problem>,
}

impl Looker<'_> {
    fn step(&mut self, step: &Step) {
        let (Some(path), false) = (step.path(), matches!(step, Step::Own { .. } | Step::Release { .. }))
        else {
            return;
        };
        let Ok(Some(directory)) = self.walk.parent(path) else { return };
        let in_place = matches!(step, Step::ChangeAccess { .. });
        let above = path.rsplit_once('/').map_or("", |(above, _)| above);
        if !in_place && self.directory != above {
            above.clone_into(&mut self.directory);
            if is_frozen(attributes(directory, "")) {
                self.found.push(frozen(if above.is_empty() { "/" } else { above }));
            }
        }
        if is_new(step) {
            return;
        }
        let attributes = attributes(directory, path.name());
        if is_frozen(attributes) {
            self.found.push(frozen(path));
        } else if attributes.contains(StatxAttributes::MOUNT_ROOT)
            && !in_place
            && !matches!(step, Step::RemoveDirectory { .. })
        {
            self.found.push(mounted(path));
        }
    }
}

/// Whether nothing stands there yet.
const fn is_new(step: &Step) -> bool {
    matches!(step, Step::CreateDirectory { before: None, .. } | Step::WriteFile { before: None, .. })
}

fn attributes(directory: Directory<'_>, name: &str) -> StatxAttributes {
    let flags = AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::statx(directory.fd, name, flags, StatxFlags::empty())
        .map_or(StatxAttributes::empty(), |stat| stat.stx_attributes)
}

fn is_frozen(attributes: StatxAttributes) -> bool {
    attributes.intersects(StatxAttributes::IMMUTABLE | StatxAttributes::APPEND)
}

fn frozen(path: &str) -> Problem {
    Problem::new(Code::HostFile, "An attribute forbids any change of a file or directory")
        .at(path)
        .because("it is immutable or can only be appended to; somebody set that on purpose")
        .help(format!("`lsattr -d {path}` shows the attribute, `chattr -i -a {path}` takes it away"))
}

fn mounted(path: &str) -> Problem {
    Problem::new(Code::HostFile, "Something is mounted right where a file should be replaced")
        .at(path)
        .because("what is mounted cannot be exchanged for something else")
        .help(format!("`findmnt {path}` shows what it is: unmount it, or manage another path"))
}

/// Why something could not be changed, with what to do about it.
#[must_use]
pub fn refused(verb: &str, path: &str, errno: Errno) -> Problem {
    match errno {
        Errno::PERM => frozen(path),
        Errno::BUSY => mounted(path),
        errno => host_file(verb, path, &errno.into()),
    }
}
