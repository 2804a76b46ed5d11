//! The state as recorded in `state.json`, with strings borrowed from the bytes of the file.
//!
//! Most runs find that a host needs no change. They only compare the record with the host, so they need no
//! copies of the strings.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use nixfleet_contract::generation::Made;
use nixfleet_contract::manifest::{Access, Package, Unit};
use nixfleet_contract::values::{AccountName, Invalid, ManagedPath, Mode, Owner, UnitName};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::engine::family::paths::slots::is_original;
use crate::engine::state::{AppliedSystem, FileStat, Origin, Owned, OwnedUnitState, OwnedUser, State, Thing};
use crate::host::activator::Version;

/// The content of `state.json`.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recorded<'r> {
    pub schema: u32,
    #[serde(default)]
    activator: Option<Version>,
    transaction: u64,
    host: String,
    pub generation: Option<u64>,
    pub closure: Option<String>,
    pub manifest: Option<String>,
    packages: Vec<Package>,
    /// The owned paths, in the order in which the file lists them.
    #[serde(borrow, deserialize_with = "in_order")]
    pub paths: Vec<(Text<'r>, RecordedPath<'r>)>,
    groups: BTreeSet<AccountName>,
    users: BTreeMap<Owner, OwnedUser>,
    units: BTreeMap<UnitName, Unit>,
    #[serde(default)]
    unit_states: BTreeMap<UnitName, OwnedUnitState>,
    #[serde(default)]
    generations: BTreeMap<u64, Made>,
    #[serde(default, rename = "leftOut")]
    excluded: BTreeSet<ManagedPath>,
    #[serde(default)]
    nixos: Option<AppliedSystem>,
}

/// A string in a JSON document, borrowed unless it contains escapes.
#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Text<'r>(#[serde(borrow)] pub Cow<'r, str>);

/// An owned path. As in a manifest, one struct has the fields of all kinds of paths.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedPath<'r> {
    pub kind: PathKind,
    #[serde(borrow)]
    pub access: Option<RecordedAccess<'r>>,
    #[serde(default)]
    pub implicit: bool,
    #[serde(borrow)]
    pub sha256: Option<Text<'r>>,
    pub stat: Option<FileStat>,
    #[serde(borrow)]
    pub target: Option<Text<'r>>,
    #[serde(default)]
    origin: Origin,
    #[serde(default)]
    restart_units: Vec<UnitName>,
    #[serde(default)]
    reload_units: Vec<UnitName>,
    #[serde(default)]
    on_change: Vec<String>,
}

/// The kind of an owned path.
#[derive(Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PathKind {
    Directory,
    File,
    Link,
    Absent,
}

/// Mode, owner, group.
#[derive(serde::Deserialize)]
pub struct RecordedAccess<'r> {
    pub mode: Mode,
    #[serde(borrow)]
    pub owner: Text<'r>,
    #[serde(borrow)]
    pub group: Text<'r>,
}

impl<'r> Recorded<'r> {
    /// Separates the paths from the rest of the state.
    pub fn without_paths(mut self) -> (State, Vec<(Text<'r>, RecordedPath<'r>)>) {
        let paths = std::mem::take(&mut self.paths);
        let state = State {
            schema: self.schema,
            activator: self.activator,
            transaction: self.transaction,
            host: self.host,
            generation: self.generation,
            closure: self.closure,
            manifest: self.manifest,
            packages: self.packages,
            paths: BTreeMap::new(),
            groups: self.groups,
            users: self.users,
            units: self.units,
            unit_states: self.unit_states,
            generations: self.generations,
            excluded: self.excluded,
            nixos: self.nixos,
        };
        (state, paths)
    }
}

impl TryFrom<Recorded<'_>> for State {
    type Error = String;

    fn try_from(recorded: Recorded<'_>) -> Result<Self, String> {
        let (state, paths) = recorded.without_paths();
        let invalid = |invalid: Invalid| invalid.to_string();
        let paths = paths.into_iter().map(|(path, recorded)| {
            let path = ManagedPath::try_from(path.0.into_owned()).map_err(invalid)?;
            let owned = Owned::try_from(recorded).map_err(|why| format!("{path}: {why}"))?;
            Ok((path, owned))
        });
        Ok(Self { paths: paths.collect::<Result<_, String>>()?, ..state })
    }
}

impl TryFrom<RecordedPath<'_>> for Owned {
    type Error = String;

    fn try_from(recorded: RecordedPath<'_>) -> Result<Self, String> {
        let missing = |field: &str| format!("missing field `{field}`");
        let access = || match recorded.access {
            Some(RecordedAccess { mode, owner, group }) => {
                let owner = owner.0.parse().map_err(|invalid: Invalid| invalid.to_string())?;
                let group = group.0.parse().map_err(|invalid: Invalid| invalid.to_string())?;
                Ok(Access { mode, owner, group, list: false })
            }
            None => Err(missing("access")),
        };
        let thing = match recorded.kind {
            PathKind::Directory => Thing::Directory { access: access()?, implicit: recorded.implicit },
            PathKind::File => {
                let sha256 = recorded.sha256.ok_or_else(|| missing("sha256"))?.0.into_owned();
                Thing::File { sha256, access: access()?, stat: recorded.stat }
            }
            PathKind::Link => {
                Thing::Link { target: recorded.target.ok_or_else(|| missing("target"))?.0.into_owned() }
            }
            PathKind::Absent => Thing::Absent,
        };
        let RecordedPath { origin, restart_units, reload_units, on_change, .. } = recorded;
        if let Some(backup) = origin.backup()
            && !is_original(backup)
        {
            return Err(format!("there is no original at `{backup}`"));
        }
        Ok(Self { thing, origin, restart_units, reload_units, on_change })
    }
}

/// Deserializes a map as a list of its entries, in the order of the document.
pub fn in_order<'de, D, K, V>(deserializer: D) -> Result<Vec<(K, V)>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de>,
    V: Deserialize<'de>,
{
    struct InOrder<K, V>(PhantomData<(K, V)>);

    impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for InOrder<K, V> {
        type Value = Vec<(K, V)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                entries.push(entry);
            }
            Ok(entries)
        }
    }

    deserializer.deserialize_map(InOrder(PhantomData))
}
