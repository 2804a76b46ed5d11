//! Writes store paths as Nix archives. An archive is one stream of bytes that contains everything about a
//! path that is significant to Nix. The format is described in Nix's manual under "Nix Archive (NAR) Format".

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::wire;

/// The number of bytes read from a file at once.
const PIECE: usize = 64 << 10;

/// The reason why an archive could not be written completely.
#[derive(Debug)]
pub enum ArchiveFailure {
    /// A file or directory at this path cannot be read.
    Read(PathBuf, io::Error),
    /// The output cannot be written.
    Write(io::Error),
}

impl From<io::Error> for ArchiveFailure {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// Writes the archive of a path.
///
/// # Errors
/// The path cannot be read, or the archive cannot be written.
pub fn write(path: &Path, out: &mut impl Write) -> Result<(), ArchiveFailure> {
    wire::string(out, "nix-archive-1")?;
    node(path, out)
}

fn node(path: &Path, out: &mut impl Write) -> Result<(), ArchiveFailure> {
    let unreadable = |error| ArchiveFailure::Read(path.to_owned(), error);
    let metadata = fs::symlink_metadata(path).map_err(unreadable)?;
    words(out, &["(", "type"])?;
    if metadata.is_symlink() {
        words(out, &["symlink", "target"])?;
        wire::string(out, fs::read_link(path).map_err(unreadable)?.as_os_str().as_bytes())?;
    } else if metadata.is_dir() {
        words(out, &["directory"])?;
        directory(path, out)?;
    } else {
        let executable = metadata.permissions().mode() & 0o100 != 0;
        words(
            out,
            if executable { &["regular", "executable", "", "contents"] } else { &["regular", "contents"] },
        )?;
        contents(path, metadata.len(), out)?;
    }
    words(out, &[")"])?;
    Ok(())
}

/// Writes the entries of a directory, in the byte order of their names.
fn directory(path: &Path, out: &mut impl Write) -> Result<(), ArchiveFailure> {
    let unreadable = |error| ArchiveFailure::Read(path.to_owned(), error);
    let entries = fs::read_dir(path).map_err(unreadable)?;
    let mut names: Vec<_> =
        entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>().map_err(unreadable)?;
    names.sort_by(|a, b| name_in_archive(a.as_bytes()).cmp(name_in_archive(b.as_bytes())));
    for name in names {
        words(out, &["entry", "(", "name"])?;
        wire::string(out, name_in_archive(name.as_bytes()))?;
        words(out, &["node"])?;
        node(&path.join(&name), out)?;
        words(out, &[")"])?;
    }
    Ok(())
}

/// Returns the name that a file has in an archive. On a filesystem that ignores case, Nix appends `SUFFIX`
/// and a number to a file name that is already taken. The archive contains the name without this suffix and
/// number.
fn name_in_archive(name: &[u8]) -> &[u8] {
    const SUFFIX: &[u8] = b"~nix~case~hack~";
    if !cfg!(target_os = "macos") {
        return name;
    }
    name.windows(SUFFIX.len()).position(|window| window == SUFFIX).map_or(name, |end| &name[..end])
}

fn contents(path: &Path, length: u64, out: &mut impl Write) -> Result<(), ArchiveFailure> {
    let unreadable = |error| ArchiveFailure::Read(path.to_owned(), error);
    wire::number(out, length)?;
    let mut file = File::open(path).map_err(unreadable)?.take(length);
    let mut piece = vec![0; PIECE.min(usize::try_from(length).unwrap_or(PIECE))];
    let mut left = length;
    while left > 0 {
        let read = file.read(&mut piece).map_err(unreadable)?;
        if read == 0 {
            return Err(unreadable(io::ErrorKind::UnexpectedEof.into()));
        }
        out.write_all(&piece[..read])?;
        left -= read as u64;
    }
    wire::padding(out, length)?;
    Ok(())
}

fn words(out: &mut impl Write, words: &[&str]) -> io::Result<()> {
    words.iter().try_for_each(|word| wire::string(out, word))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use sha2::{Digest, Sha256};

    use super::*;

    /// The expected digest is that of the output of `nix-store --dump` (Nix 2.26.3) for the same tree.
    #[test]
    fn an_archive_is_the_one_that_nix_makes() {
        let root = tempfile::tempdir().unwrap();
        let tree = root.path().join("tree");
        fs::create_dir_all(tree.join("b/empty")).unwrap();
        fs::write(tree.join("a"), "exactly8").unwrap();
        fs::write(tree.join("B"), "").unwrap();
        fs::write(tree.join("b/tool"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(tree.join("b/tool"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("../a", tree.join("b/link")).unwrap();
        let mut archive = Vec::new();
        write(&tree, &mut archive).unwrap();
        let digest = format!("{:x}", Sha256::digest(&archive));
        assert_eq!(digest, "e8ab4ce99240ce1f5220e017424eddb0b2ff1cd867e2ef4cab0d23233f88b190");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let root = tempfile::tempdir().unwrap();
        let gone = root.path().join("gone");
        assert!(matches!(write(&gone, &mut Vec::new()), Err(ArchiveFailure::Read(path, _)) if path == gone));
    }
}
