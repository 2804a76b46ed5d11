//! The state of a host, as stored in `state.json`: what NixFleet owns on the host, as the last transaction
//! left it.
//!
//! The replacement of this file is the commit point of a transaction.

pub(in crate::engine) mod recorded;

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::generation::Made;
use nixfleet_contract::manifest::{Access, DistributionUnit, Package, Unit, UserField};
use nixfleet_contract::nixos::Loader;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::{AbsPath, AccountName, ManagedPath, Owner, UnitName};
use serde::{Deserialize, Serialize};

use crate::engine::state::recorded::Recorded;
use crate::host::accounts::Accounts;
use crate::host::activator::Version;
use crate::host::{HOME, Host};

/// The file name of the state under [`HOME`].
pub const RECORD: &str = "state.json";

/// The file name, under [`HOME`], of the state after a transaction that changes what a NixOS host boots. The
/// state is staged before the boot default is changed, so that a recovery can complete the commit.
pub const STAGED: &str = "state-staged.json";

/// Everything that NixFleet owns on a host. The file is parsed as [`Recorded`] first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The schema of the state. This activator writes [`State::SCHEMA`], and can read older schemas.
    pub schema: u32,
    /// The newest activator that committed a transaction; `None` if only activators that write schema 1 of
    /// the state have committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activator: Option<Version>,
    /// The number of the transaction that wrote this state, from 1. A recovery compares this number with the
    /// journal to find out whether the run was interrupted before or after its commit point.
    pub transaction: u64,
    /// The host's name, from the manifest.
    pub host: String,
    /// The generation in force; `None` before the first change.
    pub generation: Option<u64>,
    /// The closure of the generation in force.
    pub closure: Option<String>,
    /// SHA-256 of the manifest in the closure of the generation in force.
    pub manifest: Option<String>,
    /// The packages of the profile.
    pub packages: Vec<Package>,
    /// Owned paths, including directories that were created only because managed paths are in them.
    pub paths: BTreeMap<ManagedPath, Owned>,
    /// Groups that NixFleet created.
    pub groups: BTreeSet<AccountName>,
    /// Users that NixFleet manages or created.
    pub users: BTreeMap<Owner, OwnedUser>,
    /// Managed units.
    pub units: BTreeMap<UnitName, Unit>,
    /// The units of the distribution whose state is declared.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unit_states: BTreeMap<UnitName, OwnedUnitState>,
    /// The operator who made each existing generation, and the revision that the generation was made from.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub generations: BTreeMap<u64, Made>,
    /// Paths that the last transaction left as they were, because the operator excluded them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", rename = "leftOut")]
    pub excluded: BTreeSet<ManagedPath>,
    /// The NixOS system of the generation in force; `None` unless the base is `nixos`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nixos: Option<AppliedSystem>,
}

/// The NixOS system of the last transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppliedSystem {
    /// The store path of the system.
    pub toplevel: AbsPath,
    /// The one-time boot of the system, if the boot loader was told to make such a boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_once: Option<PendingBoot>,
}

/// A one-time boot that the boot loader was told to make. Later boots use the boot default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingBoot {
    /// The boot id of the host when the boot loader was told. If the host now has another boot id, the host
    /// has been restarted since then.
    pub boot_id: String,
    /// The boot loader that was told to make the boot.
    pub loader: Loader,
    /// The number of the native generation to boot.
    pub number: u64,
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
            unit_states: BTreeMap::new(),
            generations: BTreeMap::new(),
            excluded: BTreeSet::new(),
            nixos: None,
        }
    }
}

/// A path that NixFleet owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owned {
    /// The path as the last transaction left it.
    #[serde(flatten)]
    pub thing: Thing,
    /// The state of the path before NixFleet managed it. This decides what happens when NixFleet stops
    /// managing the path.
    #[serde(skip_serializing_if = "Origin::is_created")]
    pub origin: Origin,
    /// Units to restart when the path is removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restart_units: Vec<UnitName>,
    /// Units to reload when the path is removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reload_units: Vec<UnitName>,
    /// The command to run when the path is removed; empty for none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on_change: Vec<String>,
}

