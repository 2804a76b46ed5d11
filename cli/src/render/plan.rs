//! Plans: per host what would change, in the words of the trade.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::tz::TimeZone;
use nixfleet_contract::manifest::{Access, Package};
use nixfleet_contract::plan::{FileView, Keep, Plan, Step, command_line, why_it_runs};
use sha2::{Digest, Sha256};

use super::diff::diff;
use super::generation::made;
use super::style::{BOLD, DIM, GREEN, RED, YELLOW, paint};
use super::totals::Totals;
use super::{one_line, problem_text};

/// Hosts whose plans read the same.
struct Group {
    /// The place of the first of them.
    first: usize,
    names: Vec<String>,
    /// From where to where they go, once each.
    generations: Vec<String>,
    /// In which directions.
    ways: BTreeSet<Way>,
}

/// In which direction a host goes through its generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Nowhere,
    Forth,
    Back,
}

/// Shows the plans of so many hosts, one after the other; hosts whose plans read the same are shown together. `read` gives
/// the plan at a place: none is kept, since those of thousands of hosts are large, and each group's is read once more. Returns
/// what all of them come to.
///
/// # Errors
/// Those of `read`.
pub fn plans<E>(
    count: usize,
    read: impl Fn(usize) -> Result<Plan, E>,
    verbose: bool,
    mut show: impl FnMut(&str),
) -> Result<Totals, E> {
    let mut totals = Totals::default();
    let mut groups: Vec<Group> = Vec::new();
    let mut known = BTreeMap::new();
    for place in 0..count {
        let plan = read(place)?;
        totals.add(&plan);
        if !is_worth_showing(&plan) {
            continue;
        }
        let number = *known.entry(Sha256::digest(body(&plan, verbose))).or_insert_with(|| {
            groups.push(Group {
                first: place,
                names: Vec::new(),
                generations: Vec::new(),
                ways: BTreeSet::new(),
            });
            groups.len() - 1
        });
        let (group, generations) = (&mut groups[number], generations(&plan));
        group.ways.insert(way(&plan));
        group.names.push(paint(BOLD, one_line(&plan.host)));
        if group.generations.last() != Some(&generations) {
            group.generations.push(generations);
        }
    }
    for group in &groups {
        show(&format!("{}\n{}\n", heading(group), body(&read(group.first)?, verbose)));
    }
    Ok(totals)
}

fn is_worth_showing(plan: &Plan) -> bool {
    !plan.steps.is_empty()
        || !plan.problems.is_empty()
        || !plan.drift.is_empty()
        || !plan.warnings.is_empty()
        || !plan.left_out.is_empty()
}

fn heading(group: &Group) -> String {
    let ways: Vec<Way> = group.ways.iter().copied().collect();
    let generations = match (group.generations.as_slice(), ways.as_slice()) {
        ([one], _) => one,
        (_, [Way::Forth]) => "each to its next generation",
        (_, [Way::Back]) => "each back to an earlier generation",
        (_, [Way::Nowhere]) => "each stays at its generation",
        _ => "each to another generation",
    };
    format!("{}  {}", group.names.join(", "), paint(DIM, generations))
}

/// Where the profile goes, if it does: from a generation, if there is one, to another.
fn switch(plan: &Plan) -> Option<(Option<u64>, u64)> {
    plan.steps.iter().find_map(|step| match step {
        Step::SwitchProfile { from, to } => Some((*from, *to)),
        _ => None,
    })
}

fn way(plan: &Plan) -> Way {
    match switch(plan) {
        None => Way::Nowhere,
        Some((Some(from), to)) if to < from => Way::Back,
        Some(_) => Way::Forth,
    }
}

fn generations(plan: &Plan) -> String {
    match (switch(plan), &plan.current) {
        (Some((Some(from), to)), _) => {
            let made = plan.back_to.as_ref().map(|info| format!(", {}", made(info, &TimeZone::system())));
            format!("generation {from} → {to}{}", made.unwrap_or_default())
        }
        (Some((None, to)), _) => format!("first generation, {to}"),
        (None, Some(current)) => format!("stays at generation {}", current.number),
        (None, None) => "not managed yet".to_owned(),
    }
}

