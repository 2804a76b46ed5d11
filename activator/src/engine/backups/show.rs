//! Reads the content of one backup.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;

use nixfleet_contract::SCHEMA;
use nixfleet_contract::backup::{Backup, BackupReason, Content};
use nixfleet_contract::problem::{Code, Problem};
use rustix::fs::{Mode, OFlags};

use crate::engine::backups::list::found;
use crate::host::{Host, host_file};

/// The maximum size of the content that is shown, in bytes.
const LIMIT: u64 = 48 << 20;

/// The criteria that select a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSelector {
    /// The path that was backed up, or the path of the backup itself.
    pub path: String,
    /// The generation whose change made the backup; `None` if any generation matches.
    pub generation: Option<u64>,
    /// Whether only originals match, and not backups of hand edits.
    pub original: bool,
}

/// Reads the newest backup that matches a selector.
///
/// # Errors
/// No backup matches. Or the backup is a directory, cannot be read, or is larger than 48 MiB.
pub fn show(host: &Host, selector: &BackupSelector) -> Result<(Content, Vec<u8>), Problem> {
    let all = found(host)?;
    let of_path: Vec<&Backup> =
        all.iter().filter(|backup| backup.path == selector.path || backup.place == selector.path).collect();
    let mut meant: Vec<Backup> = of_path
        .iter()
        .filter(|backup| selector.generation.is_none_or(|number| backup.generation == Some(number)))
        .filter(|backup| !selector.original || backup.kind == BackupReason::Original)
        .map(|backup| Backup::clone(backup))
        .collect();
    let backup = meant.pop().ok_or_else(|| none(selector, !of_path.is_empty()))?;
    meant.reverse();
    if backup.directory {
        return Err(Problem::new(
            Code::HostFile,
            "the backup is a directory, and a directory cannot be shown",
        )
        .at(&backup.place)
        .help(format!(
            "list the directory as root: nixfleet run --host HOST --sudo -- ls -la {}",
            backup.place
        )));
    }
    let bytes = read(host, &backup).map_err(|error| host_file("read the backup", &backup.place, &error))?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length > LIMIT {
        return Err(Problem::new(Code::HostFile, "the backup is too large to be shown")
            .at(&backup.place)
            .because(format!("the backup is larger than {} MiB", LIMIT >> 20))
            .help("copy the backup from the host as root, with `nixfleet run --sudo` or scp"));
    }
    Ok((Content { schema: SCHEMA, backup, others: meant, bytes: length }, bytes))
}

fn read(host: &Host, backup: &Backup) -> io::Result<Vec<u8>> {
    let path = host.path(&backup.place);
    if backup.link {
        return Ok(fs::read_link(path)?.as_os_str().as_bytes().to_vec());
    }
    // Do not block if somebody put a pipe or a device at the path of the backup.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is neither a file nor a link"));
    }
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn none(selector: &BackupSelector, has_others: bool) -> Problem {
    let problem = Problem::new(Code::HostFile, "the host has no such backup").at(&selector.path);
    let problem = if has_others {
        problem.because("the host has other backups of this path")
    } else {
        problem.because("the host has no backup of this path")
    };
    problem.help("list the backups: nixfleet backups list")
}
