//! NixFleet's own documents in [`super::HOME`], written atomically and flushed to disk.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use nixfleet_contract::problem::Problem;
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::disk::{self, Opening, Writer};
use super::walk::Walk;
use super::{HOME, Host, host_file};

/// The maximum size of a document, in bytes. It is enough for about 300,000 managed paths.
const LIMIT: u64 = 256 * 1024 * 1024;

/// The extension of a document that is being written.
const UNFINISHED: &str = "new";

impl Host {
    /// Creates [`HOME`] with access only for root, if it does not exist.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::HostFile`],
    /// [`nixfleet_contract::problem::Code::DiskFull`], or the errors of [`Self::is_of_root_alone`].
    pub fn create_home(&self) -> Result<(), Problem> {
        self.is_of_root_alone(HOME)?;
        let home = self.path(HOME);
        let above = home.parent().unwrap_or(&home);
        let create = || {
            if home.is_dir() {
                return Ok(());
            }
            disk::make_directories(above, 0o755)?;
            disk::make_directories(&home, 0o700)?;
            // Without this call, a power failure could remove the whole directory.
            disk::sync_directory(above)
        };
        create().map_err(|error| host_file("create the directory", HOME, &error))
    }

    /// Checks that a directory of NixFleet, if it exists, and all its parents are real directories that only
    /// root can write to.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::UnsafePath`].
    pub fn is_of_root_alone(&self, directory: &str) -> Result<(), Problem> {
        let opened = Walk::of_root_alone(self).parent(&format!("{directory}/any")).map(drop);
        opened.map_err(|problem| {
            problem.help(format!(
                "on the host, make {directory} and all directories above it real directories that only root \
                 can write to"
            ))
        })
    }

    /// Reads a document in [`HOME`]. Returns `None` if the document does not exist.
    ///
    /// # Errors
    /// Fails with the kernel's error.
    pub fn read_record(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        read_limited(&self.path(HOME).join(name))
    }

    /// Reads a document in [`HOME`] that states its schema. Returns `None` if the document does not exist.
    ///
    /// # Errors
    /// Fails with the reason, as a clause: the kernel's error, another schema, or a document that is no `T`.
    pub fn read_versioned<T: DeserializeOwned>(&self, name: &str, schema: u32) -> Result<Option<T>, String> {
        #[derive(Deserialize)]
        struct Versioned {
            schema: u32,
        }
        let Some(bytes) = self.read_record(name).map_err(|error| error.to_string())? else { return Ok(None) };
        match serde_json::from_slice(&bytes) {
            Ok(Versioned { schema: found }) if found != schema => Err(format!("it has schema {found}")),
            _ => serde_json::from_slice(&bytes).map(Some).map_err(|error| error.to_string()),
        }
    }

    /// Replaces a document in [`HOME`], and flushes the new document to disk.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::HostFile`] or
    /// [`nixfleet_contract::problem::Code::DiskFull`].
    pub fn write_record(&self, name: &str, document: &impl Serialize) -> Result<(), Problem> {
        let home = self.path(HOME);
        let temporary = home.join(format!("{name}.{UNFINISHED}"));
        let write = || {
            let mut bytes = serde_json::to_vec(document)?;
            bytes.push(b'\n');
            let file = disk::open(CWD, &temporary, Opening::Emptied)?;
            Writer(&file).write_all(&bytes)?;
            disk::sync(&file)?;
            disk::rename(CWD, &temporary, CWD, home.join(name), RenameFlags::empty())?;
            disk::sync_directory(&home)
        };
        write().map_err(|error: io::Error| {
            // Ignore errors of the cleanup. The original error is reported.
            let _ = disk::unlink(CWD, &temporary);
            host_file("write", format!("{HOME}/{name}"), &error)
        })
    }

    /// Removes documents that an interrupted run did not finish writing. The caller must hold the lock.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::HostFile`].
    pub fn remove_unfinished(&self) -> Result<(), Problem> {
        let remove = || {
            for entry in fs::read_dir(self.path(HOME))? {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension == UNFINISHED) && path.is_file() {
                    disk::unlink(CWD, path)?;
                }
            }
            Ok(())
        };
        remove().map_err(|error: io::Error| host_file("remove unfinished documents in", HOME, &error))
    }

    /// Removes a document in [`HOME`] and flushes the removal to disk.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::HostFile`].
    pub fn remove_record(&self, name: &str) -> Result<(), Problem> {
        let home = self.path(HOME);
        let remove = || match disk::unlink(CWD, home.join(name)) {
            Ok(()) | Err(Errno::NOENT) => disk::sync_directory(&home),
            Err(errno) => Err(errno.into()),
        };
        remove().map_err(|error| host_file("remove", format!("{HOME}/{name}"), &error))
    }
}

/// Reads a file of limited size. Returns `None` if the file does not exist.
///
/// # Errors
/// Fails with the kernel's error, or if the file is too large.
pub fn read_limited(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = usize::try_from(file.metadata()?.len().min(LIMIT)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(length + 1);
    file.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(io::Error::other("it is larger than 256 MiB"));
    }
    Ok(Some(bytes))
}
