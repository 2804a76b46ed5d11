//! The private directory for control sockets and pinned host keys.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::{Code, Problem};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use super::line::Lines;
use super::options::alias;
use super::turns::Turns;

/// The length of the longest directory in which `ssh` can bind its sockets, in bytes. A socket address has
/// 108 bytes, including its final zero. The address has to hold the directory, a slash, the 32 digits of a
/// socket's name, and the dot with 16 characters that `ssh` appends while it binds.
const LONGEST: usize = 108 - 1 - 1 - 32 - 17;

/// The private directory, to which only its owner has access.
#[derive(Clone, Debug)]
pub struct Sockets {
    directory: PathBuf,
    turns: Turns,
    lines: Lines,
}

impl Sockets {
    /// Opens the directory below `XDG_RUNTIME_DIR`, or below `/tmp` if that variable is not set, or names a
    /// directory that is missing or unsuitable.
    ///
    /// # Errors
    /// The directory cannot be created, or is not private to the user.
    pub fn open() -> Result<Self, Problem> {
        let uid = rustix::process::geteuid().as_raw();
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(|path| PathBuf::from(path).join("nixfleet"));
        let directory = match runtime {
            Some(path) if fits(&path) && path.parent().is_some_and(Path::is_dir) => path,
            _ => PathBuf::from(format!("/tmp/nixfleet-{uid}")),
        };
        Self::at(directory, uid)
    }

    /// Opens a directory that the caller chooses, and creates it if it is missing.
    ///
    /// # Errors
    /// The directory cannot be created, or is not private to the user.
    pub fn within(directory: PathBuf) -> Result<Self, Problem> {
        Self::at(directory, rustix::process::geteuid().as_raw())
    }

    fn at(directory: PathBuf, uid: u32) -> Result<Self, Problem> {
        let refuse = |why: String| {
            Problem::new(Code::Usage, "there is no private directory for SSH connections")
                .at(directory.display())
                .because(why)
                .help(
                    "remove the file or directory at this path, or set XDG_RUNTIME_DIR to a directory that \
                     only you can access",
                )
        };
        match DirBuilder::new().mode(0o700).create(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(refuse(error.to_string()));
            }
            _ => {}
        }
        let metadata = fs::symlink_metadata(&directory).map_err(|error| refuse(error.to_string()))?;
        if !metadata.is_dir() || metadata.uid() != uid || metadata.mode() & 0o077 != 0 {
            return Err(refuse("it is not a directory that you own with mode 0700".to_owned()));
        }
        Ok(Self { directory, turns: Turns::default(), lines: Lines::default() })
    }

    /// Returns the private directory.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the schedule of repeated attempts to log in, which all sessions share.
    pub(super) fn turns(&self) -> Turns {
        self.turns.clone()
    }

    /// Returns the queues at jump hosts, which all sessions share.
    pub(super) fn lines(&self) -> Lines {
        self.lines.clone()
    }

    /// Returns the path of the control socket for a host. The path depends on the user, address, port and
    /// pinned key, so a connection that was opened with other settings is never reused.
    #[must_use]
    pub fn socket(&self, host: &Host) -> PathBuf {
        let key = host.ssh.host_key.as_deref().unwrap_or_default();
        let identity = format!("{}\n{}\n{}\n{key}", host.ssh.user, host.addr, host.ssh.port);
        self.directory.join(short_digest(&identity))
    }

    /// Writes the pinned key of a host as a file of known hosts. Returns the path of the file, and the name
    /// of the host in the file.
    pub(super) fn pin(&self, host: &Host, key: &str) -> Result<(PathBuf, String), Problem> {
        let words: Vec<&str> = key.split_whitespace().collect();
        if key.lines().count() != 1 || words.len() < 2 || key.starts_with(['#', '@', '|']) {
            return Err(Problem::new(Code::HostKey, "the pinned host key is not valid")
                .at(format!("hosts.{}.ssh.hostKey", host.name))
                .because("the value must be a key type and a key, as in `ssh-ed25519 AAAA…`")
                .help(format!("print the key of the host: ssh-keyscan -t ed25519 {}", host.addr)));
        }
        let alias = alias(host);
        let line = format!("{alias} {} {}\n", words[0], words[1]);
        let path = self.directory.join(format!("{}.pin", short_digest(&line)));
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
            io::Write::write_all(&mut file, line.as_bytes())?;
            file.persist(&path).map_err(|error| error.error)
        };
        write().map_err(|error| {
            Problem::new(Code::Usage, "the pinned host key cannot be stored")
                .at(path.display())
                .because(error)
        })?;
        Ok((path, alias))
    }
}

