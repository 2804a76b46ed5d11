//! What `NixFleet` owns on a host and how the last transaction left it: `state.json`.
//!
//! Its replacement is the commit point of a transaction.

pub(in crate::engine) mod recorded;

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::generation::Made;
use nixfleet_contract::manifest::{Access, Package, Unit, UserField};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::{AbsPath, AccountName, ManagedPath, Owner, UnitName};
use serde::{Deserialize, Serialize};

use crate::engine::state::recorded::Recorded;
use crate::host::accounts::Accounts;
use crate::host::activator::Version;
use crate::host::{HOME, Host};

/// The name of the state under [`HOME`].
pub const RECORD: &str = "state.json";

/// What is owned on a host. How it is read is the concern of [`Recorded`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// [`State::SCHEMA`] as it is written; older ones are read.
    pub schema: u32,
    /// The newest activator that committed a transaction; nothing where that was one of schema 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activator: Option<Version>,
    /// The transaction that wrote it, from 1; tells a recovery on which side of the commit point a run ended.
    pub transaction: u64,
    /// The host's name, from the manifest.
    pub host: String,
    /// The generation in force; nothing before the first.
    pub generation: Option<u64>,
    /// Its closure.
    pub closure: Option<String>,
    /// SHA-256 of its manifest as it stands in the closure.
    pub manifest: Option<String>,
    /// Packages of its profile.
    pub packages: Vec<Package>,
    /// Every path that is owned, implicit directories too.
    pub paths: BTreeMap<ManagedPath, Owned>,
    /// Groups that were created.
    pub groups: BTreeSet<AccountName>,
    /// Users that are managed or were created.
    pub users: BTreeMap<Owner, OwnedUser>,
    /// Units that are managed.
    pub units: BTreeMap<UnitName, Unit>,
    /// Who made each generation that is there, and from what.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub generations: BTreeMap<u64, Made>,
    /// Paths that the last transaction left as they were, since somebody said so.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", rename = "leftOut")]
    pub excluded: BTreeSet<ManagedPath>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            schema: Self::SCHEMA,
            activator: None,
            transaction: 0,
            host: String::new(),
            generation: None,
            closure: None,
            manifest: None,
            packages: Vec::new(),
            paths: BTreeMap::new(),
            groups: BTreeSet::new(),
            users: BTreeMap::new(),
            units: BTreeMap::new(),
            generations: BTreeMap::new(),
            excluded: BTreeSet::new(),
        }
    }
}

/// A path that is owned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owned {
    /// How the last transaction left it.
    #[serde(flatten)]
    pub thing: Thing,
    /// What becomes of it when management ends.
    #[serde(skip_serializing_if = "Origin::is_created")]
    pub origin: Origin,
    /// Units to restart when it goes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restart_units: Vec<UnitName>,
    /// Units to reload when it goes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reload_units: Vec<UnitName>,
    /// The command to run when it goes; empty for none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on_change: Vec<String>,
}

impl Owned {
    /// Something of which nobody hears when it goes.
    #[must_use]
    pub const fn without_hooks(thing: Thing, origin: Origin) -> Self {
        Self { thing, origin, restart_units: Vec::new(), reload_units: Vec::new(), on_change: Vec::new() }
    }
}

/// What stands at an owned path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Thing {
    /// A directory.
    Directory {
        /// Mode, owner, group.
        access: Access,
        /// Only there because something managed stands in it.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        implicit: bool,
    },
    /// A regular file.
    File {
        /// SHA-256 of its content.
        sha256: String,
        /// Mode, owner, group.
        access: Access,
        /// What the filesystem says about a file with that content.
        #[serde(skip_serializing_if = "Option::is_none")]
        stat: Option<FileStat>,
    },
    /// A symbolic link.
    Link {
        /// What it points at.
        target: String,
    },
    /// Nothing, because nothing may stand there.
    Absent,
}

impl Thing {
    /// Mode, owner, group; a link has none of its own.
    #[must_use]
    pub const fn access(&self) -> Option<&Access> {
        match self {
            Self::Directory { access, .. } | Self::File { access, .. } => Some(access),
            Self::Link { .. } | Self::Absent => None,
        }
    }
}

/// Tells without reading whether a file can have changed: any write changes the time of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStat {
    /// Inode number.
    pub ino: u64,
    /// Length in bytes.
    pub size: u64,
    /// Time of modification, nanoseconds since 1970-01-01.
    pub mtime: i64,
    /// Time of change, nanoseconds since 1970-01-01.
    pub ctime: i64,
}

/// What stood at a path before it was managed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "was")]
pub enum Origin {
    /// Nothing, or something that was adopted: it goes when management ends.
    #[default]
    Created,
    /// Something that was backed up, to be put back.
    Original {
        /// Where its backup is.
        #[serde(rename = "kept")]
        backup: AbsPath,
    },
    /// A directory that was moved away with its content, to be moved back.
    Moved {
        /// Where it is now.
        #[serde(rename = "kept")]
        backup: AbsPath,
    },
    /// A directory, which stays and gets its mode and owner back.
    Existed {
        /// Mode, owner, group before.
        access: Access,
    },
}

