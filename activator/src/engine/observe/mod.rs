//! Reads everything on a host that a plan depends on, without changing anything.

mod foreign;
mod path_observer;
pub mod reading;
pub mod special;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use nixfleet_contract::manifest::{Access, Manifest, UNITS, Unit, User, UserField};
use nixfleet_contract::nixos::DeclaredParts;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::step::FileView;
use nixfleet_contract::values::{ManagedPath, Mode, Owner, UnitName};

use crate::engine::apt::release::HeldRelease;
use crate::engine::family::paths::home::Homes;
use crate::engine::observe::path_observer::PathObserver;
use crate::engine::observe::special::Special;
use crate::engine::plan::target::TargetClosure;
use crate::engine::state::{Origin, OwnedUser, State, Thing};
use crate::host::Host;
use crate::host::accounts::{Accounts, Process, processes_by_user};
use crate::host::nixos::{self, Systems};
use crate::host::profile::Profile;
use crate::host::systemd::{Systemd, UnitState};

pub use path_observer::names_in;

/// The target of a link that masks the unit whose unit file the link replaces.
pub const MASK: &str = "/dev/null";

/// The observed state of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The state of each owned path, of each declared path, and of the directories above declared paths.
    pub paths: BTreeMap<ManagedPath, PathState>,
    /// Users and groups.
    pub accounts: Accounts,
    /// The home directories of users.
    pub homes: Homes,
    /// Running processes by user id; only read if a home directory may change.
    pub processes: BTreeMap<u32, Vec<Process>>,
    /// Units that are owned or declared, or that files name for a restart or reload; `None` if systemd does
    /// not run.
    pub units: Option<Units>,
    /// Units that the change needs but the host does not have: units that enabled units name in `WantedBy=`
    /// and similar settings, and templates that get only drop-ins.
    pub absent: BTreeSet<UnitName>,
    /// Units of new packages whose starts are held, each with what the change does with it.
    pub held: BTreeMap<UnitName, HeldRelease>,
    /// Units that are no longer declared and whose original unit file is a mask, a link to `/dev/null`. The
    /// change restores the mask.
    pub original_masks: BTreeSet<UnitName>,
    /// The generations of the host.
    pub profile: Profile,
    /// The NixOS systems of the host; `None` if the host does not run NixOS.
    pub nixos: Option<Systems>,
    /// The files and units that the generation in force declares and that the running NixOS system makes.
    /// Empty if another system runs.
    pub declared: DeclaredParts,
    /// The declared paths below `/etc` of the NixOS system that the change activates, if an object exists
    /// there that NixOS has not made.
    pub foreign: Vec<ManagedPath>,
}

/// Units by name.
type Units = BTreeMap<UnitName, UnitState>;

/// The state of a path on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathState {
    /// Nothing is at the path.
    Missing,
    /// A regular file.
    File {
        /// SHA-256 of the content of the file.
        sha256: String,
        /// Length in bytes.
        size: u64,
        /// Mode, owner, group.
        access: Access,
    },
    /// A directory.
    Directory {
        /// Mode, owner, group.
        access: Access,
        /// The names of the entries of the directory; only read if the directory would be removed, or would
        /// get another mode or owner.
        holds: Vec<String>,
    },
    /// A symbolic link.
    Link {
        /// The path that the link points at.
        target: String,
    },
    /// A device, socket or pipe.
    Other(Special),
    /// A path that cannot be read safely.
    Unreachable(Problem),
}

impl PathState {
    /// Whether the path is still in the state `thing`, in which the last transaction left it.
    #[must_use]
    pub fn is(&self, thing: &Thing) -> bool {
        match (self, thing) {
            (Self::File { sha256, access, .. }, Thing::File { sha256: left, access: was, .. }) => {
                sha256 == left && access == was
            }
            (Self::Directory { access, .. }, Thing::Directory { access: was, .. }) => access == was,
            (Self::Link { target }, Thing::Link { target: was }) => target == was,
            (Self::Missing, Thing::Absent) => true,
            _ => false,
        }
    }

    /// Returns the view of the path that a plan shows; `None` unless a file, a directory or a link is at the
    /// path.
    #[must_use]
    pub fn view(&self) -> Option<FileView> {
        let view = |sha256: Option<&String>, size: u64, access: &Access| {
            let (sha256, access) = (sha256.cloned(), access.clone());
            let (link, text) = (None, None);
            Some(FileView { sha256, size, access, link, foreign: false, text, private: false })
        };
        match self {
            Self::File { sha256, size, access } => view(Some(sha256), *size, access),
            Self::Directory { access, .. } => view(None, 0, access),
            Self::Link { target } => {
                let access = Access {
                    mode: Mode::from_bits(0o777),
                    owner: Owner::root(),
                    group: Owner::root(),
                    list: false,
                };
                let view = view(None, target.len() as u64, &access);
                view.map(|view| FileView { link: Some(target.clone()), ..view })
            }
            Self::Missing | Self::Other(_) | Self::Unreachable(_) => None,
        }
    }
}

