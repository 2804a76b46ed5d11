//! Plans the changes of directories, files and links.

use std::collections::BTreeMap;

use nixfleet_contract::manifest::{Access, Entry, OnConflict, UNITS};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::FileView;
use nixfleet_contract::step::paths::{
    ChangeAccess, CreateDirectory, CreateHome, Own, Remove, WriteFile, WriteLink,
};
use nixfleet_contract::step::{BackupKind, PathStep, Step};
use nixfleet_contract::values::{ManagedPath, Reserved, UnitName};

use crate::engine::family::paths::drift::{access_drift, backup_if_edited, drift, is_as_declared};
use crate::engine::family::paths::excluded::suggest_force;
use crate::engine::family::paths::exposure::changes_hands;
use crate::engine::observe::{MASK, PathState, directories_above, unit_of_file};
use crate::engine::plan::diff::Differ;
use crate::engine::recovery_unit;
use crate::engine::state::{Origin, Owned, Thing};

/// The desired state of a path. The variant says why the path is planned.
#[derive(Clone, Copy)]
pub(in crate::engine) enum PathTarget<'a> {
    /// The manifest declares the path.
    Entry(&'a Entry),
    /// The path is a directory above a declared path or a home.
    Implicit,
    /// The path is a home directory that will be created for a user.
    Home(&'a Access),
}

/// The planned steps on paths. The fields are in the order of execution.
#[derive(Default)]
pub(in crate::engine) struct PathSteps {
    pub(in crate::engine) directories: Vec<Step>,
    pub(in crate::engine) writes: Vec<Step>,
    pub(in crate::engine) removals: Vec<Step>,
    pub(in crate::engine) directory_removals: Vec<Step>,
    /// The steps that replace directories with files and links.
    pub(in crate::engine) replacements: Vec<Step>,
}

impl PathSteps {
    /// Returns the steps in the order of execution. New files, links and directories are created before old
    /// ones are removed. A file or link that replaces a directory is created last, because the directory must
    /// be emptied first.
    pub(in crate::engine) fn in_order(self) -> impl Iterator<Item = Step> {
        let new = self.directories.into_iter().chain(self.writes);
        new.chain(self.removals).chain(self.directory_removals).chain(self.replacements)
    }
}

impl Differ<'_> {
    pub(in crate::engine) fn paths(&mut self) -> PathSteps {
        let mut steps = PathSteps::default();
        let manifest = self.manifest;
        let homes = self.new_homes();
        let needed = directories_above(manifest.standing_paths().chain(homes.keys()));
        // Implicit directories are sorted together with declared paths, so that parents come before children.
        let is_implicit =
            |path: &&ManagedPath| !manifest.entries.contains_key(*path) && !homes.contains_key(*path);
        let implicit = needed.iter().filter(is_implicit).map(|path| (path, PathTarget::Implicit));
        let explicit = manifest.entries.iter().map(|(path, entry)| (path, PathTarget::Entry(entry)));
        let homes = homes.iter().map(|(path, access)| (path, PathTarget::Home(access)));
        for (path, target) in explicit.chain(implicit).chain(homes).collect::<BTreeMap<_, _>>() {
            if self.is_excluded(path) {
                self.exclude(path, |differ, steps| differ.diff_path(path, target, steps));
            } else {
                self.suggesting_force(|differ| differ.diff_path(path, target, &mut steps));
            }
        }
        let state = self.state;
        for (path, owned) in state.paths.iter().filter(|(path, _)| !manifest.entries.contains_key(*path)) {
            let stays = needed.contains(path) && !matches!(owned.origin, Origin::Existed { .. });
            if stays || self.is_above_excluded(path) {
                continue;
            }
            if self.is_excluded(path) {
                self.exclude(path, |differ, steps| differ.end(path, owned, steps));
            } else {
                self.suggesting_force(|differ| differ.end(path, owned, &mut steps));
            }
        }
        // Children are removed before their parents.
        steps.directory_removals.sort_by(|one, other| other.path().cmp(&one.path()));
        // The files of the recovery unit are written first. If the apply is interrupted after that, the
        // recovery unit recovers the host at the next boot.
        steps.writes.sort_by_key(|step| !step.path().is_some_and(|path| recovery_unit::has(path)));
        self.check_owners();
        steps
    }

    /// Calls `plan`, which plans a path. If another user can cause a problem that `plan` reports, adds a hint
    /// about `--force` to the help of the problem.
    fn suggesting_force(&mut self, plan: impl FnOnce(&mut Self)) {
        let known = self.problems.len();
        plan(self);
        self.problems.iter_mut().skip(known).for_each(suggest_force);
    }

    /// Adds the steps that make a path match the manifest.
    fn diff_path(&mut self, path: &ManagedPath, target: PathTarget<'_>, steps: &mut PathSteps) {
        if let PathTarget::Entry(_) = target
            && let Some(reserved) = self.newly_reserved(path)
        {
            return self.problems.push(reserved.refuses(path).at(path));
        }
        if let Some(problem) = self.below_moved(path, &target) {
            return self.problems.push(problem);
        }
        match target {
            PathTarget::Entry(Entry::Directory(access)) => self.directory(path, access, steps),
            PathTarget::Entry(entry @ Entry::Absent(absent)) => self.absent(path, (entry, absent), steps),
            PathTarget::Entry(entry) => self.content(path, entry, steps),
            PathTarget::Implicit => self.implicit_directory(path, steps),
            PathTarget::Home(access) => {
                self.new_directories.insert(path.clone());
                steps.directories.push(Step::Path(PathStep::CreateHome(CreateHome {
                    path: path.clone(),
                    access: access.clone(),
                })));
            }
        }
    }

    /// Returns the rule that forbids managing a path, if there is one. Returns `None` if the path is already
    /// managed, or if the change returns to an earlier generation: the declaration may be older than the
    /// rule.
    fn newly_reserved(&self, path: &ManagedPath) -> Option<&'static Reserved> {
        if self.returns || self.state.paths.contains_key(path) { None } else { Reserved::at(path) }
    }

    fn implicit_directory(&mut self, path: &ManagedPath, steps: &mut PathSteps) {
        let owned = self.state.paths.get(path);
        let access = Access::of_implicit_directory();
        match self.found(path) {
            found @ PathState::Directory { access: before, .. } => {
                // NixFleet created this directory because the previous manifest declared it, and the
                // directory is unchanged since. The current manifest does not declare the directory, so it
                // gets the mode and owner of an implicit directory.
                let asked_for = owned.is_some_and(|owned| {
                    let implicit = matches!(owned.thing, Thing::Directory { implicit: true, .. });
                    !implicit && !matches!(owned.origin, Origin::Existed { .. }) && found.is(&owned.thing)
                });
                if asked_for && *before != access && self.may_change_in_place(path, before, &access) {
                    let (path, before) = (path.clone(), before.clone());
                    steps.directories.push(Step::Path(PathStep::ChangeAccess(ChangeAccess {
                        path,
                        before,
                        after: access,
                    })));
                }
            }
            // The directory cannot be created at this path. The problem is reported for the declared paths
            // below the path.
            PathState::Other(_) | PathState::Unreachable(_) => {}
            PathState::File { .. } | PathState::Link { .. } if owned.is_none() => {}
            PathState::Missing | PathState::File { .. } | PathState::Link { .. } => {
                self.create_directory(path, access, true, steps);
            }
        }
    }

    fn directory(&mut self, path: &ManagedPath, access: &Access, steps: &mut PathSteps) {
        let owned = self.state.paths.get(path);
        match self.found(path) {
            PathState::Directory { access: found, holds } => {
                if let Some(Owned { thing: Thing::Directory { access: left, .. }, .. }) = owned
                    && left != found
                {
                    self.drifted(path, access_drift(left, found));
                }
                if found != access && self.may_change_in_place(path, found, access) {
                    let (before, after) = (found.clone(), access.clone());
                    steps.directories.push(Step::Path(PathStep::ChangeAccess(ChangeAccess {
                        path: path.clone(),
                        before,
                        after,
                    })));
                } else if found != access {
                    match holds.first() {
                        None => self.exchange_directory(path, access, steps),
                        Some(held) => self.problems.push(changes_hands(path, found, access, held)),
                    }
                } else if owned.is_none() {
                    steps.directories.push(Step::Path(PathStep::Own(Own {
                        path: path.clone(),
                        backup: BackupKind::Original,
                    })));
                }
            }
            PathState::Unreachable(problem) => self.problems.push(problem.clone()),
            PathState::Missing => self.create_directory(path, access.clone(), false, steps),
            PathState::File { .. } | PathState::Link { .. } if owned.is_some() => {
                self.create_directory(path, access.clone(), false, steps);
            }
            PathState::File { access, .. } => {
                self.no_directory(path, &format!("a file of `{}`", access.owner));
            }
            PathState::Link { target } => {
                self.no_directory(path, &format!("a symbolic link to {}", target.escape_debug()));
            }
            PathState::Other(special) => self.no_directory(path, &special.to_string()),
        }
    }

    /// Adds the step that replaces an empty directory with a new directory.
    fn exchange_directory(&mut self, path: &ManagedPath, access: &Access, steps: &mut PathSteps) {
        let before = self.found(path).view();
        let (path, access, backup) = (path.clone(), access.clone(), BackupKind::Nothing);
        steps.directories.push(Step::Path(PathStep::CreateDirectory(CreateDirectory {
            path,
            access,
            implicit: false,
            before,
            backup,
        })));
    }

    /// Adds the step that creates a directory where nothing exists, or in place of a managed file or link.
    fn create_directory(
        &mut self,
        path: &ManagedPath,
        access: Access,
        implicit: bool,
        steps: &mut PathSteps,
    ) {
        let found = self.found(path);
        let mut backup = BackupKind::Nothing;
        if let Some(owned) = self.state.paths.get(path) {
            if let Some(what) = drift(&owned.thing, found) {
                self.drifted(path, what);
            }
            backup = backup_if_edited(&owned.thing, found);
        }
        if *found != PathState::Missing {
            self.touch(path);
        }
        self.new_directories.insert(path.clone());
        let (path, before) = (path.clone(), found.view());
        steps.directories.push(Step::Path(PathStep::CreateDirectory(CreateDirectory {
            path,
            access,
            implicit,
            before,
            backup,
        })));
    }

    fn no_directory(&mut self, path: &ManagedPath, what: &str) {
        let why = format!("{what} that NixFleet does not manage exists there");
        self.problems.push(wrong_type(path, "a directory", &why));
    }

    /// Plans a path that the manifest declares as a file, as a link or as absent.
    pub(in crate::engine) fn content(&mut self, path: &ManagedPath, entry: &Entry, steps: &mut PathSteps) {
        if let Entry::File(file) = entry
            && let Some(problem) = self.set_id_objection(path, file)
        {
            return self.problems.push(problem);
        }
        let found = self.found(path);
        let owned = self.state.paths.get(path);
        if self.in_force && self.state.excluded.contains(path) && !is_as_declared(found, entry) {
            self.drifted(path, "left out of the last apply");
        }
        let backup = match (found, owned) {
            (PathState::Unreachable(problem), _) => return self.problems.push(problem.clone()),
            (PathState::Other(special), _) => {
                let why = format!("{special} exists there");
                return self.problems.push(wrong_type(path, "a file or link", &why));
            }
            (PathState::Missing, None) => BackupKind::Nothing,
            (PathState::Missing, Some(owned)) => {
                if let Some(what) = drift(&owned.thing, found) {
                    self.drifted(path, what);
                }
                BackupKind::Nothing
            }
            (PathState::Directory { .. }, _) => return self.replace_directory(path, entry, steps),
            (_, None) if is_as_declared(found, entry) => {
                let backup = on_conflict(entry).into();
                return steps.writes.push(Step::Path(PathStep::Own(Own { path: path.clone(), backup })));
            }
            (_, None) => match on_conflict(entry) {
                OnConflict::Fail => {
                    let mut units = self.manifest.units.iter();
                    let unit = units.find(|(_, unit)| unit.files.contains(path) || unit.links.contains(path));
                    return self.problems.push(conflict((path, found), entry, unit.map(|(name, _)| name)));
                }
                on_conflict @ (OnConflict::Adopt | OnConflict::Backup) => on_conflict.into(),
            },
            (_, Some(owned)) => {
                let drift = drift(&owned.thing, found);
                if let Some(what) = &drift {
                    self.drifted(path, what);
                }
                if is_as_declared(found, entry) {
                    return;
                }
                backup_if_edited(&owned.thing, found)
            }
        };
        self.touch(path);
        steps.writes.push(self.write(path, entry, backup));
    }

    /// Plans the replacement of a directory with a file or link.
    fn replace_directory(&mut self, path: &ManagedPath, entry: &Entry, steps: &mut PathSteps) {
        if let Some(why) = self.must_stay(path) {
            return self.problems.push(wrong_type(path, "a file or link", &why));
        }
        self.touch(path);
        steps.replacements.push(self.write(path, entry, BackupKind::Nothing));
    }

    /// Creates the step that makes a path match `entry`, for a path that does not match `entry` yet.
    fn write(&self, path: &ManagedPath, entry: &Entry, backup: BackupKind) -> Step {
        let found = self.found(path);
        let owned = self.state.paths.get(path);
        let foreign = owned.is_none_or(|owned| owned.thing == Thing::Absent);
        let before = found.view().map(|view| FileView { foreign, ..view });
        let path = path.clone();
        match (entry, found) {
            (Entry::File(file), PathState::File { sha256, access, .. })
                if *sha256 == file.sha256 && backup == BackupKind::Nothing =>
            {
                Step::Path(PathStep::ChangeAccess(ChangeAccess {
                    path,
                    before: access.clone(),
                    after: file.access.clone(),
                }))
            }
            (Entry::File(file), _) => {
                let (sha256, access) = (Some(file.sha256.clone()), file.access.clone());
                let (link, text) = (None, None);
                let after =
                    FileView { sha256, size: file.size, access, link, foreign: false, text, private: false };
                Step::Path(PathStep::WriteFile(WriteFile { path, before, after, backup }))
            }
            (Entry::Link(link), found) => {
                let was = if let PathState::Link { target } = found { Some(target.clone()) } else { None };
                let target = link.target.clone();
                Step::Path(PathStep::WriteLink(WriteLink {
                    path,
                    before: was,
                    replaced: before,
                    target,
                    backup,
                }))
            }
            (Entry::Absent(_), _) => Step::Path(PathStep::Remove(Remove { path, before, backup })),
            (Entry::Directory(access), _) => {
                let access = access.clone();
                Step::Path(PathStep::CreateDirectory(CreateDirectory {
                    path,
                    access,
                    implicit: false,
                    before,
                    backup,
                }))
            }
        }
    }

    pub(in crate::engine) fn touch(&mut self, path: &ManagedPath) {
        self.reload_daemon |= path.starts_with(UNITS);
        self.changed.insert(path.clone());
    }
}

