//! Syncs files and directories to disk.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;

use nixfleet_contract::problem::{Code, Problem};
use rustix::io::Errno;

use crate::host::walk::{Walk, WalkRefusal};
use crate::host::{Host, disk, host_file};

/// The number of entries above which syncing a whole filesystem is cheaper than syncing file by file.
pub const MANY: usize = 100;

/// Syncs directories, or the whole filesystems that contain them if `at_once` is set.
///
/// # Errors
/// [`Code::HostFile`].
pub fn flush(host: &Host, directories: &BTreeSet<String>, at_once: bool) -> Result<(), Problem> {
    let mut done = BTreeSet::new();
    let mut write = |directory: &String| {
        let open = File::open(host.path(directory))?;
        if !at_once {
            Ok(disk::sync(&open)?)
        } else if done.insert(open.metadata()?.dev()) {
            Ok(disk::sync_filesystem(&open)?)
        } else {
            Ok(())
        }
    };
    for directory in directories {
        write(directory).map_err(|error| host_file("sync", directory, &error))?;
    }
    Ok(())
}

/// Syncs directories. Skips directories that do not exist, and does not follow links that have replaced them.
///
/// # Errors
/// [`Code::HostFile`].
pub fn sync_directories(host: &Host, directories: &BTreeSet<String>) -> Result<(), Problem> {
    let mut walk = Walk::new(host);
    for directory in directories {
        let mut sync = || {
            let Some(opened) = walk.way_to(&format!("{directory}/"))? else { return Ok(()) };
            let failed = |errno: Errno| {
                let error = errno.into();
                WalkRefusal::within(opened, &error, host_file("sync", directory, &error))
            };
            disk::sync(opened.fd).map_err(failed)
        };
        match sync() {
            // A link or file has replaced the directory, perhaps because of this change.
            Err(WalkRefusal { problem, .. }) if problem.code == Code::UnsafePath => {}
            synced => synced.or_else(WalkRefusal::unless_of_others)?,
        }
    }
    Ok(())
}