impl Observed {
    /// Returns the observed state of a path.
    #[must_use]
    pub fn found(&self, path: &ManagedPath) -> &PathState {
        self.paths.get(path).unwrap_or(&PathState::Missing)
    }

    /// Returns the units whose starts stay held after the change.
    #[must_use]
    pub fn stay_held(&self) -> BTreeSet<UnitName> {
        let stay = self.held.iter().filter(|(_, release)| **release == HeldRelease::Stay);
        stay.map(|(unit, _)| unit.clone()).collect()
    }
}

/// Observes a host. `held`: the units whose starts are held.
///
/// # Errors
/// The accounts, systemd or the profile cannot be read. A path that cannot be read is no error, but
/// [`PathState::Unreachable`].
pub fn observe(
    host: &Host,
    state: &State,
    manifest: &Manifest,
    held: BTreeMap<UnitName, HeldRelease>,
) -> Result<Observed, Problem> {
    let accounts = Accounts::read(host)?;
    let homes = Homes::of(host, state, manifest, &accounts, |home| manifest.entries.contains_key(home));
    let new_homes: Vec<ManagedPath> = homes.missing().collect();
    let directories = directories_above(manifest.standing_paths().chain(&new_homes));
    let originals = directories_of_originals(state, manifest);
    // Observe the directories above absent paths too. If a file is in place of such a directory, nothing can
    // be at the absent path.
    let above = directories_above(manifest.entries.keys());
    let wanted = directories.iter().chain(&above).chain(&originals);
    let wanted = wanted.chain(state.paths.keys()).chain(manifest.entries.keys());
    let declared = declared_in_force(host, state, manifest);
    let new = foreign::new_in_etc(host, manifest);
    let new_paths = || new.into_iter().flat_map(|new| new.keys());
    let wanted = wanted.chain(declared.etc.keys()).chain(new_paths());
    let wanted: BTreeSet<&ManagedPath> = wanted.collect();
    let etc = [Some(&declared.etc), new];
    let observer = PathObserver { accounts: &accounts, state, manifest, etc, needed: &directories };
    let paths = observer.all(host, wanted.into_iter());
    let foreign = foreign::foreign(host, new_paths(), &paths);
    let (units, absent) = observe_units(host, state, manifest, &held)?;
    let processes =
        if homes_may_change(state, manifest, &accounts) { processes_by_user(host) } else { BTreeMap::new() };
    let (profile, nixos) = (Profile::read(host)?, Systems::read(host)?);
    let original_masks = original_masks(host, state, manifest);
    Ok(Observed {
        paths,
        accounts,
        homes,
        processes,
        units,
        absent,
        held,
        original_masks,
        profile,
        nixos,
        declared,
        foreign,
    })
}

/// Returns the parts of the running NixOS system that the generation in force declares. They are empty if
/// another tool has activated another system since, or if the closure of the generation cannot be read.
pub fn declared_in_force(host: &Host, state: &State, manifest: &Manifest) -> DeclaredParts {
    let Some(applied) = state.nixos.as_ref().map(|applied| &applied.toplevel) else {
        return DeclaredParts::default();
    };
    if nixos::running(host).as_ref() != Some(applied) {
        return DeclaredParts::default();
    }
    let wanted = manifest.nixos.as_ref().filter(|wanted| wanted.toplevel == *applied);
    if let Some(wanted) = wanted {
        return wanted.declared.clone();
    }
    let closure = state.closure.as_deref().map(TargetClosure::of_closure);
    let manifest = closure.and_then(|closure| Manifest::parse(&closure.ok()?.manifest).ok());
    manifest.and_then(|manifest| manifest.nixos).map(|system| system.declared).unwrap_or_default()
}

/// Observes the declared paths below `/etc` that the NixOS system makes.
pub fn observe_etc(
    host: &Host,
    state: &State,
    manifest: &Manifest,
    accounts: &Accounts,
    declared: &DeclaredParts,
) -> BTreeMap<ManagedPath, PathState> {
    let etc = [Some(&declared.etc), None];
    let observer = PathObserver { accounts, state, manifest, etc, needed: &BTreeSet::new() };
    observer.all(host, declared.etc.keys())
}

/// Whether an account may get another home directory.
fn homes_may_change(state: &State, manifest: &Manifest, accounts: &Accounts) -> bool {
    let differs =
        |user: &User| accounts.users.get(&*user.name).is_some_and(|account| *account.home != *user.home);
    let comes_back = |owned: &OwnedUser| owned.before.contains_key(&UserField::Home);
    manifest.users.iter().any(differs) || state.users.values().any(comes_back)
}