/// Whether `ssh` can bind sockets in the directory, and whether `NIX_SSHOPTS` can name these sockets.
fn fits(directory: &Path) -> bool {
    let text = directory.as_os_str().as_encoded_bytes();
    text.len() <= LONGEST && !text.iter().any(u8::is_ascii_whitespace) && !text.contains(&b'%')
}

/// Returns the first 128 bits of the SHA-256 digest, in hexadecimal.
fn short_digest(text: &str) -> String {
    Sha256::digest(text).iter().take(16).fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Waits for the lock of a connection, which keeps other processes from opening the connection. Returns
/// `None` if locks do not work or the wait takes too long. In the worst case the connection is then not
/// shared.
pub(super) async fn lock(socket: &Path) -> Option<File> {
    let file = File::create(socket.with_extension("lock")).ok()?;
    for _ in 0..600 {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Some(file),
            Err(rustix::io::Errno::WOULDBLOCK) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(_) => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use nixfleet_contract::fleet::Ssh;

    use super::*;
    use crate::sample;

    fn host(key: Option<&str>) -> Host {
        Host {
            ssh: Ssh { host_key: key.map(Into::into), ..sample::host("web-1").ssh },
            ..sample::host("web-1")
        }
    }

    fn uid() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    #[test]
    fn a_directory_that_others_may_enter_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let open = root.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Sockets::at(open, uid()).is_err());

        let elsewhere = root.path().join("link");
        std::os::unix::fs::symlink(root.path(), &elsewhere).unwrap();
        assert!(Sockets::at(elsewhere, uid()).is_err());

        let fresh = root.path().join("fresh");
        assert!(Sockets::at(fresh.clone(), uid()).is_ok());
        assert!(Sockets::at(fresh.clone(), uid()).is_ok());
        assert!(Sockets::at(fresh, uid() + 1).is_err());
    }

    #[test]
    fn another_pinned_key_means_another_connection() {
        let root = tempfile::tempdir().unwrap();
        let sockets = Sockets::within(root.path().join("ssh")).unwrap();
        assert_eq!(sockets.socket(&host(None)), sockets.socket(&host(None)));
        assert_ne!(sockets.socket(&host(None)), sockets.socket(&host(Some("ssh-ed25519 AAAA"))));
    }

    #[test]
    fn the_pinned_key_is_the_only_one_in_its_file() {
        let root = tempfile::tempdir().unwrap();
        let sockets = Sockets::within(root.path().join("ssh")).unwrap();
        let (path, alias) = sockets.pin(&host(None), "ssh-ed25519 AAAA root@web").unwrap();
        assert_eq!(alias, "nixfleet-web-1");
        assert_eq!(fs::read_to_string(path).unwrap(), "nixfleet-web-1 ssh-ed25519 AAAA\n");
        assert_eq!(sockets.pin(&host(None), "AAAA").unwrap_err().code, Code::HostKey);
        assert_eq!(sockets.pin(&host(None), "ssh-rsa A\n* ssh-rsa B").unwrap_err().code, Code::HostKey);
    }

    #[test]
    fn long_or_strange_directories_are_not_used() {
        assert!(fits(Path::new("/run/user/1000/nixfleet")));
        assert!(!fits(Path::new("/run/user with space/nixfleet")));
        assert!(!fits(&PathBuf::from(format!("/{}", "x".repeat(LONGEST)))));
    }
}
