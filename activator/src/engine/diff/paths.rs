//! Directories, files and links.

use std::collections::BTreeMap;

use super::Differ;
use crate::engine::observe::{Found, directories_above};
use crate::engine::state::{Origin, Owned, Thing};
use crate::manifest::{Access, Entry, OnConflict};
use crate::plan::{FileView, Keep, Step};
use crate::problem::{Code, Problem};
use crate::values::ManagedPath;

/// Where the units of the administrator stand.
const UNITS: &str = "/etc/systemd/system/";

/// What puts a host right at boot: the unit, and what makes every boot start it. The backend adds them.
const RECOVERY: [&str; 2] = [
    "/etc/systemd/system/nixfleet-recover.service",
    "/etc/systemd/system/sysinit.target.d/nixfleet-recover.conf",
];

/// Steps in the order of their kinds.
#[derive(Default)]
pub(super) struct PathSteps {
    pub(super) directories: Vec<Step>,
    pub(super) writes: Vec<Step>,
    pub(super) removals: Vec<Step>,
    pub(super) directory_removals: Vec<Step>,
}

impl Differ<'_> {
    pub(super) fn paths(&mut self) -> PathSteps {
        let mut steps = PathSteps::default();
        let manifest = self.manifest;
        let needed = directories_above(manifest.entries.keys());
        // In one order with the explicit ones, so that parents come first.
        let implicit =
            needed.iter().filter(|path| !manifest.entries.contains_key(*path)).map(|path| (path, None));
        let explicit = manifest.entries.iter().map(|(path, entry)| (path, Some(entry)));
        for (path, entry) in explicit.chain(implicit).collect::<BTreeMap<_, _>>() {
            match entry {
                Some(Entry::Directory(access)) => self.directory(path, access, &mut steps),
                Some(entry) => self.content(path, entry, &mut steps),
                None => self.implicit_directory(path, &mut steps),
            }
        }
        let state = self.state;
        for (path, owned) in state.paths.iter().filter(|(path, _)| !manifest.entries.contains_key(*path)) {
            let created = matches!(owned.thing, Thing::Directory { .. }) && owned.origin == Origin::Created;
            if !(created && needed.contains(path)) {
                self.end(path, owned, &mut steps);
            }
        }
        // Children first.
        steps.directory_removals.reverse();
        // From the first change on a power cut is put right at boot.
        steps.writes.sort_by_key(|step| !RECOVERY.iter().any(|path| writes(step, path)));
        self.check_owners();
        steps
    }

    fn implicit_directory(&mut self, path: &ManagedPath, steps: &mut PathSteps) {
        let (found, owned) = (self.observed.found(path), self.state.paths.get(path));
        let access = Access::of_implicit_directory();
        // Ours, and asked for by itself until now: it gets what it would have got without that.
        if let Found::Directory { access: before, .. } = found
            && let Some(Owned { thing: Thing::Directory { implicit: false, .. }, origin, .. }) = owned
            && owned.is_some_and(|owned| found.is(&owned.thing))
            && *origin == Origin::Created
            && *before != access
        {
            let before = before.clone();
            steps.directories.push(Step::ChangeAccess { path: path.clone(), before, after: access });
            return;
        }
        if *found != Found::Missing {
            // Whatever else is wrong with it shows at the paths inside.
            return;
        }
        if owned.is_some() {
            self.drifted(path, "missing");
        }
        steps.directories.push(Step::CreateDirectory { path: path.clone(), access, implicit: true });
    }

    fn directory(&mut self, path: &ManagedPath, access: &Access, steps: &mut PathSteps) {
        let owned = self.state.paths.get(path);
        let create = || Step::CreateDirectory { path: path.clone(), access: access.clone(), implicit: false };
        match self.observed.found(path) {
            Found::Missing => {
                if owned.is_some() {
                    self.drifted(path, "missing");
                }
                steps.directories.push(create());
            }
            Found::Directory { access: found, .. } => {
                if let Some(Owned { thing: Thing::Directory { access: left, .. }, .. }) = owned
                    && left != found
                {
                    self.drifted(path, access_drift(left, found));
                }
                if found != access {
                    let (before, after) = (found.clone(), access.clone());
                    steps.directories.push(Step::ChangeAccess { path: path.clone(), before, after });
                } else if owned.is_none() {
                    steps.directories.push(Step::Own { path: path.clone(), keep: Keep::Original });
                }
            }
            Found::Unreachable(problem) => self.problems.push(problem.clone()),
            // Ours and untouched: it makes way.
            found if owned.is_some_and(|owned| found.is(&owned.thing)) => {
                self.changed.insert(path.clone());
                steps.directories.push(create());
            }
            _ => self.problems.push(wrong_type(
                path,
                "a directory",
                "something else that is not ours stands there",
            )),
        }
    }

    fn content(&mut self, path: &ManagedPath, entry: &Entry, steps: &mut PathSteps) {
        let found = self.observed.found(path);
        let owned = self.state.paths.get(path);
        let keep = match (found, owned) {
            (Found::Unreachable(problem), _) => return self.problems.push(problem.clone()),
            (Found::Other, _) => {
                let why = "a device, socket or pipe stands there";
                return self.problems.push(wrong_type(path, "a file or link", why));
            }
            (Found::Missing, None) => Keep::Nothing,
            (Found::Missing, Some(_)) => {
                self.drifted(path, "missing");
                Keep::Nothing
            }
            (Found::Directory { empty, .. }, owned) => {
                let existed = |owned: &Owned| matches!(owned.origin, Origin::Existed { .. });
                let ours = owned.is_some_and(|owned| found.is(&owned.thing) && !existed(owned));
                if !(ours && *empty) {
                    let why =
                        if ours { "the directory there is not empty" } else { "a directory stands there" };
                    return self.problems.push(wrong_type(path, "a file or link", why));
                }
                Keep::Nothing
            }
            (_, None) if is_wanted(found, entry) => {
                let keep = on_conflict(entry).into();
                return steps.writes.push(Step::Own { path: path.clone(), keep });
            }
            (_, None) => match on_conflict(entry) {
                OnConflict::Fail => return self.problems.push(conflict(path)),
                other => other.into(),
            },
            (_, Some(owned)) => {
                let drift = drift(&owned.thing, found);
                if let Some(what) = &drift {
                    self.drifted(path, what);
                }
                if is_wanted(found, entry) {
                    return;
                }
                keep_edited(&owned.thing, found)
            }
        };
        self.touch(path);
        steps.writes.push(self.write(path, entry, keep));
    }

    /// The step that makes a path what an entry says; something else stands there now.
    fn write(&self, path: &ManagedPath, entry: &Entry, keep: Keep) -> Step {
        let found = self.observed.found(path);
        let path = path.clone();
        match (entry, found) {
            (Entry::File(file), Found::File { sha256, access, .. })
                if *sha256 == file.sha256 && keep == Keep::Nothing =>
            {
                Step::ChangeAccess { path, before: access.clone(), after: file.access.clone() }
            }
            (Entry::File(file), found) => {
                let (sha256, access) = (Some(file.sha256.clone()), file.access.clone());
                let after = FileView { sha256, size: file.size, access, text: None };
                Step::WriteFile { path, before: found.view(), after, keep }
            }
            (Entry::Link(link), found) => {
                let before = if let Found::Link { target } = found { Some(target.clone()) } else { None };
                Step::WriteLink { path, before, target: link.target.clone(), keep }
            }
            (Entry::Directory(access), _) => {
                Step::CreateDirectory { path, access: access.clone(), implicit: false }
            }
        }
    }

    /// Ends the management of a path.
    fn end(&mut self, path: &ManagedPath, owned: &Owned, steps: &mut PathSteps) {
        let found = self.observed.found(path);
        let release = |why: &str| Step::Release { path: path.clone(), why: why.to_owned() };
        let implicit = matches!(owned.thing, Thing::Directory { implicit: true, .. });
        if let Some(what) = drift(&owned.thing, found)
            && !implicit
        {
            self.drifted(path, what);
        }
        let step = match (found, &owned.thing, &owned.origin) {
            (Found::Directory { .. }, Thing::Directory { .. }, Origin::Created) => {
                return steps.directory_removals.push(Step::RemoveDirectory { path: path.clone() });
            }
            (
                Found::Directory { access, .. },
                Thing::Directory { access: left, .. },
                Origin::Existed { access: was },
            ) if access == left && access != was => {
                Step::ChangeAccess { path: path.clone(), before: access.clone(), after: was.clone() }
            }
            (Found::Directory { empty: true, .. }, Thing::Directory { .. }, Origin::Original { .. }) => {
                self.touch(path);
                let (path, before) = (path.clone(), found.view());
                return steps.directory_removals.push(Step::Restore { path, before, keep: Keep::Nothing });
            }
            (Found::Directory { .. }, Thing::Directory { .. }, Origin::Original { kept }) => {
                release(&format!("the directory is not empty; what stood there before is {kept}"))
            }
            (Found::Directory { .. }, Thing::Directory { .. }, _) => {
                release("it was there before it was managed")
            }
            (Found::Directory { .. }, ..) => release("a directory stands there now"),
            (_, Thing::Directory { .. }, _) => release("the directory is gone"),
            (Found::Other | Found::Unreachable(_), ..) => release("what stands there now is not ours"),
            (found, thing, Origin::Original { .. }) => {
                self.touch(path);
                let keep = keep_edited(thing, found);
                Step::Restore { path: path.clone(), before: found.view(), keep }
            }
            (Found::Missing, ..) => {
                self.touch(path);
                release("it is gone already")
            }
            (found, thing, _) => {
                self.touch(path);
                let keep = keep_edited(thing, found);
                Step::Remove { path: path.clone(), before: found.view(), keep }
            }
        };
        steps.removals.push(step);
    }

    fn touch(&mut self, path: &ManagedPath) {
        self.reload_daemon |= path.starts_with(UNITS);
        self.changed.insert(path.clone());
    }

    /// Owners that neither exist nor would be created, each named once.
    fn check_owners(&mut self) {
        let mut missing: BTreeMap<String, ManagedPath> = BTreeMap::new();
        for (path, entry) in &self.manifest.entries {
            let access = match entry {
                Entry::Directory(access) => access,
                Entry::File(file) => &file.access,
                Entry::Link(_) => continue,
            };
            if !self.user_will_exist(&access.owner) {
                missing.entry(format!("User `{}`", access.owner)).or_insert_with(|| path.clone());
            }
            if !self.group_will_exist(&access.group) {
                missing.entry(format!("Group `{}`", access.group)).or_insert_with(|| path.clone());
            }
        }
        for (who, path) in missing {
            self.problems.push(
                Problem::new(
                    Code::Account,
                    format!("{who} owns a managed path, but does not exist on the host"),
                )
                .at(path)
                .help("define it under nixfleet.users or nixfleet.groups, or name one that exists"),
            );
        }
    }
}

