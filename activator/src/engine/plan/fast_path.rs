//! The fast path: checks quickly whether a host matches a manifest, so that nothing has to be done. In most
//! runs, the host matches.
//!
//! If the digest of the manifest equals the digest in the recorded state, the manifest is in force. In that
//! case, the recorded paths are the declared paths, so the entries of the manifest need not be read. In every
//! other case, the full comparison decides.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use nixfleet_contract::SCHEMA;
use nixfleet_contract::health::CheckChanges;
use nixfleet_contract::manifest::{Group, Manifest, Package, Unit, User};
use nixfleet_contract::nixos::NixosSystem;
use nixfleet_contract::plan::{PackageChanges, Plan};
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::{Mode, UnitName};
use rustix::fs::{FileType, Statx};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::engine::apt;
use crate::engine::family::paths::home::Homes;
use crate::engine::observe::reading::{self, LARGEST};
use crate::engine::observe::{self, Observed};
use crate::engine::plan::diff::{Diff, TargetView, diff};
use crate::engine::plan::planner;
use crate::engine::plan::target::TargetClosure;
use crate::engine::state::recorded::{PathKind, Recorded, RecordedPath, Text, in_order};
use crate::engine::state::{FileStat, RECORD, State};
use crate::host::Host;
use crate::host::accounts::Accounts;
use crate::host::nixos::Systems;
use crate::host::profile::Profile;
use crate::host::walk::{self, Directory, Walk};

/// Returns a plan without steps if the host needs no change. Returns `None` if only a full comparison can
/// decide whether the host needs a change.
#[must_use]
pub fn unchanged(host: &Host, target_closure: &TargetClosure) -> Option<Plan> {
    let bytes = host.read_record(RECORD).ok()??;
    let recorded: Recorded<'_> = serde_json::from_slice(&bytes).ok()?;
    let in_force = recorded.schema == State::SCHEMA
        && recorded.manifest.as_ref() == Some(&target_closure.digest)
        && recorded.closure.as_ref() == Some(&target_closure.closure);
    let outline: ManifestOutline<'_> =
        if in_force { serde_json::from_slice(&target_closure.manifest).ok()? } else { return None };
    // Neither the states of units of the distribution nor packages of apt are compared here.
    if outline.unit_states.is_some() || outline.apt.is_some() || apt::may_have_work(host) {
        return None;
    }
    let (mut state, paths) = recorded.without_paths();
    let same = state.host == outline.host && outline.names_the_same(&paths);
    // The record of an excluded path contains what was on the host, not what is declared. Therefore, a path
    // that matches its record may still differ from the manifest.
    if !same || !state.excluded.is_empty() || planner::home_objection(host).is_some() {
        return None;
    }
    let accounts = Accounts::read(host).ok()?;
    state.forget_replaced(&accounts);
    let mut walk = Walk::new(host);
    let comparer = PathComparer { accounts: &accounts };
    for (path, recorded) in &paths {
        let Some(directory) = walk.parent(&path.0).ok()? else {
            if recorded.kind == PathKind::Absent {
                continue;
            }
            return None;
        };
        let name = path.0.rsplit('/').next()?;
        comparer.stands(directory, name, recorded).ok().filter(|stands| *stands)?;
    }
    let manifest = outline.manifest();
    // The paths are sorted by name, so a binary search finds them.
    let is_managed = |home: &str| {
        let found = paths.binary_search_by(|(path, _)| (*path.0).cmp(home));
        found.is_ok_and(|index| !paths[index].1.implicit)
    };
    let homes = Homes::of(host, &state, &manifest, &accounts, is_managed);
    let observed = observe_the_rest(host, &state, &manifest, (accounts, homes)).ok()?;
    let exclude = &BTreeSet::new();
    let target = TargetView {
        manifest: &manifest,
        closure: &target_closure.closure,
        number: target_closure.number,
        exclude,
    };
    if diff(&state, target, &observed) != Diff::default() {
        return None;
    }
    Some(Plan {
        schema: SCHEMA,
        host: manifest.host,
        fingerprint: planner::fingerprint(&target_closure.digest, &bytes, &[]).ok()?,
        interrupted: None,
        current: observed.profile.current,
        current_revision: None,
        target: target_closure.closure.clone(),
        packages: PackageChanges::default(),
        check_changes: CheckChanges::default(),
        apt: None,
        steps: Vec::new(),
        drift: Vec::new(),
        problems: Vec::new(),
        excluded: Vec::new(),
        warnings: Vec::new(),
        awaits_boot: Vec::new(),
        system: None,
        dry_activation: Vec::new(),
        lacks: Vec::new(),
        unvalidated: false,
        health_checks: None,
        back_to: None,
        applied_as: None,
    })
}