impl Owned {
    /// Creates an owned path with no units to restart or reload and no command to run.
    #[must_use]
    pub const fn without_hooks(thing: Thing, origin: Origin) -> Self {
        Self { thing, origin, restart_units: Vec::new(), reload_units: Vec::new(), on_change: Vec::new() }
    }
}

/// The state of an owned path, as the last transaction left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Thing {
    /// A directory.
    Directory {
        /// Mode, owner, group.
        access: Access,
        /// Whether the directory was created only because managed paths are in it.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        implicit: bool,
    },
    /// A regular file.
    File {
        /// SHA-256 of the content of the file.
        sha256: String,
        /// Mode, owner, group.
        access: Access,
        /// The metadata of the file when the file had this content.
        #[serde(skip_serializing_if = "Option::is_none")]
        stat: Option<FileStat>,
    },
    /// A symbolic link.
    Link {
        /// The path that the link points at.
        target: String,
    },
    /// Nothing, because the path is declared absent.
    Absent,
}

impl Thing {
    /// Returns mode, owner and group; `None` for a link or an absent path.
    #[must_use]
    pub const fn access(&self) -> Option<&Access> {
        match self {
            Self::Directory { access, .. } | Self::File { access, .. } => Some(access),
            Self::Link { .. } | Self::Absent => None,
        }
    }
}

/// Metadata that shows whether a file may have changed, so that the file need not be read. Every write to the
/// file updates its time of change.
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

/// The state of a path before NixFleet managed it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "was")]
pub enum Origin {
    /// Nothing was at the path, or its content was adopted. When NixFleet stops managing the path, the path
    /// is removed.
    #[default]
    Created,
    /// The previous file or link was backed up. When NixFleet stops managing the path, the backup is put
    /// back.
    Original {
        /// The path of the backup.
        #[serde(rename = "kept")]
        backup: AbsPath,
    },
    /// A directory was moved away with its content. When NixFleet stops managing the path, the directory is
    /// moved back.
    Moved {
        /// The path that the directory was moved to.
        #[serde(rename = "kept")]
        backup: AbsPath,
    },
    /// A directory existed. When NixFleet stops managing the path, the directory gets back its mode and
    /// owner, and is not removed.
    Existed {
        /// The former mode, owner and group of the directory.
        access: Access,
    },
}

impl Origin {
    /// Returns the path of the original; `None` if there is none to put back.
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

/// The state of a unit of the distribution. The links that enable or mask the unit are owned paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnedUnitState {
    /// The declared state.
    pub declared: DistributionUnit,
    /// Whether the unit ran before an apply started or stopped it; `None` if the declaration does not say
    /// whether the unit runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ran: Option<bool>,
}

/// A user that NixFleet manages now or managed before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnedUser {
    /// Whether NixFleet created the user. A user that existed before is never disabled.
    pub created: bool,
    /// Whether the user was disabled because the manifest does not declare the user any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// The groups that NixFleet added the user to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<Owner>,
    /// The former value of each field that the manifest states, if NixFleet did not create the account.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub before: BTreeMap<UserField, PreviousField>,
    /// The restriction that the account had before NixFleet disabled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restriction: Option<Restriction>,
    /// The id of the account, if NixFleet created the account and the id is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
}

/// The values of an account field before NixFleet managed it and after the last transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousField {
    /// The former value. It is restored when the manifest does not state the field any more.
    pub was: String,
    /// The value that the last transaction left. Any other value is a hand edit.
    pub left: String,
}

/// The settings that prevent the use of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restriction {
    /// The expiration date in the format of shadow(5); empty for never.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub expires: String,
    /// Whether the password is locked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locked_password: bool,
}

