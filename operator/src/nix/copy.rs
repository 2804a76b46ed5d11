//! Copies the closure of a host into the store of the host, through `nix-store --serve` on the host.
//!
//! Archives are streamed from the store of this machine into the connection. They are buffered neither in
//! memory nor on disk, and no host waits for another host.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

use nixfleet_contract::problem::{Code, Problem};
use tracing::debug;

use super::archive;
use super::closure_paths::StorePath;
use super::serve::Serve;

/// The size of the buffer for data that is sent to the host, in bytes.
const BUFFER: usize = 64 << 10;

/// A closure to copy to a host.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// All paths of the closure, each after the paths that it refers to.
    pub paths: Vec<Arc<StorePath>>,
    /// Whether the host fetches paths from its own binary caches if they have them.
    pub substitute: bool,
}

/// The reason why a closure did not arrive.
#[derive(Debug)]
pub enum CopyFailure {
    /// A path of the closure is damaged on this machine.
    Here(Problem),
    /// The host or the connection to it failed.
    There {
        /// The error that occurred when a stream to or from the host was read or written.
        error: io::Error,
        /// Whether the whole closure was sent. If so, the host may have received all of it despite the error.
        all_sent: bool,
    },
}

impl From<io::Error> for CopyFailure {
    fn from(error: io::Error) -> Self {
        Self::There { error, all_sent: false }
    }
}

/// Sends the paths of a closure that the host lacks. If this function succeeds, the host has confirmed that
/// the closure is valid in its store. The host protects the closure from garbage collection until the
/// conversation with `nix-store --serve` ends.
///
/// # Errors
/// The closure did not arrive completely. The next attempt reuses the paths that did arrive.
pub fn copy(transfer: &Transfer, input: &mut dyn Read, output: &mut dyn Write) -> Result<(), CopyFailure> {
    let mut serve = Serve::greet(input, BufWriter::with_capacity(BUFFER, output))?;
    let names = transfer.paths.iter().map(|path| path.path.as_str());
    let valid: BTreeSet<String> = serve.lock(names, transfer.substitute)?.into_iter().collect();
    let missing: Vec<&StorePath> =
        transfer.paths.iter().map(Arc::as_ref).filter(|path| !valid.contains(&path.path)).collect();
    let bytes: u64 = missing.iter().map(|path| path.nar_size).sum();
    let (paths, lacks) = (transfer.paths.len(), missing.len());
    debug!(target: "nixfleet::copy", paths, missing = lacks, bytes, "copying the closure");
    for path in &missing {
        send(path, serve.announce(path)?)?;
    }
    wait_until_valid(&mut serve, transfer, missing.len())
        .map_err(|error| CopyFailure::There { error, all_sent: true })
}

fn wait_until_valid(
    serve: &mut Serve<impl Read, impl Write>,
    transfer: &Transfer,
    sent: usize,
) -> io::Result<()> {
    serve.taken(sent)?;
    // The host is asked once more to protect the closure, because the closure has become valid only now. A
    // garbage collection that began in the meantime learns of this protection. A later garbage collection
    // finds the root that was created before the copy.
    let Some(closure) = transfer.paths.last() else { return Ok(()) };
    match serve.lock([closure.path.as_str()].into_iter(), false)?.first() {
        Some(valid) if *valid == closure.path => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the closure is not valid in the host's Nix store after the copy",
        )),
    }
}

/// Sends the archive of a path. The archive must be as long as announced, otherwise the host would misread
/// the data that follows the archive.
fn send(path: &StorePath, out: &mut impl Write) -> Result<(), CopyFailure> {
    let mut counted = Counted { out, left: path.nar_size };
    let written = archive::write(Path::new(&path.path), &mut counted);
    let changed = |why: &str| {
        let problem = Problem::new(Code::Build, "a path in the store of this machine has been modified");
        let help = format!("repair the path, then apply again: nix-store --repair-path {}", path.path);
        CopyFailure::Here(problem.at(&path.path).because(why).help(help))
    };
    match written {
        Ok(()) if counted.left == 0 => Ok(()),
        Ok(()) => Err(changed("the path is smaller than Nix recorded")),
        Err(archive::ArchiveFailure::Write(error)) if error.kind() == io::ErrorKind::FileTooLarge => {
            Err(changed("the path is larger than Nix recorded"))
        }
        Err(archive::ArchiveFailure::Write(error)) => Err(error.into()),
        Err(archive::ArchiveFailure::Read(file, error)) => {
            Err(changed(&format!("{}: {error}", file.display())))
        }
    }
}

/// A writer that accepts `left` more bytes and refuses all bytes after them.
struct Counted<W> {
    out: W,
    left: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let written = self.out.write(bytes)?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire;
    use super::*;

    /// The answer of a host decides which paths of its closure are sent. The answer cannot request paths
    /// outside of the closure.
    #[test]
    fn a_host_gets_nothing_but_its_closure_whatever_it_claims_to_have() {
        let store = tempfile::tempdir().unwrap();
        let place = |name: &str| store.path().join(name).display().to_string();
        let [mine, other] = [place("mine"), place("else")];
        std::fs::write(&mine, "of this host").unwrap();
        std::fs::write(&other, "of another host").unwrap();
        let mut archived = Vec::new();
        archive::write(Path::new(&mine), &mut archived).unwrap();
        let path = StorePath { path: mine.clone(), nar_size: archived.len() as u64, ..StorePath::default() };
        let transfer = Transfer { paths: vec![Arc::new(path)], substitute: false };
        let mut said = Vec::new();
        for number in [0x5452_eecb, 0x207] {
            wire::number(&mut said, number).unwrap();
        }
        wire::strings(&mut said, [&other].into_iter()).unwrap();
        wire::number(&mut said, 1).unwrap();
        for valid in [&other, &mine] {
            let (mut answers, mut sent) = (said.clone(), Vec::new());
            wire::strings(&mut answers, [valid].into_iter()).unwrap();
            let copied = copy(&transfer, &mut answers.as_slice(), &mut sent);
            assert_eq!(copied.is_ok(), *valid == mine);
            let has = |text: &str| sent.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(has("of this host") && !has("of another host") && !has(&other));
        }
    }
}