fn writes(step: &Step, wanted: &str) -> bool {
    matches!(step, Step::WriteFile { path, .. } if **path == *wanted)
}

const fn on_conflict(entry: &Entry) -> OnConflict {
    match entry {
        Entry::File(file) => file.on_conflict,
        Entry::Link(link) => link.on_conflict,
        Entry::Directory(_) => OnConflict::Fail,
    }
}

fn is_wanted(found: &Found, entry: &Entry) -> bool {
    match (found, entry) {
        (Found::File { sha256, access, .. }, Entry::File(file)) => {
            *sha256 == file.sha256 && *access == file.access
        }
        (Found::Link { target }, Entry::Link(link)) => *target == link.target,
        (Found::Directory { access, .. }, Entry::Directory(wanted)) => access == wanted,
        _ => false,
    }
}

/// A copy is kept of content that somebody else wrote.
fn keep_edited(thing: &Thing, found: &Found) -> Keep {
    match (thing, found) {
        (_, Found::Missing) => Keep::Nothing,
        (Thing::File { sha256: left, .. }, Found::File { sha256, .. }) if left == sha256 => Keep::Nothing,
        (thing, found) if found.is(thing) => Keep::Nothing,
        _ => Keep::Copy,
    }
}

fn drift(thing: &Thing, found: &Found) -> Option<String> {
    match (thing, found) {
        (thing, found) if found.is(thing) => None,
        (_, Found::Missing) => Some("missing".to_owned()),
        (Thing::File { sha256: left, access: was, .. }, Found::File { sha256, access, .. }) => {
            if left != sha256 {
                return Some("content edited".to_owned());
            }
            Some(access_drift(was, access))
        }
        (Thing::Directory { access: was, .. }, Found::Directory { access, .. }) => {
            Some(access_drift(was, access))
        }
        (Thing::Link { target: was }, Found::Link { target }) => Some(format!("target {was} → {target}")),
        (_, Found::File { .. }) => Some("replaced by a file".to_owned()),
        (_, Found::Link { .. }) => Some("replaced by a link".to_owned()),
        (_, Found::Directory { .. }) => Some("replaced by a directory".to_owned()),
        (_, Found::Other) => Some("replaced by a device, socket or pipe".to_owned()),
        (_, Found::Unreachable(problem)) => Some(problem.what.clone()),
    }
}

