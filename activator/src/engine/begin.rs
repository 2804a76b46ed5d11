//! A plan → the journal of a transaction that is about to begin.

use std::os::unix::fs::MetadataExt as _;

use rustix::fs::Stat;

use super::journal::{Facts, Journal, Operation, Phase, Replaced};
use super::planner::Planned;
use super::state::{FileStat, Origin};
use super::status::KEPT;
use super::target::Target;
use crate::host::lock::Holder;
use crate::host::walk::{self, Walk};
use crate::host::{HOME, Host, host_file};
use crate::plan::{Generation, Keep, Step};
use crate::problem::{Code, Problem};
use crate::values::{AbsPath, ManagedPath};
use crate::{SCHEMA, digest};

/// Where slots are, under [`HOME`], where the filesystem is the same as the destination's.
pub const SLOTS: &str = "tx";
/// Where originals are, under [`HOME`].
pub const ORIGINALS: &str = "originals";

/// Looks up everything that undoing each step would need.
///
/// # Errors
/// [`Code::HostFile`] or [`Code::UnsafePath`].
pub fn begin(host: &Host, planned: &Planned, target: &Target, holder: Holder) -> Result<Journal, Problem> {
    let transaction = planned.state.transaction + 1;
    let before = planned.plan.current.clone();
    let number = planned.plan.steps.iter().find_map(|step| match step {
        Step::SwitchProfile { to, .. } => Some(*to),
        _ => None,
    });
    let current = before.as_ref().map(|generation| generation.number);
    let number = number.or(current).unwrap_or_else(|| planned.observed.profile.next_number());
    let device = host.path(HOME).metadata().map_err(|error| host_file("look at", HOME, &error))?.dev();
    let mut beginner = Beginner { host, planned, transaction, number, device, walk: Walk::new(host) };
    let steps = planned.plan.steps.iter().enumerate();
    let operations = steps.map(|(index, step)| beginner.operation(index, step)).collect::<Result<_, _>>()?;
    let after = Generation { number, closure: target.closure.clone() };
    Ok(Journal { schema: SCHEMA, transaction, holder, phase: Phase::Staging, before, after, operations })
}

struct Beginner<'a> {
    host: &'a Host,
    planned: &'a Planned,
    transaction: u64,
    number: u64,
    /// The filesystem of [`HOME`].
    device: u64,
    walk: Walk<'a>,
}