impl Origin {
    /// Where the original is, if there is one to put back.
    #[must_use]
    pub const fn backup(&self) -> Option<&AbsPath> {
        match self {
            Self::Original { backup } | Self::Moved { backup } => Some(backup),
            Self::Created | Self::Existed { .. } => None,
        }
    }

    const fn is_created(&self) -> bool {
        matches!(self, Self::Created)
    }
}

/// A user that is managed, or was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnedUser {
    /// It was created here; otherwise it existed before and is never disabled.
    pub created: bool,
    /// It left the manifest and was disabled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Memberships that were added here.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<Owner>,
    /// What stood in each stated field of an account that was there before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub before: BTreeMap<UserField, PreviousField>,
    /// What kept an account from being used before it was disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restriction: Option<Restriction>,
    /// The id of the account that was created here, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
}

/// A field of an account before it was managed, and now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousField {
    /// What stood there before. It comes back when nobody states the field any more.
    pub was: String,
    /// As what the last transaction left it. Anything else is a hand edit.
    pub left: String,
}

/// What keeps an account from being used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restriction {
    /// The day it expires, as in shadow(5); empty for never.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub expires: String,
    /// Whether its password is locked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locked_password: bool,
}

impl State {
    /// Who made a generation, and from what, as far as that is known.
    #[must_use]
    pub fn made(&self, number: u64) -> Made {
        self.generations.get(&number).cloned().unwrap_or_default()
    }

    /// Forgets users of whom somebody made another account since, under the same name: that one was there
    /// before.
    pub fn forget_replaced(&mut self, accounts: &Accounts) {
        self.users.retain(|name, owned| {
            let now = accounts.users.get(&**name).map(|account| account.uid);
            owned.uid.is_none() || now.is_none() || owned.uid == now
        });
    }

    /// The schema that is written. An activator that does not know it would lose what the others say.
    pub const SCHEMA: u32 = 2;
    /// The oldest that is read.
    const OLDEST: u32 = 1;

    /// Reads the state of a host; the default where nothing was ever applied. Also gives its bytes.
    ///
    /// # Errors
    /// [`Code::State`] where it cannot be read, or a newer `NixFleet` wrote it.
    pub fn read(host: &Host) -> Result<(Self, Vec<u8>), Problem> {
        let at = format!("{HOME}/{RECORD}");
        let bytes = host.read_record(RECORD).map_err(|error| unreadable(&at, &error.to_string()))?;
        match bytes {
            None => Ok((Self::default(), Vec::new())),
            Some(bytes) => Ok((Self::parse(&bytes)?, bytes)),
        }
    }

    /// Parses a state.
    ///
    /// # Errors
    /// As [`State::read`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let at = format!("{HOME}/{RECORD}");
        let refused = |error: serde_json::Error| unreadable(&at, &error.to_string());
        // At once, since a state may be large; only one that does not fit is looked at again for its schema.
        let recorded = serde_json::from_slice::<Recorded<'_>>(bytes);
        let schema = match &recorded {
            Ok(recorded) => recorded.schema,
            Err(_) => serde_json::from_slice::<StateHead>(bytes).map_err(refused)?.schema,
        };
        if schema > Self::SCHEMA {
            return Err(Problem::new(Code::State, "a newer NixFleet wrote the state of the host")
                .at(at)
                .because(format!(
                    "its schema is {schema}, but this activator reads {} to {}",
                    Self::OLDEST,
                    Self::SCHEMA
                ))
                .help("apply with the newer NixFleet; nothing was changed"));
        }
        if schema < Self::OLDEST {
            return Err(unreadable(&at, &format!("its schema is {schema}")));
        }
        recorded.map_err(refused)?.try_into().map_err(|why: String| unreadable(&at, &why))
    }
}

/// As much of a state as tells whether the rest can be read.
#[derive(Deserialize)]
struct StateHead {
    schema: u32,
}

fn unreadable(at: &str, why: &str) -> Problem {
    Problem::new(Code::State, "the state of the host cannot be read").at(at).because(why).help(
        "restore the file from a backup; without a backup, move the file away and apply once with \
         onConflict = \"adopt\" for each managed path; nothing was changed",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_cannot_be_trusted_is_refused() {
        let code = |bytes: &[u8]| State::parse(bytes).unwrap_err();
        for bytes in [&b""[..], b"{", b"{}", b"{\"schema\":2}", b"[]", b"{\"schema\":0}"] {
            assert_eq!(code(bytes).code, Code::State);
        }
        assert!(code(b"{\"schema\":3}").what.contains("newer"));
        let state = serde_json::to_vec(&State::default()).unwrap();
        assert_eq!(State::parse(&state).unwrap(), State::default());
    }
}
