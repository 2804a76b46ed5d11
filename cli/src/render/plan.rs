//! Formats the plans of hosts as text for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::tz::TimeZone;
use nixfleet_contract::health::{CheckChange, CheckChanges};
use nixfleet_contract::manifest::Package;
use nixfleet_contract::plan::{Plan, SystemChanges};
use nixfleet_contract::status::ToFinish;
use nixfleet_contract::step::FileView;
use nixfleet_contract::step::paths::{Remove, WriteFile};
use nixfleet_contract::step::profile::SwitchProfile;
use nixfleet_contract::step::{CommandStep, Line, PathStep, ProfileStep, Sign, Step, Tone, UnitStep};
use sha2::{Digest, Sha256};

use super::apt::apt;
use super::diff::diff;
use super::generation::made;
use super::style::{BOLD, DIM, GREEN, RED, YELLOW, paint};
use super::totals::Totals;
use nixfleet_operator::text::{one_line, problem_text};

/// Hosts whose plans are shown with the same text.
struct PlanGroup {
    /// The index of the first host of the group.
    first: usize,
    names: Vec<String>,
    /// For each host, the old and the new generation, such as `3 → 4`. Consecutive equal texts are listed
    /// once.
    generations: Vec<String>,
    /// The directions in which the generations of these hosts change.
    directions: BTreeSet<Direction>,
}

/// Whether a host goes to a later generation, goes back to an earlier generation, or stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    Nowhere,
    Forth,
    Back,
}

