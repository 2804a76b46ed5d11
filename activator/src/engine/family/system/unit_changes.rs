//! Foresees which units the activation of a NixOS system changes. The rules are those of
//! `switch-to-configuration` (nixpkgs, `pkgs/by-name/sw/switch-to-configuration-ng`).

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::nixos::{SystemSummary, UnitSource};
use nixfleet_contract::plan::SystemChanges;

/// Keys of the section `[Unit]` whose changes do not affect a running unit.
const IGNORED: [&str; 12] = [
    "AllowIsolate",
    "CollectMode",
    "Description",
    "Documentation",
    "IgnoreOnIsolate",
    "OnFailure",
    "OnFailureJobMode",
    "OnSuccess",
    "RefuseManualStart",
    "RefuseManualStop",
    "SourcePath",
    "StopWhenUnneeded",
];
const RELOAD_TRIGGERS: &str = "X-Reload-Triggers";

/// Targets that are never restarted, because other units pull them in.
const SPECIAL: [&str; 4] = ["basic.target", "graphical.target", "multi-user.target", "sysinit.target"];

/// The sections of a unit. Each key has all its values, in order.
type Sections = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// How two versions of a unit differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    /// Nothing that affects the running unit.
    None,
    /// The unit has to be reloaded.
    Reload,
    /// The unit has to be restarted.
    Restart,
}

/// Returns the changes of units between two systems. `active`: the names of the active units.
#[must_use]
pub fn changes(old: &SystemSummary, new: &SystemSummary, active: &BTreeSet<String>) -> SystemChanges {
    let mut changes = SystemChanges::default();
    for unit in active {
        let Some(before) = source(old, unit) else { continue };
        let Some(after) = source(new, unit) else {
            if flag(&parse(&before.text), "Unit", "X-StopOnRemoval", true) {
                changes.stop.push(unit.clone());
            }
            continue;
        };
        if before.paths == after.paths || unit.ends_with(".target") {
            continue;
        }
        let after = parse(&after.text);
        match difference(&parse(&before.text), &after) {
            Difference::None => {}
            Difference::Reload => changes.reload.push(unit.clone()),
            Difference::Restart => restart(unit, &after, &mut changes),
        }
    }
    let wanted = new.wants.iter().filter(|(unit, _)| active.contains(*unit)).flat_map(|(_, units)| units);
    let is_new = |unit: &&String| !active.contains(*unit) && !old.wants.values().any(|of| of.contains(*unit));
    changes.start = wanted.filter(is_new).cloned().collect::<BTreeSet<_>>().into_iter().collect();
    changes
}

/// Returns the unit with this name, or the template of which it is an instance.
fn source<'s>(system: &'s SystemSummary, unit: &str) -> Option<&'s UnitSource> {
    system.units.get(unit).or_else(|| {
        let (template, rest) = unit.split_once('@')?;
        let (_, suffix) = rest.rsplit_once('.')?;
        system.units.get(&format!("{template}@.{suffix}"))
    })
}

/// Sorts a changed unit into the list of what happens to it.
fn restart(unit: &str, after: &Sections, changes: &mut SystemChanges) {
    let is_kind = |kind: &str| unit.ends_with(kind);
    if SPECIAL.contains(&unit) || is_kind(".path") || is_kind(".slice") || is_kind(".socket") {
        // systemd applies changes of slices and paths when it reloads its units. Sockets are not restarted.
        return;
    }
    let is = |section: &str, key: &str, default: bool| flag(after, section, key, default);
    let list = if unit == "-.mount" || unit == "nix.mount" || is("Service", "X-ReloadIfChanged", false) {
        &mut changes.reload
    } else if !is("Service", "X-RestartIfChanged", true)
        || is("Unit", "RefuseManualStop", false)
        || is("Unit", "X-OnlyManualStart", false)
    {
        &mut changes.skip
    } else {
        &mut changes.restart
    };
    list.push(unit.to_owned());
}

fn difference(old: &Sections, new: &Sections) -> Difference {
    let none = BTreeMap::new();
    let sections: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut worst = Difference::None;
    for section in sections {
        let (before, after) = (old.get(section).unwrap_or(&none), new.get(section).unwrap_or(&none));
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for key in keys {
            if before.get(key) != after.get(key) {
                worst = worst.max(effect(section, key, after.contains_key(key)));
            }
        }
    }
    worst
}

/// Returns what a changed key requires. `remains`: whether the new unit has the key.
fn effect(section: &str, key: &str, remains: bool) -> Difference {
    match (section, key) {
        ("Unit", RELOAD_TRIGGERS) | ("Service", "ExecReload") if !remains => Difference::None,
        ("Unit", RELOAD_TRIGGERS) | ("Service", "ExecReload") => Difference::Reload,
        ("Mount", "Options") if remains => Difference::Reload,
        ("Unit", key) if IGNORED.contains(&key) => Difference::None,
        _ => Difference::Restart,
    }
}

/// Returns the value of a boolean setting, as systemd.syntax(7) describes it.
fn flag(sections: &Sections, section: &str, key: &str, default: bool) -> bool {
    let last = sections.get(section).and_then(|section| section.get(key)?.last());
    last.map_or(default, |value| matches!(value.as_str(), "1" | "yes" | "true" | "on"))
}