const fn on_conflict(entry: &Entry) -> OnConflict {
    match entry {
        Entry::File(file) => file.on_conflict,
        Entry::Link(link) => link.on_conflict,
        Entry::Absent(absent) => absent.on_conflict,
        Entry::Directory(_) => OnConflict::Fail,
    }
}

/// Returns the problem for a declared path at which something exists that NixFleet does not own. `unit` is
/// the systemd unit to which the declared file or link belongs, if any.
pub(in crate::engine) fn conflict(
    (path, found): (&ManagedPath, &PathState),
    entry: &Entry,
    unit: Option<&UnitName>,
) -> Problem {
    let problem = Problem::new(
        Code::Conflict,
        format!("{path} already exists, is not managed by NixFleet, and differs from its declaration"),
    )
    .at(path);
    if let Some(reserved) = Reserved::at(path) {
        return problem.because(&reserved.why).help(&reserved.help);
    }
    let option = match (unit, entry) {
        (Some(unit), _) => format!("nixfleet.systemd.units.{:?}", &**unit),
        (None, Entry::Link(_)) => format!("nixfleet.links.{:?}", &**path),
        (None, Entry::Absent(_)) => format!("nixfleet.absent.{:?}", &**path),
        (None, Entry::File(_) | Entry::Directory(_)) => format!("nixfleet.files.{:?}", &**path),
    };
    let line = format!("add the line: {option}.onConflict = \"backup\";  # or \"adopt\"");
    match (found, unit_of_file(path)) {
        (PathState::Link { target }, Some(masked)) if target == MASK => problem
            .because(format!("unit {masked} is masked: its unit file is a link to {MASK}"))
            .help(format!("run `systemctl unmask {masked}` on the host; or, to replace the mask, {line}")),
        _ => problem.help(line),
    }
}

fn wrong_type(path: &ManagedPath, declared: &str, why: &str) -> Problem {
    Problem::new(Code::Conflict, format!("{path} cannot become {declared}")).at(path).because(why).help(
        format!(
            "move {path} away by hand on the host, manage another path, or skip this path and apply \
             everything else with --force {path}"
        ),
    )
}
