//! The database of the history: its location, how it is opened, and the problems that can occur.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{FlockOperation, flock};

use super::schema;
use crate::state::StateDir;

/// The directory of the history, below the state directory.
const FOLDER: &str = "history";
/// The directory of the files that mark running commands.
const RUNNING: &str = "history/running";
/// How long to wait while other commands write to the database.
const BUSY: Duration = Duration::from_secs(10);

/// An open database of the history.
#[derive(Debug)]
pub struct Store {
    pub(super) connection: Connection,
    path: PathBuf,
    running: PathBuf,
}

impl Store {
    /// Opens the database for writing, and creates it if it does not exist.
    ///
    /// # Errors
    /// Fails if the database cannot be written, is damaged, or was written by a newer version.
    pub fn open(state: &StateDir) -> Result<Self, Problem> {
        let (folder, running) = (state.folder(FOLDER)?, state.folder(RUNNING)?);
        let path = folder.join("history.db");
        let open = || {
            // The lock ensures that only one process at a time creates the database or migrates it.
            let lock = File::open(&folder)?;
            flock(&lock, FlockOperation::LockExclusive)?;
            // The history names hosts and people, so only its owner may read it. SQLite gives the same mode
            // to the files that it creates next to the database.
            OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
            Ok(lock)
        };
        let lock = open().map_err(|error: std::io::Error| crate::state::unusable(&path, &error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut store = Self::connect(path, running, flags)?;
        let prepared = prepare(&mut store.connection);
        prepared.map_err(|error| store.problem(&error))?;
        drop(lock);
        Ok(store)
    }

    /// Opens the database for reading. Returns `None` if nothing was ever written to the database.
    ///
    /// # Errors
    /// Fails if the database cannot be read, is damaged, or was written by a newer version.
    pub fn look(state: &StateDir) -> Result<Option<Self>, Problem> {
        let (path, running) = (state.path(FOLDER).join("history.db"), state.path(RUNNING));
        if std::fs::metadata(&path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let store = Self::connect(path, running, flags)?;
        // Another command may have just created the database without having written to it yet.
        let is_empty = schema::version(&store.connection).map_err(|error| store.problem(&error))? == 0;
        Ok(Some(store).filter(|_| !is_empty))
    }

    fn connect(path: PathBuf, running: PathBuf, flags: OpenFlags) -> Result<Self, Problem> {
        let connection = Connection::open_with_flags(&path, flags).map_err(|error| problem(&path, &error))?;
        let store = Self { connection, path, running };
        let version = store.connection.busy_timeout(BUSY).and_then(|()| schema::version(&store.connection));
        match version.map_err(|error| store.problem(&error))? {
            newer if newer > schema::VERSION => {
                Err(Problem::new(Code::History, "the history cannot be used")
                    .at(store.path.display())
                    .because(format!(
                        "the history has schema {newer}, but this nixfleet can read only schemas up to {}",
                        schema::VERSION
                    ))
                    .help("use the nixfleet that wrote the history, or a newer one"))
            }
            _ => Ok(store),
        }
    }

    /// Returns the directory of the files that mark running commands.
    pub fn running(&self) -> &Path {
        &self.running
    }

    /// Converts an error of the database into a problem to report.
    pub fn problem(&self, error: &rusqlite::Error) -> Problem {
        problem(&self.path, error)
    }
}

/// Configures the connection and migrates the database. In WAL mode (write-ahead log), writers wait for each
/// other, but readers never wait.
fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // With `NORMAL`, the database stays intact even if this machine goes down. At worst, the last events are
    // missing.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A long write makes the write-ahead log grow. The log is truncated to this size afterwards.
    connection.pragma_update(None, "journal_size_limit", 4 << 20)?;
    if schema::version(connection)? < schema::VERSION { schema::migrate(connection) } else { Ok(()) }
}

fn problem(path: &Path, error: &rusqlite::Error) -> Problem {
    let problem = Problem::new(Code::History, "the history cannot be used").at(path.display()).because(error);
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            let path = path.display();
            problem
                .help(format!("move the file away to start a new, empty history: mv {path} {path}.damaged"))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => problem
            .help("wait until the program that uses this file has finished, then run the command again"),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            problem.help(format!(
                "make yourself the owner of the file, or set {} to a directory that you own",
                crate::state::VARIABLE
            ))
        }
        Some(ErrorCode::DiskFull) => problem.help("free disk space on the filesystem of the file"),
        _ => problem,
    }
}