impl Beginner<'_> {
    fn operation(&mut self, index: usize, step: &Step) -> Result<Operation, Problem> {
        let mut kept = None;
        let facts = match step {
            Step::WriteFile { path, keep, .. }
            | Step::WriteLink { path, keep, .. }
            | Step::Remove { path, keep, .. }
            | Step::Restore { path, keep, .. } => {
                kept = self.keeping(path, *keep)?;
                self.slot(index, path)?
            }
            Step::Own { path, keep } => {
                // Of a directory only mode and owner are to be put back, and the state keeps those.
                let stat = self.stat(path)?;
                if stat.is_some_and(|stat| stat.st_mode & 0o170_000 != 0o040_000) && *keep == Keep::Original {
                    kept = self.keeping(path, *keep)?;
                }
                Facts::Nothing
            }
            Step::CreateDirectory { path, .. } | Step::RemoveDirectory { path } => self.slot(index, path)?,
            Step::ChangeAccess { path, .. } => {
                let stat = self.stat(path)?.ok_or_else(|| gone(path))?;
                Facts::Access { uid: stat.st_uid, gid: stat.st_gid, mode: stat.st_mode & 0o7777 }
            }
            Step::CreateUser { user } | Step::ModifyUser { user, .. } => self.account(&user.name),
            Step::DisableUser { name } => self.account(name),
            Step::StopUnit { unit, .. }
            | Step::RestartUnit { unit, .. }
            | Step::ReloadUnit { unit, .. }
            | Step::StartUnit { unit, .. } => {
                let units = self.planned.observed.units.as_ref();
                Facts::Unit { before: units.and_then(|units| units.get(unit).cloned()).unwrap_or_default() }
            }
            Step::SwitchProfile { to, .. } => {
                let begun = self.planned.observed.profile.generation(*to).is_none().then_some(*to);
                Facts::Profile { begun }
            }
            Step::CreateGroup { .. } | Step::Release { .. } | Step::DaemonReload => Facts::Nothing,
        };
        Ok(Operation { step: step.clone(), facts, kept })
    }

    fn account(&self, name: &str) -> Facts {
        Facts::Account { before: self.planned.observed.accounts.users.get(name).cloned() }
    }

    /// A slot on the same filesystem as the destination, or else nothing could be exchanged.
    fn slot(&mut self, index: usize, path: &ManagedPath) -> Result<Facts, Problem> {
        let replaced = self.stat(path)?.map(|stat| Replaced::of(&stat));
        let (directory, depth) = self.walk.nearest(path)?;
        let device = directory.device;
        let slot = if device == self.device {
            format!("{HOME}/{SLOTS}/{}/{index}", self.transaction)
        } else {
            let beside = self.lasting_directory(path, device, depth)?;
            format!("{beside}/.nixfleet-tx-{}-{index}", self.transaction)
        };
        let original = match self.planned.state.paths.get(path).map(|owned| &owned.origin) {
            Some(Origin::Original { kept }) => Some(kept.clone()),
            _ => None,
        };
        Ok(Facts::Slot { slot: own_path(slot)?, staged: None, replaced, original })
    }

    /// The nearest directory above a path that exists now, and still does when all steps are done.
    fn lasting_directory(
        &mut self,
        path: &ManagedPath,
        device: u64,
        depth: usize,
    ) -> Result<String, Problem> {
        let mut above: Vec<ManagedPath> = path.ancestors().take(depth).collect();
        while let Some(directory) = above.last() {
            let going = Step::RemoveDirectory { path: directory.clone() };
            if !self.planned.plan.steps.contains(&going) || self.walk.nearest(directory)?.0.device != device {
                break;
            }
            above.pop();
        }
        Ok(above.last().map(ToString::to_string).unwrap_or_default())
    }

    /// Where old content goes for good. Nothing that is kept already is ever overwritten.
    fn keeping(&self, path: &ManagedPath, keep: Keep) -> Result<Option<AbsPath>, Problem> {
        let (directory, name) = match keep {
            Keep::Nothing => return Ok(None),
            Keep::Copy => (format!("{HOME}/{KEPT}/{}{path}", self.number), ""),
            Keep::Original => (format!("{HOME}/{ORIGINALS}/{}", digest::of(&**path)), "/content"),
        };
        let names = std::iter::once(String::new()).chain((2..).map(|count| format!("~{count}")));
        let free = names
            .map(|suffix| format!("{directory}{suffix}"))
            .find(|candidate| self.host.path(candidate).symlink_metadata().is_err());
        free.map(|free| own_path(free + name)).transpose()
    }

    fn stat(&mut self, path: &ManagedPath) -> Result<Option<Stat>, Problem> {
        let Some(directory) = self.walk.parent(path)? else { return Ok(None) };
        walk::look(directory.fd, path.name()).map_err(|error| host_file("look at", &**path, &error))
    }
}

impl Replaced {
    /// What tells something apart from what may take its place. Not the inode: an overlay filesystem gives a file
    /// another one when it is first written to.
    #[must_use]
    pub fn of(stat: &Stat) -> Self {
        let FileStat { size, mtime, .. } = FileStat::of(stat);
        Self { size, mtime, mode: stat.st_mode }
    }
}

fn own_path(path: String) -> Result<AbsPath, Problem> {
    path.try_into()
        .map_err(|invalid| Problem::new(Code::UnsafePath, "A path is too long to be kept").because(invalid))
}

fn gone(path: &ManagedPath) -> Problem {
    Problem::new(Code::PlanOutdated, "The host changed while the apply began")
        .at(path)
        .because("the path is gone")
}