/// Observes everything on a host except the managed paths.
fn observe_the_rest(
    host: &Host,
    state: &State,
    manifest: &Manifest,
    (accounts, homes): (Accounts, Homes),
) -> Result<Observed, Problem> {
    let (units, absent) = observe::observe_units(host, state, manifest, &BTreeMap::new())?;
    let declared = observe::declared_in_force(host, state, manifest);
    let paths = observe::observe_etc(host, state, manifest, &accounts, &declared);
    let (profile, nixos) = (Profile::read(host)?, Systems::read(host)?);
    // The manifest is in force, so no home changes, and the management of no path ends.
    let rest = Observed::default();
    Ok(Observed { paths, accounts, homes, units, absent, profile, nixos, declared, ..rest })
}

/// The parts of a manifest that the fast path reads. Of each entry, it reads only the path.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestOutline<'m> {
    schema: u32,
    host: String,
    base: String,
    system: String,
    packages: Vec<Package>,
    groups: Vec<Group>,
    users: Vec<User>,
    #[serde(borrow, deserialize_with = "in_order")]
    entries: Vec<(Text<'m>, IgnoredAny)>,
    units: BTreeMap<UnitName, Unit>,
    #[serde(default)]
    nixos: Option<NixosSystem>,
    #[serde(default)]
    unit_states: Option<IgnoredAny>,
    #[serde(default)]
    apt: Option<IgnoredAny>,
}

impl ManifestOutline<'_> {
    /// Whether the declared paths are the same as the recorded paths. Implicit directories are not compared.
    fn names_the_same(&self, recorded: &[(Text<'_>, RecordedPath<'_>)]) -> bool {
        let recorded = recorded.iter().filter(|(_, recorded)| !recorded.implicit).map(|(path, _)| path);
        self.entries.iter().map(|(path, _)| path).eq(recorded)
    }

    fn manifest(self) -> Manifest {
        Manifest {
            schema: self.schema,
            host: self.host,
            base: self.base,
            system: self.system,
            packages: self.packages,
            groups: self.groups,
            users: self.users,
            entries: BTreeMap::new(),
            units: self.units,
            unit_states: BTreeMap::new(),
            health_checks: Vec::new(),
            max_file_size: None,
            nixos: self.nixos,
            apt: None,
        }
    }
}

/// Compares paths on a host with their records.
struct PathComparer<'a> {
    accounts: &'a Accounts,
}

impl PathComparer<'_> {
    /// Whether a path on the host is in its recorded state.
    fn stands(&self, directory: Directory<'_>, name: &str, recorded: &RecordedPath<'_>) -> io::Result<bool> {
        let Some(found) = walk::known(directory, name)? else {
            return Ok(recorded.kind == PathKind::Absent);
        };
        match (FileType::from_raw_mode(found.stx_mode.into()), recorded.kind) {
            (FileType::RegularFile, PathKind::File) => {
                Ok(self.has_access(&found, recorded) && has_content(directory, name, &found, recorded))
            }
            (FileType::Directory, PathKind::Directory) => Ok(self.has_access(&found, recorded)),
            (FileType::Symlink, PathKind::Link) => {
                let target = rustix::fs::readlinkat(directory.fd, name, Vec::new())?;
                Ok(recorded
                    .target
                    .as_ref()
                    .is_some_and(|expected| target.as_bytes() == expected.0.as_bytes()))
            }
            _ => Ok(false),
        }
    }

    fn has_access(&self, found: &Statx, recorded: &RecordedPath<'_>) -> bool {
        recorded.access.as_ref().is_some_and(|access| {
            access.mode == Mode::from_bits(found.stx_mode.into())
                && self.accounts.is_user(found.stx_uid, &access.owner.0)
                && self.accounts.is_group(found.stx_gid, &access.group.0)
        })
    }
}

/// Whether a file has the recorded content. The file is read only if its metadata does not decide this.
fn has_content(directory: Directory<'_>, name: &str, found: &Statx, recorded: &RecordedPath<'_>) -> bool {
    if recorded.stat == Some(FileStat::known(found)) {
        return true;
    }
    let is_other = recorded.stat.is_some_and(|known| known.size != found.stx_size);
    if is_other {
        return false;
    }
    let content = reading::digest(directory, name, |_| Some(LARGEST));
    content.is_ok_and(|found| {
        !found.list && recorded.sha256.as_ref().is_some_and(|expected| expected.0 == found.sha256)
    })
}