/// Parses the text of a unit, without the section `[Install]`. An empty value removes the earlier values of
/// its key.
fn parse(text: &str) -> Sections {
    let mut sections = Sections::new();
    let mut section = String::new();
    let joined = text.replace("\\\n", " ");
    for line in joined.lines().map(str::trim) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((key, value)) = line.split_once('=').filter(|_| section != "Install") {
            let keys = sections.entry(section.clone()).or_default();
            let values = keys.entry(key.trim_end().to_owned()).or_default();
            match value.trim_start() {
                "" => values.clear(),
                value => values.push(value.to_owned()),
            }
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "[Unit]\nDescription=A\n[Service]\nExecStart=/bin/a\n";

    /// Returns a system whose units have these names and texts. The text is also the store path.
    fn system(units: &[(&str, &str)]) -> SystemSummary {
        let source = |text: &str| UnitSource { paths: vec![text.to_owned()], text: text.to_owned() };
        SystemSummary {
            units: units.iter().map(|(name, text)| ((*name).to_owned(), source(text))).collect(),
            ..SystemSummary::default()
        }
    }

    /// Returns what happens to an active unit whose text changes.
    fn what(unit: &str, old: &str, new: &str) -> &'static str {
        let active = BTreeSet::from([unit.to_owned()]);
        let changes = changes(&system(&[(unit, old)]), &system(&[(unit, new)]), &active);
        let lists = [
            (&changes.stop, "stop"),
            (&changes.start, "start"),
            (&changes.restart, "restart"),
            (&changes.reload, "reload"),
            (&changes.skip, "skip"),
        ];
        let found: Vec<_> = lists.iter().filter(|(list, _)| !list.is_empty()).collect();
        assert!(found.len() < 2, "{changes:?}");
        found.first().map_or("nothing", |(_, name)| name)
    }

    #[test]
    fn a_changed_unit_is_restarted_reloaded_or_left_alone_as_nixos_does_it() {
        let with = |more: &str| format!("{BASE}{more}");
        let cases = [
            ("a.service", with(""), "nothing"),
            ("a.service", with("[Install]\nWantedBy=a.target\n"), "nothing"),
            ("a.service", BASE.replace("Description=A", "Description=B"), "nothing"),
            ("a.service", BASE.replace("/bin/a", "/bin/b"), "restart"),
            ("a.service", with("ExecReload=/bin/r\n"), "reload"),
            ("a.service", format!("[Unit]\nX-Reload-Triggers=/nix/store/x\n{BASE}"), "reload"),
            ("a.service", format!("[Unit]\nX-Restart-Triggers=/nix/store/x\n{BASE}"), "restart"),
            ("a.service", with("X-RestartIfChanged=false\n"), "skip"),
            ("a.service", with("X-ReloadIfChanged=true\n"), "reload"),
            ("a.service", format!("[Unit]\nRefuseManualStop=true\n{BASE}X=1\n"), "skip"),
            ("a.service", with("Environment=A=1 \\\n  B=2\n"), "restart"),
            ("a.socket", with("X=1\n"), "nothing"),
            ("a.slice", with("X=1\n"), "nothing"),
            ("multi-user.target", with("X=1\n"), "nothing"),
            ("-.mount", with("[Mount]\nWhat=b\n"), "reload"),
            ("srv.mount", with("[Mount]\nWhat=b\n"), "restart"),
        ];
        for (unit, new, expected) in cases {
            assert_eq!(what(unit, BASE, &new), expected, "{unit}: {new}");
        }
        let mount = |options: &str| format!("[Mount]\nWhat=a\nOptions={options}\n");
        assert_eq!(what("srv.mount", &mount("ro"), &mount("rw")), "reload");
        assert_eq!(what("a.service", &with("ExecReload=/bin/r\n"), BASE), "nothing");
        assert_eq!(
            what("a.service", &with("Environment=A=1\nEnvironment=\n"), &with("Environment=\n")),
            "nothing"
        );
    }

    #[test]
    fn a_unit_that_the_new_system_lacks_is_stopped_and_a_wanted_one_started() {
        let mut old = system(&[("gone.service", BASE), ("kept.service", "[Unit]\nX-StopOnRemoval=no\n")]);
        old.units.insert("t@.service".to_owned(), UnitSource::default());
        let mut new = system(&[("new.service", BASE), ("multi-user.target", "")]);
        let wants = ["new.service", "running.service"].map(str::to_owned);
        new.wants.insert("multi-user.target".to_owned(), BTreeSet::from(wants.clone()));
        new.wants.insert("idle.target".to_owned(), BTreeSet::from(["idle.service".to_owned()]));
        let active = ["gone.service", "kept.service", "t@1.service", "multi-user.target", "running.service"];
        let changes = changes(&old, &new, &active.map(str::to_owned).into());
        assert_eq!(changes.stop, ["gone.service", "t@1.service"]);
        assert_eq!(changes.start, ["new.service"]);
    }
}