impl State {
    /// Returns who made a generation and from which revision, as far as that is known.
    #[must_use]
    pub fn made(&self, number: u64) -> Made {
        self.generations.get(&number).cloned().unwrap_or_default()
    }

    /// Returns the greatest recorded number of a generation.
    #[must_use]
    pub fn newest_generation(&self) -> Option<u64> {
        self.generation.max(self.generations.last_key_value().map(|(number, _)| *number))
    }

    /// Forgets users whose account was replaced by another account with the same name. From then on, NixFleet
    /// treats the new account as an account that NixFleet did not create.
    pub fn forget_replaced(&mut self, accounts: &Accounts) {
        self.users.retain(|name, owned| {
            let now = accounts.users.get(&**name).map(|account| account.uid);
            owned.uid.is_none() || now.is_none() || owned.uid == now
        });
    }

    /// The schema that is written. An activator that knows only older schemas would lose data when it writes
    /// the state, so such an activator refuses to read this schema.
    pub const SCHEMA: u32 = 2;
    /// The oldest schema that can be read.
    const OLDEST: u32 = 1;

    /// Reads the state of a host. Returns the state and the bytes of its file. If nothing was ever applied,
    /// returns the default state and no bytes.
    ///
    /// # Errors
    /// Fails with [`Code::State`] if the state cannot be read, or if a newer `NixFleet` wrote it.
    pub fn read(host: &Host) -> Result<(Self, Vec<u8>), Problem> {
        let at = format!("{HOME}/{RECORD}");
        let bytes = host.read_record(RECORD).map_err(|error| unreadable(&at, &error.to_string()))?;
        match bytes {
            None => Ok((Self::default(), Vec::new())),
            Some(bytes) => Ok((Self::parse(&bytes)?, bytes)),
        }
    }

    /// Reads the staged state of a host. Returns `None` if no state is staged.
    ///
    /// # Errors
    /// Fails in the same cases as [`State::read`].
    pub fn staged(host: &Host) -> Result<Option<Self>, Problem> {
        let bytes = host
            .read_record(STAGED)
            .map_err(|error| unreadable(&format!("{HOME}/{STAGED}"), &error.to_string()))?;
        bytes.map(|bytes| Self::parse(&bytes)).transpose()
    }

    /// Parses a state.
    ///
    /// # Errors
    /// Fails in the same cases as [`State::read`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let at = format!("{HOME}/{RECORD}");
        let refused = |error: serde_json::Error| unreadable(&at, &error.to_string());
        // Parse everything in one pass, since a state may be large. Only if that fails, parse the schema
        // alone, to recognize a state of a newer NixFleet.
        let recorded = serde_json::from_slice::<Recorded<'_>>(bytes);
        let schema = match &recorded {
            Ok(recorded) => recorded.schema,
            Err(_) => serde_json::from_slice::<StateHead>(bytes).map_err(refused)?.schema,
        };
        if schema > Self::SCHEMA {
            return Err(Problem::new(Code::State, "a newer NixFleet wrote the state of the host")
                .at(at)
                .because(format!(
                    "the state has schema {schema}, but this activator can read only schemas {} to {}; \
                     nothing was changed",
                    Self::OLDEST,
                    Self::SCHEMA
                ))
                .help("apply with the newer NixFleet"));
        }
        if schema < Self::OLDEST {
            return Err(unreadable(&at, &format!("the state has schema {schema}")));
        }
        recorded.map_err(refused)?.try_into().map_err(|why: String| unreadable(&at, &why))
    }
}

/// The part of a state that tells whether the rest can be read.
#[derive(Deserialize)]
struct StateHead {
    schema: u32,
}

fn unreadable(at: &str, why: &str) -> Problem {
    Problem::new(Code::State, "the state of the host cannot be read")
        .at(at)
        .because(format!("{why}; nothing was changed"))
        .help(
            "restore the file from a backup; without a backup, move the file away and apply once with \
             onConflict = \"adopt\" for each managed path",
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