/// Returns the state of every unit that a plan may touch, and the units of [`Observed::absent`].
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::Unit`] if systemd does not answer.
pub fn observe_units(
    host: &Host,
    state: &State,
    manifest: &Manifest,
    held: &BTreeMap<UnitName, HeldRelease>,
) -> Result<(Option<Units>, BTreeSet<UnitName>), Problem> {
    let Some(systemd) = Systemd::of(host) else { return Ok((None, BTreeSet::new())) };
    let mut names = units_of(state, manifest);
    names.extend(held.keys());
    names.sort();
    names.dedup();
    let units = systemd.show(&names)?;
    let enabled = manifest.units.values().filter(|unit| unit.enabled == Some(true));
    let brought = |name: &UnitName| manifest.units.get(name).is_some_and(|unit| unit.enabled.is_some());
    // The states above cover only the running instances of a template, so look for the template itself.
    let templates = manifest.units.keys().filter(|name| name.is_template() && !name.is_family()).cloned();
    let wanted = enabled.flat_map(Unit::wanted_by).chain(templates).filter(|name| !brought(name)).collect();
    // Ignore the unit files that NixFleet manages, since the change may remove them.
    let ours = |file: &str| {
        let name = file.strip_prefix(UNITS).and_then(|name| name.parse::<UnitName>().ok());
        name.is_some_and(|name| state.units.get(&name).is_some_and(|unit| unit.enabled.is_some()))
    };
    Ok((Some(units), systemd.absent(wanted, ours)?))
}

/// Returns every directory above the paths.
pub fn directories_above<'a>(paths: impl Iterator<Item = &'a ManagedPath>) -> BTreeSet<ManagedPath> {
    let mut directories = BTreeSet::new();
    for path in paths {
        // Start with the nearest directory. If it is in the set already, so are all directories above it.
        let mut above = path.parent();
        while let Some(directory) = above.take_if(|directory| !directories.contains(directory)) {
            above = directory.parent();
            directories.insert(directory);
        }
    }
    directories
}

/// Returns the directories into which originals will be put back. Also returns all directories above a
/// directory whose mode and owner will be restored.
fn directories_of_originals(state: &State, manifest: &Manifest) -> Vec<ManagedPath> {
    let ended = state.paths.iter().filter(|(path, _)| !manifest.entries.contains_key(*path));
    let directories = ended.flat_map(|(path, owned)| match owned.origin {
        Origin::Created => Vec::new(),
        Origin::Original { .. } | Origin::Moved { .. } => path.parent().into_iter().collect(),
        Origin::Existed { .. } => path.ancestors().collect(),
    });
    directories.collect()
}

/// Returns the units of [`Observed::original_masks`].
fn original_masks(host: &Host, state: &State, manifest: &Manifest) -> BTreeSet<UnitName> {
    let ended = state.paths.iter().filter(|(path, _)| !manifest.entries.contains_key(*path));
    let masks = ended.filter(|(_, owned)| match &owned.origin {
        Origin::Original { backup } => {
            fs::read_link(host.path(backup)).is_ok_and(|target| target == Path::new(MASK))
        }
        Origin::Created | Origin::Moved { .. } | Origin::Existed { .. } => false,
    });
    masks.filter_map(|(path, _)| unit_of_file(path)).collect()
}

/// Returns the unit whose unit file is at this path in the directory of unit files, if any.
#[must_use]
pub fn unit_of_file(path: &ManagedPath) -> Option<UnitName> {
    path.strip_prefix(UNITS)?.parse().ok()
}

/// Returns every unit that a plan may touch.
#[must_use]
pub fn units_of<'a>(state: &'a State, manifest: &'a Manifest) -> Vec<&'a UnitName> {
    let owned = state.paths.values().flat_map(|owned| owned.restart_units.iter().chain(&owned.reload_units));
    let wanted =
        manifest.entries.values().flat_map(|entry| entry.restart_units().iter().chain(entry.reload_units()));
    let units = state.units.iter().chain(&manifest.units);
    let managed = units.flat_map(|(name, unit)| [Some(name), unit.instance.as_ref()]).flatten();
    // systemd does not yet know which service a new socket starts, but the manifest does.
    let known = |name: &UnitName| state.units.get(name).and_then(|unit| unit.handling.activates.as_ref());
    let new = manifest.units.iter().filter(|(name, unit)| known(name) != unit.handling.activates.as_ref());
    let activated = new.filter_map(|(_, unit)| unit.handling.activates.as_ref());
    // A declared unit of a NixOS system should run only if one of the units that start it runs.
    let stated = state.unit_states.keys().chain(manifest.unit_states.keys());
    let parts = manifest.nixos.iter().flat_map(|system| &system.declared.units);
    let of_system = parts.flat_map(|(name, started_by)| std::iter::once(name).chain(started_by));
    managed
        .chain(of_system)
        .chain(stated)
        .chain(activated)
        .chain(owned)
        .chain(wanted)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}