/// Everything below the heading, in sections.
fn body(plan: &Plan, verbose: bool) -> String {
    let section = |of: fn(&Step) -> bool| -> Vec<String> {
        plan.steps.iter().filter(|step| of(step)).flat_map(|step| lines(step, verbose)).collect()
    };
    let drift = plan.drift.iter().map(|drift| {
        format!("{} {}: {}", paint(YELLOW, "!"), one_line(&drift.subject), one_line(&drift.what))
    });
    let warnings = plan.warnings.iter().map(|warning| {
        format!("{} {}: {}", paint(YELLOW, "!"), one_line(&warning.subject), one_line(&warning.what))
    });
    let left_out = plan
        .left_out
        .iter()
        .map(|left| format!("{} {}: {}", paint(YELLOW, "!"), one_line(&left.subject), one_line(&left.what)));
    let problems = plan
        .problems
        .iter()
        .map(|problem| format!("{} {}", paint(RED, "✗"), problem_text(problem).replace('\n', "\n    ")));
    let sections = [
        ("packages", packages(plan)),
        ("users", section(is_account)),
        ("files", section(is_path)),
        ("commands", section(is_command)),
        ("units", section(is_unit)),
        ("not as the last apply left it", drift.collect()),
        ("left as it is", left_out.collect()),
        ("warnings", warnings.collect()),
        ("in the way", problems.collect()),
    ];
    let mut text = String::new();
    for (title, lines) in sections.iter().filter(|(_, lines)| !lines.is_empty()) {
        let _ = writeln!(text, "  {title}");
        for line in lines {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

pub const fn is_account(step: &Step) -> bool {
    matches!(
        step,
        Step::CreateGroup { .. }
            | Step::CreateUser { .. }
            | Step::ModifyUser { .. }
            | Step::ReleaseUser { .. }
            | Step::DisableUser { .. }
            | Step::CreateHome { .. }
    )
}

pub const fn is_unit(step: &Step) -> bool {
    matches!(
        step,
        Step::StopUnit { .. } | Step::RestartUnit { .. } | Step::ReloadUnit { .. } | Step::StartUnit { .. }
    )
}

const fn is_command(step: &Step) -> bool {
    matches!(step, Step::RunCommand { .. })
}

const fn is_path(step: &Step) -> bool {
    let is_another = is_account(step) || is_command(step) || is_unit(step);
    !is_another && !matches!(step, Step::DaemonReload | Step::SwitchProfile { .. })
}

fn packages(plan: &Plan) -> Vec<String> {
    let named = |package: &Package| one_line(format!("{} {}", package.name, package.version).trim());
    let added = plan.packages.added.iter().map(|each| come(named(each)));
    let removed = plan.packages.removed.iter().map(|each| go(named(each)));
    let changed = plan.packages.changed.iter().map(|(old, new)| {
        let versions = if old.version == new.version {
            format!("{} rebuilt", new.version)
        } else {
            format!("{} → {}", old.version, new.version)
        };
        change(one_line(&format!("{} {versions}", new.name)))
    });
    added.chain(removed).chain(changed).collect()
}

fn come(text: impl std::fmt::Display) -> String {
    format!("{} {text}", paint(GREEN, "+"))
}

fn go(text: impl std::fmt::Display) -> String {
    format!("{} {text}", paint(RED, "-"))
}

fn change(text: impl std::fmt::Display) -> String {
    format!("{} {text}", paint(YELLOW, "~"))
}

/// A step as one line, or as one line and a diff.
fn lines(step: &Step, verbose: bool) -> Vec<String> {
    let line = match step {
        Step::WriteFile { path, before, after, keep } => {
            return file(path, before.as_ref(), Some(after), *keep, verbose);
        }
        Step::Remove { path, before, keep } => {
            let mut lines = file(path, before.as_ref(), None, *keep, verbose);
            lines.truncate(if verbose { usize::MAX } else { 1 });
            return lines;
        }
        Step::CreateGroup { name, gid } => come(format!("group {name}{}", id(*gid))),
        Step::CreateUser { user } => {
            let kind = if user.system { "system user" } else { "user" };
            let groups = user.extra_groups.iter().map(|group| format!(", {group}"));
            let groups: Vec<String> = std::iter::once(user.group.to_string()).chain(groups).collect();
            come(format!(
                "{kind} {}{}, group{} {}, home {}, shell {}",
                user.name,
                id(user.uid),
                if user.extra_groups.is_empty() { "" } else { "s" },
                groups.concat(),
                one_line(&user.home),
                one_line(&user.shell)
            ))
        }
        Step::ModifyUser { user, changes, .. } => {
            change(format!("user {}: {}", user.name, one_line(&changes.join(", "))))
        }
        Step::ReleaseUser { name, changes } => {
            let why = paint(DIM, "  as it was before management");
            change(format!("user {name}: {}{why}", one_line(&changes.join(", "))))
        }
        Step::DisableUser { name, groups } => {
            let groups: Vec<&str> = groups.iter().map(|group| &**group).collect();
            let left =
                if groups.is_empty() { String::new() } else { format!(" and leaves {}", groups.join(", ")) };
            go(format!("user {name} is locked{left}; the account and its id stay"))
        }
        Step::CreateHome { path, access } => {
            let what = paint(DIM, "  home, with what every new one gets");
            come(format!("{}/  {}{what}", one_line(path), shown(access)))
        }
        Step::CreateDirectory { path, access, implicit, before, keep } => {
            let why = if *implicit { ", needed by what stands in it" } else { "" };
            let (path, kept) = (one_line(path), kept(*keep, before.as_ref()));
            let line = format!("{path}/  {}{}{kept}", shown(access), paint(DIM, why));
            match before {
                Some(view) => change(format!("{line}  was {}", thing(view))),
                None => come(line),
            }
        }
        Step::WriteLink { path, before, replaced, target, keep } => {
            let line = format!("{} → {}", one_line(path), one_line(target));
            let kept = kept(*keep, replaced.as_ref());
            match (before, replaced) {
                (Some(before), _) => change(format!("{line}  was {}{kept}", one_line(before))),
                (None, Some(view)) => change(format!("{line}  was {}{kept}", thing(view))),
                (None, None) => come(format!("{line}{kept}")),
            }
        }
        Step::ChangeAccess { path, before, after } => {
            change(format!("{}  {}", one_line(path), access_change(before, after)))
        }
        Step::Own { path, .. } => {
            let why = paint(DIM, "is as wanted already; managed from now on");
            format!("{} {}  {why}", paint(DIM, "="), one_line(path))
        }
        Step::Restore { path, before, keep } => {
            let kept = kept(*keep, before.as_ref());
            change(format!("{}  what stood there before management comes back{kept}", one_line(path)))
        }
        Step::RemoveDirectory { path } => {
            go(format!("{}/  {}", one_line(path), paint(DIM, "unless it holds something")))
        }
        Step::Release { path, why } => {
            let why = paint(DIM, format_args!("left alone: {}", one_line(why)));
            format!("{} {}  {why}", paint(DIM, "="), one_line(path))
        }
        Step::StopUnit { unit, why } => unit_line(&go("stop   "), unit, why),
        Step::RunCommand { command, paths } => {
            let why = paint(DIM, one_line(&why_it_runs(paths)));
            change(format!("run {}  {why}", one_line(&command_line(command))))
        }
        Step::RestartUnit { unit, why } => unit_line(&change("restart"), unit, why),
        Step::ReloadUnit { unit, why } => unit_line(&change("reload "), unit, why),
        Step::StartUnit { unit, why } => unit_line(&come("start  "), unit, why),
        Step::DaemonReload | Step::SwitchProfile { .. } => return Vec::new(),
    };
    vec![line]
}

fn unit_line(action: &str, unit: &str, why: &str) -> String {
    format!("{action} {unit}  {}", paint(DIM, one_line(why)))
}

fn id(id: Option<u32>) -> String {
    id.map_or_else(String::new, |id| format!(" (id {id})"))
}

fn shown(access: &Access) -> String {
    format!("{} {}:{}", access.mode, access.owner, access.group)
}

/// What differs between two accesses; nothing where nothing does.
fn access_change(before: &Access, after: &Access) -> String {
    let mut parts = Vec::new();
    if before.mode != after.mode {
        parts.push(format!("mode {} → {}", before.mode, after.mode));
    }
    if (&before.owner, &before.group) != (&after.owner, &after.group) {
        parts.push(format!("owner {}:{} → {}:{}", before.owner, before.group, after.owner, after.group));
    }
    if before.list && !after.list {
        parts.push("without its access control list".to_owned());
    }
    parts.join(", ")
}

/// What becomes of what stands there.
fn kept(keep: Keep, before: Option<&FileView>) -> String {
    match keep {
        Keep::Nothing => String::new(),
        Keep::Copy if before.is_some_and(|view| view.foreign) => {
            paint(YELLOW, "  not managed until now: a copy is kept")
        }
        Keep::Copy => paint(YELLOW, "  edited by hand: a copy is kept"),
        Keep::Original => paint(YELLOW, "  what stands there is kept, and comes back when management ends"),
    }
}

/// What stands somewhere, in words.
fn thing(view: &FileView) -> String {
    match (&view.link, &view.sha256) {
        (Some(target), _) => format!("a link to {}", one_line(target)),
        (None, Some(_)) => "a file".to_owned(),
        (None, None) if view.size == 0 => "a directory".to_owned(),
        // An older NixFleet does not say where a link points.
        (None, None) => "a link".to_owned(),
    }
}

fn file(
    path: &str,
    before: Option<&FileView>,
    after: Option<&FileView>,
    keep: Keep,
    all: bool,
) -> Vec<String> {
    let path = one_line(path);
    // Of something else that makes way there is no content to compare.
    let other = before.filter(|view| view.sha256.is_none());
    let head = match (before, after) {
        (None, Some(after)) => come(format!("{path}  {}", shown(&after.access))),
        (Some(before), Some(after)) if other.is_some() => {
            let was = thing(before);
            let was = was.strip_prefix("a ").unwrap_or(&was);
            change(format!("{path}  {was} → file {}", shown(&after.access)))
        }
        (Some(before), Some(after)) => {
            change(format!("{path}  {}", access_change(&before.access, &after.access)))
        }
        (Some(before), None) if other.is_some() => go(format!("{path}  {}", thing(before))),
        (_, None) => go(path),
    };
    let mut lines = vec![format!("{}{}", head.trim_end(), kept(keep, before))];
    if other.is_some() && after.is_none() {
        return lines;
    }
    let before = if other.is_some() { None } else { before };
    if let (Some(before), Some(after)) = (before, after)
        && before.sha256 == after.sha256
    {
        return lines;
    }
    // A side that is not there is empty; a side whose text is not known has no diff.
    let text = |side: Option<&FileView>| side.map_or(Some(String::new()), |view| view.text.clone());
    match (text(before), text(after)) {
        (Some(before), Some(after)) => lines.extend(diff(&before, &after, all)),
        _ if before.into_iter().chain(after).any(FileView::is_private) => lines.push(paint(
            DIM,
            format_args!(
                "not shown, others on the host may not read it: {}; --show-private shows it",
                digests(before, after)
            ),
        )),
        _ => lines.push(paint(DIM, format_args!("no text, or too long to show: {}", sizes(before, after)))),
    }
    let mut lines = lines.into_iter();
    let head = lines.next();
    head.into_iter().chain(lines.map(|line| format!("    {line}"))).collect()
}

/// Sizes, and enough of the digests to tell them apart.
fn digests(before: Option<&FileView>, after: Option<&FileView>) -> String {
    let known = |view: &FileView| {
        let digest = view.sha256.as_deref().and_then(|digest| digest.get(..12));
        let digest = digest.map(|digest| format!(" ({})", one_line(digest)));
        format!("{} bytes{}", view.size, digest.unwrap_or_default())
    };
    let shown = |view: Option<&FileView>| view.map_or_else(|| "nothing".to_owned(), known);
    format!("{} → {}", shown(before), shown(after))
}

fn sizes(before: Option<&FileView>, after: Option<&FileView>) -> String {
    let size = |view: Option<&FileView>| {
        view.map_or_else(|| "nothing".to_owned(), |view| format!("{} bytes", view.size))
    };
    format!("{} → {}", size(before), size(after))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
