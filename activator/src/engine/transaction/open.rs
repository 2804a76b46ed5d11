//! A plan → the journal of a transaction that is about to begin.

use std::collections::BTreeSet;
use std::io;

use nixfleet_contract::holder::Holder;
use nixfleet_contract::plan::Generation;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::accounts::{CreateUser, DisableUser, ModifyUser, ReleaseUser};
use nixfleet_contract::step::commands::RunCommand;
use nixfleet_contract::step::paths::{
    ChangeAccess, CreateDirectory, CreateHome, Own, Remove, RemoveDirectory, WriteFile, WriteLink,
};
use nixfleet_contract::step::profile::SwitchProfile;
use nixfleet_contract::step::units::UnitJob;
use nixfleet_contract::step::{AccountStep, CommandStep, Keep, PathStep, ProfileStep, Step, UnitStep};
use nixfleet_contract::values::{AbsPath, ManagedPath};
use rustix::fs::Stat;

use crate::digest;
use crate::engine::family::paths::access::{self, Inode};
use crate::engine::family::paths::ownership::ids;
use crate::engine::family::paths::slots::{self, CONTENT, KEPT, ORIGINALS, SLOTS};
use crate::engine::family::paths::swap::outdated;
use crate::engine::family::units::bystanders;
use crate::engine::plan::planner::Planned;
use crate::engine::plan::target::Target;
use crate::engine::state::{FileStat, Origin};
use crate::engine::transaction::journal::{Facts, Journal, Operation, Phase, Replaced};
use crate::host::walk::{self, Directory, Place, Walk};
use crate::host::{HOME, Host, host_file};

/// Looks up everything that undoing each step would need.
///
/// # Errors
/// [`Code::HostFile`] or [`Code::UnsafePath`]; [`Code::Unit`] where systemd does not answer.
pub fn open(host: &Host, planned: &Planned, target: &Target, holder: Holder) -> Result<Journal, Problem> {
    let transaction = planned.state.transaction + 1;
    let before = planned.plan.current.clone();
    let number = planned.plan.steps.iter().find_map(|step| match step {
        Step::Profile(ProfileStep::SwitchProfile(SwitchProfile { to, .. })) => Some(*to),
        _ => None,
    });
    let current = before.as_ref().map(|generation| generation.number);
    let number = number.or(current).unwrap_or_else(|| planned.observed.profile.next_number());
    let mut walk = Walk::new(host);
    let home = place(HOME, walk.nearest(&format!("{HOME}/{SLOTS}"))?.0)?;
    let (becoming, going) = directories(&planned.plan.steps);
    let mut beginner = Opener { host, planned, transaction, number, home, walk, becoming, going };
    let steps = planned.plan.steps.iter().enumerate();
    let operations = steps.map(|(index, step)| beginner.operation(index, step)).collect::<Result<_, _>>()?;
    let after = Generation { number, closure: target.closure.clone() };
    let before_units = bystanders::before(host, &planned.plan.steps, &planned.observed)?;
    let (schema, phase) = (Journal::SCHEMA, Phase::Preparing);
    Ok(Journal { schema, transaction, holder, phase, before, after, operations, before_units })
}

/// Paths that become directories, and paths that are none afterwards.
fn directories(steps: &[Step]) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let (mut becoming, mut going) = (BTreeSet::new(), BTreeSet::new());
    for step in steps {
        match step {
            Step::Path(
                PathStep::CreateDirectory(CreateDirectory { path, .. })
                | PathStep::CreateHome(CreateHome { path, .. }),
            ) => becoming.insert(&**path),
            Step::Path(
                PathStep::RemoveDirectory(RemoveDirectory { path })
                | PathStep::WriteFile(WriteFile { path, .. })
                | PathStep::WriteLink(WriteLink { path, .. })
                | PathStep::Restore(Remove { path, .. }),
            ) => going.insert(&**path),
            _ => false,
        };
    }
    (becoming, going)
}

