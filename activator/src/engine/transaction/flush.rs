//! Sees to it that what was staged is on the disk.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;

use nixfleet_contract::problem::Problem;

use crate::host::{Host, disk, host_file};

/// From this many entries on, writing a whole filesystem to the disk costs less than writing file by file.
pub const MANY: usize = 100;

/// Writes directories to the disk; or, at once, the whole filesystems they are on, with everything that stands there.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`].
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
        write(directory).map_err(|error| host_file("write to the disk", directory, &error))?;
    }
    Ok(())
}

/// Writes directories to the disk; those that are gone meanwhile need it no more.
///
/// # Errors
/// [`nixfleet_contract::problem::Code::HostFile`].
pub fn sync_directories(host: &Host, directories: &BTreeSet<String>) -> Result<(), Problem> {
    for directory in directories {
        match disk::sync_directory(&host.path(directory)) {
            Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(host_file("write to the disk", directory, &error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
