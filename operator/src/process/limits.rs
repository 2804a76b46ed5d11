//! How much is read of what a host says, and how much of that is kept: every such number stands here.
//!
//! A host is not trusted, and many may be hostile at once. So nothing is buffered beyond these limits, what
//! is large is read of a few hosts at a time, and all that is kept shares [`HELD`].

use std::time::Duration;

/// The most that is read of one kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Of what: `more than 1 MiB of …`.
    pub of: &'static str,
    /// In bytes.
    pub bytes: usize,
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// What a program of this machine says on one stream: it is trusted, but a bug may make it talk for ever.
pub const OURS: Limit = Limit { of: "output", bytes: 64 * MIB };
/// One document: a plan, a status, a list of backups. Plans are the largest. They carry up to 16 MiB of
/// texts, a fifth more once those are quoted, and some 250 bytes for each of up to 150,000 steps.
pub const DOCUMENT: Limit = Limit { of: "an answer", bytes: 64 * MIB };
/// One line of a run. The longest is its report, with the path of each copy that was made: some 100 bytes
/// each.
pub const LINE: Limit = Limit { of: "one line", bytes: 32 * MIB };
/// All lines of a run: its report, and a few notices and whatever the login shell has to say before.
pub const RUN: Limit = Limit { of: "the answer of a change", bytes: LINE.bytes + 4 * MIB };
/// How much is kept of the lines of a run that come before the last one.
pub const BEFORE: usize = MIB;
/// A notice: the name of a run and a number.
pub const NOTICE: usize = 4 * KIB;
/// How many notices may wait to be heard. A run has two; more are not heard.
pub const NOTICES: usize = 16;
/// What a login shell says before a script of ours begins.
pub const NOISE: Limit = Limit { of: "output of the login shell", bytes: MIB };
/// What is read of standard error. Only both ends of it are kept.
pub const ERRORS: Limit = Limit { of: "standard error", bytes: 16 * MIB };
/// How many bytes are kept of the beginning of standard error, and as many of its end. The beginning has the
/// errors of `ssh` and `sudo`; at the end, programs say why they failed.
pub const END_OF_ERRORS: usize = 32 * KIB;
/// Each text of a problem that a host describes. It is shown, told to others, and written into the history.
pub const TEXT: usize = 8 * KIB;
/// What a command of the user says, where that is kept.
pub const COMMAND: Limit = Limit { of: "output", bytes: 64 * MIB };

/// What every host may say at any time, in bytes: a thousand hosts take a gigabyte at most.
pub const SMALL: usize = MIB;
/// How many hosts may say more than that at the same time.
pub const LARGE: usize = 4;
/// How long one of them may take in any case, where others wait for it.
pub const GRACE: Duration = Duration::from_secs(30);
/// How many bytes a second it has to send beyond that: a slow link.
pub const RATE: usize = 512 * KIB;
/// What a command keeps of all that is not small, of all hosts together, in bytes.
pub const HELD: usize = 512 * MIB;

/// How many JSON objects a document may have. The largest plans that fit into [`DOCUMENT`] have three for
/// each step; an object of a few bytes may take several hundred in memory.
pub const OBJECTS: usize = 750_000;
/// How many JSON values it may have: one of two bytes may take 32 in memory.
pub const VALUES: usize = 4_000_000;
