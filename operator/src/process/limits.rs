//! All limits on how much of a host's output is read, and how much of it is kept in memory.
//!
//! A host is not trusted, and many hosts may be hostile at once. Nothing is buffered beyond these limits.
//! Large answers are read from a few hosts at a time, and all large answers that are kept in memory share the
//! budget [`HELD`].

use std::time::Duration;

/// The maximum size of one kind of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The name of the output in the message `more than 1 MiB of …`.
    pub of: &'static str,
    /// The maximum size, in bytes.
    pub bytes: usize,
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The limit for the output of a local program on one stream. The program is trusted, but a bug may make it
/// write endlessly.
pub const OURS: Limit = Limit { of: "output", bytes: 64 * MIB };
/// The limit for one document: a plan, a status, or a list of backups. Plans are the largest documents. They
/// contain up to 16 MiB of texts, which quoting enlarges by a fifth, and some 250 bytes for each of up to
/// 150,000 steps.
pub const DOCUMENT: Limit = Limit { of: "an answer", bytes: 64 * MIB };
/// The limit for one line in the output of a run. The longest line is the report, with some 100 bytes for the
/// path of each backup that was made.
pub const LINE: Limit = Limit { of: "one line", bytes: 32 * MIB };
/// The limit for the whole output of a run: the report, a few notices, and any output of the login shell
/// before them.
pub const RUN: Limit = Limit { of: "the answer of a change", bytes: LINE.bytes + 4 * MIB };
/// The maximum number of bytes kept from the lines of a run that precede its last line.
pub const BEFORE: usize = MIB;
/// The maximum size of a notice, in bytes. With a notice, a run reports what it is waiting for. A notice
/// contains the name of the run and a number.
pub const NOTICE: usize = 4 * KIB;
/// The maximum number of notices that wait in the queue. A run sends two notices. If the queue is full,
/// further notices are dropped.
pub const NOTICES: usize = 16;
/// The limit for the output of a login shell before a script of NixFleet starts.
pub const NOISE: Limit = Limit { of: "output of the login shell", bytes: MIB };
/// The limit for the standard error of a host. Only its beginning and its end are kept.
pub const ERRORS: Limit = Limit { of: "standard error", bytes: 16 * MIB };
/// The number of bytes kept from the beginning of standard error, and the number kept from its end. The
/// beginning contains the errors of `ssh` and `sudo`. At the end, programs report why they failed.
pub const END_OF_ERRORS: usize = 32 * KIB;
/// The maximum size of each text in a problem that a host reports, in bytes. Such texts are shown, sent in
/// notifications, and written into the history.
pub const TEXT: usize = 8 * KIB;
/// The limit for the output of a user's command, if the output is stored.
pub const COMMAND: Limit = Limit { of: "output", bytes: 64 * MIB };

/// The size up to which the answer of a host counts as small, in bytes. All hosts may send small answers at
/// once, so a thousand hosts take at most a gigabyte.
pub const SMALL: usize = MIB;
/// The number of hosts that may send answers above [`SMALL`] at the same time.
pub const LARGE: usize = 4;
/// The time that a host always has for a large answer, even if other hosts wait.
pub const GRACE: Duration = Duration::from_secs(30);
/// The rate at which a host must send a large answer if it needs longer than [`GRACE`] while other hosts
/// wait, in bytes per second. Even a slow link reaches this rate.
pub const RATE: usize = 512 * KIB;
/// The memory that a command may use for all large answers of all hosts, in bytes.
pub const HELD: usize = 512 * MIB;

/// The maximum number of JSON objects in a document. The largest plans that fit into [`DOCUMENT`] have three
/// objects for each step. An object of a few bytes may take several hundred bytes in memory.
pub const OBJECTS: usize = 750_000;
/// The maximum number of JSON values in a document. A value of two bytes may take 32 bytes in memory.
pub const VALUES: usize = 4_000_000;
