//! The parts of a host that stay when it is forgotten.

use nixfleet_contract::backup::BackupReason;
use nixfleet_contract::forget::{ForgetMode, Remnant};
use nixfleet_contract::problem::Problem;

use crate::engine::apt::owned::{self, OwnedPackages};
use crate::engine::backups;
use crate::engine::family::paths::slots::BACKUPS;
use crate::engine::state::State;
use crate::host::{HOME, Host};

/// The start of the name, in [`HOME`], of a directory with originals that were set aside.
pub(super) const LEFT: &str = "left-";

/// Returns the parts that stay. Before a host is cleaned, the originals are still in force, so they are not
/// among them.
pub(super) fn of(host: &Host, state: &State, mode: ForgetMode) -> Result<Vec<Remnant>, Problem> {
    let mut remnants = match mode {
        ForgetMode::Leave => in_force(state),
        ForgetMode::Clean => accounts(state),
    };
    let backups = backups::list(host)?.backups;
    let count = |is_counted: fn(&BackupReason) -> bool| {
        backups.iter().filter(|backup| is_counted(&backup.kind)).count()
    };
    let owned = OwnedPackages::read(host)?.installed;
    if mode == ForgetMode::Clean && !owned.is_empty() {
        let names: Vec<&str> = owned.iter().map(|name| &**name as &str).collect();
        let why =
            format!("NixFleet installed them; those that other packages need stay: {}", names.join(", "));
        remnants.push(remnant("packages of apt", why));
    }
    if mode == ForgetMode::Leave && host.path(HOME).join(owned::RECORD).exists() {
        let why = "they stay installed, with their holds and marks; NixFleet forgets which it installed";
        remnants.push(remnant("packages of apt", why));
    }
    let copies = count(|kind| *kind != BackupReason::Original);
    if copies > 0 {
        let why = format!("{copies} backups of replaced content; remove them after you have read them");
        remnants.push(remnant(format!("{HOME}/{BACKUPS}"), why));
    }
    let originals = count(|kind| *kind == BackupReason::Original);
    if mode == ForgetMode::Leave && originals > 0 {
        let why = format!("{originals} originals of managed paths, which nothing restores any more");
        remnants.push(remnant(format!("{HOME}/{LEFT}*"), why));
    }
    Ok(remnants)
}

/// Returns everything that is declared, with the root that protects its store paths.
fn in_force(state: &State) -> Vec<Remnant> {
    let Some(closure) = &state.closure else { return Vec::new() };
    let counts = [
        (state.paths.len(), "paths"),
        (state.units.len(), "units"),
        (state.users.len() + state.groups.len(), "accounts"),
        (state.packages.len(), "packages"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let declared = counts.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ");
    vec![
        remnant("everything declared", format!("{declared}; they stay as they are, and belong to you")),
        remnant(
            "/nix/var/nix/profiles/nixfleet/system",
            format!(
                "the root for garbage collection of {closure}, to which files, units and the PATH refer; remove it \
                 only after them"
            ),
        ),
    ]
}

/// Returns the accounts that NixFleet has created, which are disabled and never removed.
fn accounts(state: &State) -> Vec<Remnant> {
    let users = state.users.iter().filter(|(_, owned)| owned.created).map(|(name, _)| {
        let why = "NixFleet created it; it is locked, and its home and files stay; remove it with userdel";
        remnant(format!("user {name}"), why)
    });
    let groups = state
        .groups
        .iter()
        .map(|name| remnant(format!("group {name}"), "NixFleet created it; remove it with groupdel"));
    users.chain(groups).collect()
}

/// Returns those of these directories that still exist.
pub(super) fn directories(host: &Host, directories: &[&str]) -> impl Iterator<Item = Remnant> {
    let exists = |path: &&&str| host.path(path).is_dir();
    let remnant =
        |path: &&str| remnant(*path, "NixFleet created it, and others have created something in it");
    directories.iter().filter(exists).map(remnant)
}

fn remnant(subject: impl Into<String>, why: impl Into<String>) -> Remnant {
    Remnant { subject: subject.into(), why: why.into() }
}
