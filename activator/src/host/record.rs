//! Documents of our own under [`super::HOME`], written all or nothing and to the disk.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use serde::Serialize;

use super::{HOME, Host, host_file};
use crate::problem::Problem;

/// The largest document that is read, in bytes: some 300,000 managed paths.
const LIMIT: u64 = 256 * 1024 * 1024;

impl Host {
    /// Creates [`HOME`] for root alone, if it is not there.
    ///
    /// # Errors
    /// [`crate::problem::Code::HostFile`] or [`crate::problem::Code::DiskFull`].
    pub fn create_home(&self) -> Result<(), Problem> {
        let home = self.path(HOME);
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(home.parent().unwrap_or(&home))
            .and_then(|()| match DirBuilder::new().mode(0o700).create(&home) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                other => other,
            })
            .map_err(|error| host_file("create the directory", HOME, &error))
    }

    /// Reads a document of [`HOME`]; nothing where it does not exist.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn read_record(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        read_limited(&self.path(HOME).join(name))
    }

    /// Replaces a document of [`HOME`]; afterwards it is on the disk.
    ///
    /// # Errors
    /// [`crate::problem::Code::HostFile`] or [`crate::problem::Code::DiskFull`].
    pub fn write_record(&self, name: &str, document: &impl Serialize) -> Result<(), Problem> {
        let home = self.path(HOME);
        let temporary = home.join(format!("{name}.new"));
        let write = || {
            let mut bytes = serde_json::to_vec(document)?;
            bytes.push(b'\n');
            let options =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary);
            let mut file = options?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, home.join(name))?;
            File::open(&home)?.sync_all()
        };
        write().map_err(|error: io::Error| {
            // Best effort: what counts is the error itself.
            let _ = fs::remove_file(&temporary);
            host_file("write", format!("{HOME}/{name}"), &error)
        })
    }

    /// Removes a document of [`HOME`]; afterwards that is on the disk.
    ///
    /// # Errors
    /// [`crate::problem::Code::HostFile`].
    pub fn remove_record(&self, name: &str) -> Result<(), Problem> {
        let home = self.path(HOME);
        let remove = || match fs::remove_file(home.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => File::open(&home)?.sync_all(),
        };
        remove().map_err(|error| host_file("remove", format!("{HOME}/{name}"), &error))
    }
}

/// Reads a file of bounded size; nothing where it does not exist.
///
/// # Errors
/// What the kernel says, or that the file is too large to be one of ours.
pub fn read_limited(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(io::Error::other("it is larger than 256 MiB"));
    }
    Ok(Some(bytes))
}