/// Shows the plans of `count` hosts, and returns the totals of all plans. Hosts whose plans are shown with
/// the same text are shown together.
///
/// `read` returns the plan of the host with a given index. Plans are not held in memory, since thousands of
/// plans need much memory. Therefore, the plan of the first host of each group is read a second time.
///
/// # Errors
/// Returns the errors of `read`.
pub fn plans<E>(
    count: usize,
    read: impl Fn(usize) -> Result<Plan, E>,
    verbose: bool,
    mut show: impl FnMut(&str),
) -> Result<Totals, E> {
    let mut totals = Totals::default();
    let mut groups: Vec<PlanGroup> = Vec::new();
    let mut known = BTreeMap::new();
    for place in 0..count {
        let plan = read(place)?;
        totals.add(&plan);
        if !is_worth_showing(&plan) {
            continue;
        }
        let number = *known.entry(Sha256::digest(body(&plan, verbose))).or_insert_with(|| {
            groups.push(PlanGroup {
                first: place,
                names: Vec::new(),
                generations: Vec::new(),
                directions: BTreeSet::new(),
            });
            groups.len() - 1
        });
        let (group, generations) = (&mut groups[number], generations(&plan));
        group.directions.insert(direction(&plan));
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
        || plan.apt.is_some()
        || plan.interrupted.is_some()
        || !plan.problems.is_empty()
        || !plan.drift.is_empty()
        || !plan.warnings.is_empty()
        || !plan.excluded.is_empty()
        || !plan.awaits_boot.is_empty()
}

fn heading(group: &PlanGroup) -> String {
    let directions: Vec<Direction> = group.directions.iter().copied().collect();
    let generations = match (group.generations.as_slice(), directions.as_slice()) {
        ([one], _) => one,
        (_, [Direction::Forth]) => "each to its next generation",
        (_, [Direction::Back]) => "each back to an earlier generation",
        (_, [Direction::Nowhere]) => "each stays at its generation",
        _ => "each to another generation",
    };
    format!("{}  {}", group.names.join(", "), paint(DIM, generations))
}

/// Returns the number of the old generation, if any, and of the new generation. Returns `None` if the plan
/// does not switch the profile.
fn switch(plan: &Plan) -> Option<(Option<u64>, u64)> {
    let step = plan.steps.iter().find_map(Step::as_profile);
    step.map(|ProfileStep::SwitchProfile(SwitchProfile { from, to })| (*from, *to))
}

fn direction(plan: &Plan) -> Direction {
    match switch(plan) {
        None => Direction::Nowhere,
        Some((Some(from), to)) if to < from => Direction::Back,
        Some(_) => Direction::Forth,
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

/// Formats a plan in sections, without its heading.
fn body(plan: &Plan, verbose: bool) -> String {
    let of = |place: Section| -> Vec<String> {
        let steps = plan.steps.iter().filter(|step| section(step) == place);
        steps.flat_map(|step| lines(step, verbose)).collect()
    };
    let drift = plan.drift.iter().map(|drift| {
        format!("{} {}: {}", paint(YELLOW, "!"), one_line(&drift.subject), one_line(&drift.what))
    });
    let warnings = plan.warnings.iter().map(|warning| {
        format!("{} {}: {}", paint(YELLOW, "!"), one_line(&warning.subject), one_line(&warning.what))
    });
    let excluded = plan
        .excluded
        .iter()
        .map(|left| format!("{} {}: {}", paint(YELLOW, "!"), one_line(&left.subject), one_line(&left.what)));
    let problems = plan
        .problems
        .iter()
        .map(|problem| format!("{} {}", paint(RED, "✗"), problem_text(problem).replace('\n', "\n    ")));
    let interrupted = plan.interrupted.iter().map(|run| {
        let run = one_line(run);
        format!("{} {run}; an apply recovers the host first, and then plans again", paint(YELLOW, "!"))
    });
    let sections = [
        ("interrupted", interrupted.collect()),
        ("packages of apt", plan.apt.as_ref().map(apt).unwrap_or_default()),
        ("packages", packages(plan)),
        ("health checks", check_changes(plan)),
        ("users", of(Section::Users)),
        ("files", of(Section::Files)),
        ("commands", of(Section::Commands)),
        ("units", of(Section::Units)),
        ("system", of(Section::System).into_iter().chain(units_of_system(plan)).collect()),
        ("NixOS says", plan.dry_activation.iter().map(|line| one_line(line)).collect()),
        ("waits for a boot", waits(plan)),
        ("not as the last apply left it", drift.collect()),
        ("left as it is", excluded.collect()),
        ("warnings", warnings.collect()),
        ("in the way", problems.collect()),
    ];
    let mut text = String::new();
    if changes_only_the_generation(plan) {
        let _ = writeln!(
            text,
            "  only the generation changes: the closure differs, but nothing else on the host"
        );
    }
    for (title, lines) in sections.iter().filter(|(_, lines)| !lines.is_empty()) {
        let _ = writeln!(text, "  {title}");
        for line in lines {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

/// Whether a plan switches to another closure, and changes nothing else that a section shows.
fn changes_only_the_generation(plan: &Plan) -> bool {
    let is_nowhere = plan.steps.iter().all(|step| section(step) == Section::Nowhere);
    switch(plan).is_some()
        && is_nowhere
        && plan.apt.is_none()
        && packages(plan).is_empty()
        && plan.check_changes.is_empty()
}

/// The section in which a plan shows a step. The totals count steps by these sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Users,
    Files,
    Commands,
    Units,
    System,
    /// The step is in no section, since the heading shows the step or other steps imply it.
    Nowhere,
}

/// Returns the section that shows a step.
pub const fn section(step: &Step) -> Section {
    match step {
        Step::Account(_) | Step::Path(PathStep::CreateHome(_)) => Section::Users,
        Step::Path(
            PathStep::CreateDirectory(_)
            | PathStep::WriteFile(_)
            | PathStep::WriteLink(_)
            | PathStep::ChangeAccess(_)
            | PathStep::Own(_)
            | PathStep::Remove(_)
            | PathStep::Restore(_)
            | PathStep::MoveAway(_)
            | PathStep::MoveBack(_)
            | PathStep::RemoveDirectory(_)
            | PathStep::Release(_),
        ) => Section::Files,
        Step::Command(CommandStep::RunCommand(_)) => Section::Commands,
        Step::Unit(
            UnitStep::StopUnit(_)
            | UnitStep::StartUnit(_)
            | UnitStep::RestartUnit(_)
            | UnitStep::ReloadUnit(_),
        ) => Section::Units,
        Step::System(_) => Section::System,
        Step::Unit(UnitStep::DaemonReload) | Step::Profile(ProfileStep::SwitchProfile(_)) => Section::Nowhere,
    }
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

/// Formats the health checks that are added, removed or changed. They take effect with this change.
fn check_changes(plan: &Plan) -> Vec<String> {
    if plan.steps.is_empty() {
        return Vec::new();
    }
    let CheckChanges { added, removed, changed } = &plan.check_changes;
    let named = |check: &CheckChange| one_line(&format!("{}: {}", check.name, check.what));
    let added = added.iter().map(|each| come(named(each)));
    let removed = removed.iter().map(|each| go(named(each)));
    let changed = changed.iter().map(|each| change(named(each)));
    added.chain(removed).chain(changed).collect()
}

/// Tells that the host has to be restarted, unless a step of the plan tells it.
fn waits(plan: &Plan) -> Vec<String> {
    if plan.changes_boot() || plan.awaits_boot.is_empty() {
        return Vec::new();
    }
    let task = ToFinish::Restart(plan.awaits_boot.clone()).to_string();
    vec![format!("{} {}", paint(YELLOW, "!"), one_line(&task))]
}

/// Formats the units that the activation of a NixOS system changes: one line for each kind of change.
fn units_of_system(plan: &Plan) -> Vec<String> {
    let Some(SystemChanges { stop, start, restart, reload, skip }) = &plan.system else { return Vec::new() };
    let kinds = [
        ("stop", stop),
        ("start", start),
        ("restart", restart),
        ("reload", reload),
        ("changed, but not restarted", skip),
    ];
    let shown = kinds.into_iter().filter(|(_, units)| !units.is_empty());
    shown
        .map(|(what, units)| {
            let line = format!("{what}: {}", one_line(&units.join(", ")));
            match what {
                "stop" => go(line),
                "start" => come(line),
                _ => change(line),
            }
        })
        .collect()
}

pub(super) fn come(text: impl std::fmt::Display) -> String {
    format!("{} {text}", paint(GREEN, "+"))
}

pub(super) fn go(text: impl std::fmt::Display) -> String {
    format!("{} {text}", paint(RED, "-"))
}

pub(super) fn change(text: impl std::fmt::Display) -> String {
    format!("{} {text}", paint(YELLOW, "~"))
}

/// Formats a step as one line, followed by a diff if the content of a file changes.
fn lines(step: &Step, verbose: bool) -> Vec<String> {
    let head = line(&step.line());
    let diff = match step {
        Step::Path(PathStep::WriteFile(WriteFile { before, after, .. })) => {
            content(before.as_ref(), Some(after), verbose)
        }
        Step::Path(PathStep::Remove(Remove { before, .. })) if verbose => {
            content(before.as_ref(), None, verbose)
        }
        Step::Path(_)
        | Step::Account(_)
        | Step::Command(_)
        | Step::Unit(_)
        | Step::Profile(_)
        | Step::System(_) => Vec::new(),
    };
    std::iter::once(head).chain(diff.into_iter().map(|line| format!("    {line}"))).collect()
}

/// Formats the line that describes a step, in colors.
fn line(line: &Line) -> String {
    let colour = match line.sign {
        Sign::Comes => GREEN,
        Sign::Goes => RED,
        Sign::Changes => YELLOW,
        Sign::Stays => DIM,
    };
    let part = |(tone, text): &(Tone, String)| match tone {
        Tone::Plain => one_line(text),
        Tone::Quiet => paint(DIM, one_line(text)),
        Tone::Loud => paint(YELLOW, one_line(text)),
    };
    let parts: Vec<String> = line.parts.iter().map(part).collect();
    format!("{} {}", paint(colour, line.sign.mark()), parts.concat())
}

/// Returns the diff of the content of a file, or a remark that explains why no diff is shown. The result is
/// empty if the content does not change.
fn content(before: Option<&FileView>, after: Option<&FileView>, all: bool) -> Vec<String> {
    // A link or directory that is removed or replaced has no content to compare.
    let other = before.filter(|view| view.sha256.is_none());
    if other.is_some() && after.is_none() {
        return Vec::new();
    }
    let before = if other.is_some() { None } else { before };
    if let (Some(before), Some(after)) = (before, after)
        && before.sha256 == after.sha256
    {
        return Vec::new();
    }
    // A file that does not exist is compared as an empty text. If the text of a file is not known, no diff is
    // shown.
    let text = |side: Option<&FileView>| side.map_or(Some(String::new()), |view| view.text.clone());
    match (text(before), text(after)) {
        (Some(before), Some(after)) => diff(&before, &after, all),
        _ if before.into_iter().chain(after).any(FileView::is_private) => vec![paint(
            DIM,
            format_args!(
                "content not shown, since other users on the host may not read it: {}; --show-private shows \
                 it",
                digests(before, after)
            ),
        )],
        _ => vec![paint(
            DIM,
            format_args!("content is not text, or is too long to show: {}", sizes(before, after)),
        )],
    }
}

/// Describes the sizes of a file before and after the change, each with the first 12 digits of the SHA-256
/// digest.
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