struct Opener<'a> {
    host: &'a Host,
    planned: &'a Planned,
    transaction: u64,
    number: u64,
    /// Where [`HOME`] is.
    home: Place,
    walk: Walk<'a>,
    becoming: BTreeSet<&'a str>,
    going: BTreeSet<&'a str>,
}

impl Opener<'_> {
    fn operation(&mut self, index: usize, step: &Step) -> Result<Operation, Problem> {
        let mut kept = None;
        let facts = match step {
            Step::Path(
                PathStep::CreateDirectory(CreateDirectory { path, keep, .. })
                | PathStep::WriteFile(WriteFile { path, keep, .. })
                | PathStep::WriteLink(WriteLink { path, keep, .. })
                | PathStep::Remove(Remove { path, keep, .. })
                | PathStep::Restore(Remove { path, keep, .. }),
            ) => {
                kept = self.keeping(path, *keep)?;
                self.slot(index, path)?
            }
            Step::Path(PathStep::Own(Own { path, keep })) => {
                // Of a directory only mode and owner are to be put back, and the state keeps those.
                let stat = self.stat(path)?;
                if stat.is_some_and(|stat| stat.st_mode & 0o170_000 != 0o040_000) && *keep == Keep::Original {
                    kept = self.keeping(path, *keep)?;
                }
                Facts::Nothing
            }
            Step::Path(
                PathStep::RemoveDirectory(RemoveDirectory { path })
                | PathStep::CreateHome(CreateHome { path, .. }),
            ) => self.slot(index, path)?,
            Step::Path(PathStep::ChangeAccess(ChangeAccess { path, before, .. })) => {
                let stat = self.stat(path)?.ok_or_else(|| outdated(path))?;
                let (uid, gid, mode) = access::rights(&stat);
                let (owner, group) = ids(&self.planned.observed.accounts, before)?;
                if (uid, gid, mode) != (owner, group, before.mode.bits()) {
                    return Err(outdated(path));
                }
                if stat.st_mode & 0o170_000 == 0o040_000 {
                    Facts::Access { uid, gid, mode, inode: Some(Inode::of(&stat)) }
                } else {
                    self.slot(index, path)?
                }
            }
            Step::Account(
                AccountStep::CreateUser(CreateUser { user })
                | AccountStep::ModifyUser(ModifyUser { user, .. }),
            ) => self.account(&user.name),
            Step::Account(
                AccountStep::ReleaseUser(ReleaseUser { name, .. })
                | AccountStep::DisableUser(DisableUser { name, .. }),
            ) => self.account(name),
            Step::Unit(
                UnitStep::StopUnit(UnitJob { unit, .. })
                | UnitStep::RestartUnit(UnitJob { unit, .. })
                | UnitStep::ReloadUnit(UnitJob { unit, .. })
                | UnitStep::StartUnit(UnitJob { unit, .. }),
            ) => {
                let units = self.planned.observed.units.as_ref();
                Facts::Unit { before: units.and_then(|units| units.get(unit).cloned()).unwrap_or_default() }
            }
            Step::Command(CommandStep::RunCommand(RunCommand { command, paths })) => {
                let before = |path| {
                    let owned = self.planned.state.paths.get(path);
                    owned.map(|owned| &owned.on_change).filter(|named| !named.is_empty()).unwrap_or(command)
                };
                Facts::Command { back: paths.iter().map(before).cloned().collect() }
            }
            Step::Profile(ProfileStep::SwitchProfile(SwitchProfile { to, .. })) => {
                let begun = self.planned.observed.profile.generation(*to).is_none().then_some(*to);
                Facts::Profile { begun }
            }
            Step::Account(AccountStep::CreateGroup(_))
            | Step::Path(PathStep::Release(_))
            | Step::Unit(UnitStep::DaemonReload) => Facts::Nothing,
        };
        Ok(Operation { step: step.clone(), facts, kept })
    }

    fn account(&self, name: &str) -> Facts {
        Facts::Account { before: self.planned.observed.accounts.users.get(name).cloned() }
    }

    /// A slot on the same filesystem as the destination, or else nothing could be exchanged.
    fn slot(&mut self, index: usize, path: &ManagedPath) -> Result<Facts, Problem> {
        let replaced = self.stat(path)?.map(|stat| Replaced::of(&stat));
        let (directory, depth) = self.walk.nearest(self.standing(path))?;
        let here = place(path, directory)?;
        let slot = if here == self.home {
            slots::at_home(self.transaction, index)
        } else {
            slots::beside(&self.lasting_directory(path, here, depth)?, self.transaction, index)
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
        here: Place,
        depth: usize,
    ) -> Result<String, Problem> {
        let mut existing: Vec<ManagedPath> = path.ancestors().take(depth).collect();
        while let Some(directory) = existing.last() {
            let above = self.walk.nearest(directory)?.0;
            if !self.going.contains(&**directory) || place(directory, above)? != here {
                break;
            }
            existing.pop();
        }
        Ok(existing.last().map(ToString::to_string).unwrap_or_default())
    }

    /// Where old content goes for good. Nothing that is kept already is ever overwritten.
    fn keeping(&self, path: &ManagedPath, keep: Keep) -> Result<Option<AbsPath>, Problem> {
        let (directory, name): (&dyn Fn(&str) -> String, _) = match keep {
            Keep::Nothing => return Ok(None),
            Keep::Copy => (&|suffix| format!("{HOME}/{KEPT}/{}{suffix}{path}", self.number), ""),
            Keep::Original => {
                (&|suffix| format!("{HOME}/{ORIGINALS}/{}{suffix}", digest::of(&**path)), CONTENT)
            }
        };
        let suffixes = std::iter::once(String::new()).chain((2..).map(|count| format!("~{count}")));
        // Where something on the way is no directory, it is not free either.
        let is_free = |candidate: &String| {
            let found = self.host.path(candidate).symlink_metadata();
            found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        let free = suffixes.map(|suffix| directory(&suffix)).find(is_free);
        let place = |free| if name.is_empty() { free } else { format!("{free}/{name}") };
        free.map(|free| own_path(place(free))).transpose()
    }

    /// The part of a path that can be looked for: nothing stands yet in what is to become a directory.
    fn standing<'p>(&self, path: &'p str) -> &'p str {
        let mut above = path.match_indices('/').skip(1).map(|(at, _)| &path[..at]);
        above.find(|above| self.becoming.contains(above)).unwrap_or(path)
    }

    fn stat(&mut self, path: &ManagedPath) -> Result<Option<Stat>, Problem> {
        if self.standing(path).len() < path.len() {
            return Ok(None);
        }
        let Some(directory) = self.walk.parent(path)? else { return Ok(None) };
        walk::look(directory.fd, path.name()).map_err(|error| host_file("look at", &**path, &error))
    }
}

impl Replaced {
    /// What tells something apart from what may take its place. Not the inode: an overlay filesystem gives a file
    /// another one when it is first written to. Of a directory only the mode: what is ours leaves it before.
    #[must_use]
    pub fn of(stat: &Stat) -> Self {
        let FileStat { size, mtime, .. } = FileStat::of(stat);
        let (size, mtime) = if stat.st_mode & 0o170_000 == 0o040_000 { (0, 0) } else { (size, mtime) };
        Self { size, mtime, mode: stat.st_mode }
    }
}

fn place(path: &str, directory: Directory<'_>) -> Result<Place, Problem> {
    directory.place().map_err(|error| host_file("look at the filesystem of", path, &error))
}

fn own_path(path: String) -> Result<AbsPath, Problem> {
    path.try_into()
        .map_err(|invalid| Problem::new(Code::UnsafePath, "A path is too long to be kept").because(invalid))
}