fn access_drift(was: &Access, is: &Access) -> String {
    let pairs = [
        ("mode", was.mode.to_string(), is.mode.to_string()),
        ("owner", was.owner.to_string(), is.owner.to_string()),
        ("group", was.group.to_string(), is.group.to_string()),
    ];
    let changes =
        pairs.iter().filter(|(_, was, is)| was != is).map(|(what, was, is)| format!("{what} {was} → {is}"));
    changes.collect::<Vec<_>>().join(", ")
}

fn conflict(path: &ManagedPath) -> Problem {
    let option = match path.strip_prefix(UNITS).map(|unit| unit.split(".d/").next().unwrap_or(unit)) {
        Some(unit) => {
            let unit = unit.rsplit('/').next().unwrap_or(unit);
            format!("nixfleet.systemd.units.{unit:?}")
        }
        None => format!("nixfleet.files.{path:?}", path = &**path),
    };
    Problem::new(
        Code::Conflict,
        "Something that NixFleet does not own stands at a managed path, and it differs",
    )
    .at(path)
    .help(format!("add the line: {option}.onConflict = \"backup\";  # or \"adopt\""))
}

fn wrong_type(path: &ManagedPath, wanted: &str, why: &str) -> Problem {
    Problem::new(Code::Conflict, format!("The path should become {wanted}, but cannot"))
        .at(path)
        .because(why)
        .help("move it away by hand, or manage another path")
}
