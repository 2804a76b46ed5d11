//! How two versions of a unit differ.

use std::collections::BTreeSet;

use super::settings::{Section, UnitSettings};

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

/// The effect of the difference between two versions of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Difference {
    /// The difference does not affect the running unit.
    None,
    /// The unit has to be reloaded.
    Reload,
    /// The unit has to be restarted.
    Restart,
}

impl Difference {
    /// Compares the settings of a unit in two systems.
    pub(super) fn between(old: &UnitSettings, new: &UnitSettings) -> Self {
        let names: BTreeSet<&String> = old.sections.keys().chain(new.sections.keys()).collect();
        let added = new.sections.keys().filter(|name| !old.sections.contains_key(*name)).count();
        if added > 1 {
            return Self::Restart;
        }
        let empty = Section::new();
        let of = |name: &String| match (old.sections.get(name), new.sections.get(name)) {
            (Some(old), Some(new)) => Self::of_keys(name, old, new),
            (Some(old), None) => Self::of_section(name, old, (old, &empty)),
            (None, Some(new)) => Self::of_section(name, new, (&empty, new)),
            (None, None) => Self::None,
        };
        names.into_iter().map(of).max().unwrap_or(Self::None)
    }

    /// Returns the effect of a section that only one of the systems has.
    fn of_section(name: &str, section: &Section, (old, new): (&Section, &Section)) -> Self {
        let reloads_only = section.len() == 1 && section.contains_key("ExecReload");
        match name {
            "Unit" => Self::of_keys(name, old, new),
            "Service" if reloads_only => Self::of_keys(name, old, new),
            _ => Self::Restart,
        }
    }

    fn of_keys(section: &str, old: &Section, new: &Section) -> Self {
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let changed = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
        let of = |key: &String| Self::of_key(section, key, [old.contains_key(key), new.contains_key(key)]);
        changed.map(of).max().unwrap_or(Self::None)
    }

    /// Returns the effect of a changed key. `existed`: whether the old unit has the key. `remains`: whether
    /// the new unit has the key.
    fn of_key(section: &str, key: &str, [existed, remains]: [bool; 2]) -> Self {
        match (section, key) {
            ("Unit", RELOAD_TRIGGERS) | ("Service", "ExecReload") if remains => Self::Reload,
            ("Unit", RELOAD_TRIGGERS) | ("Service", "ExecReload") => Self::None,
            ("Mount", "Options") if existed && remains => Self::Reload,
            ("Unit", key) if IGNORED.contains(&key) => Self::None,
            _ => Self::Restart,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_change_has_the_effect_that_it_has_in_nixos() {
        use Difference::{None, Reload, Restart};
        let service = "[Service]\nExecStart=/a\n";
        let reloads = "[Service]\nExecStart=/a\nExecReload=/r\n";
        let rows = [
            (service, service, None),
            (service, "[Service]\nExecStart=/b\n", Restart),
            (service, "# A comment\n[Service]\n\nExecStart = /a\n", None),
            (service, "[Service]\nExecStart=/b\nExecStart=\nExecStart=/a\n", None),
            (service, "[Service]\nExecStart=/a\nEnvironment=A=1 \\\n  B=2\n", Restart),
            (service, "[Service]\nExecStart=/a\n[Install]\nWantedBy=multi-user.target\n", None),
            (service, reloads, Reload),
            (reloads, service, None),
            (reloads, "[Service]\nExecStart=/a\nExecReload=/s\n", Reload),
            (service, "[Unit]\nDescription=x\n[Service]\nExecStart=/a\n", None),
            ("[Unit]\nDescription=x\nOnFailure=b.service\n[Service]\nExecStart=/a\n", service, None),
            ("[Unit]\nAfter=b.service\n[Service]\nExecStart=/a\n", service, Restart),
            (service, "[Unit]\nRefuseManualStop=true\n[Service]\nExecStart=/a\n", None),
            (service, "[Unit]\nX-Reload-Triggers=x\n[Service]\nExecStart=/a\n", Reload),
            ("[Unit]\nX-Reload-Triggers=x\n[Service]\nExecStart=/a\n", service, None),
            (service, "[Unit]\nX-Restart-Triggers=x\n[Service]\nExecStart=/a\n", Restart),
            (service, "[Service]\nExecStart=/a\n[X-Own]\n", Restart),
            ("[Service]\nExecStart=/a\n[X-Own]\n", service, Restart),
            ("[Mount]\nWhat=a\nOptions=ro\n", "[Mount]\nWhat=a\nOptions=rw\n", Reload),
            ("[Mount]\nWhat=a\n", "[Mount]\nWhat=a\nOptions=rw\n", Restart),
            ("[Mount]\nWhat=a\nOptions=ro\n", "[Mount]\nWhat=a\n", Restart),
            ("[Mount]\nWhat=a\n", "[Mount]\nWhat=b\n", Restart),
            // In the following rows, only one of the two versions has a certain section.
            ("[Socket]\nA=1\n", "[Socket]\nA=1\n[Service]\nExecReload=/r\n", Reload),
            ("[Socket]\nA=1\n[Service]\nExecReload=/r\n", "[Socket]\nA=1\n", None),
            ("[Socket]\nA=1\n", "[Socket]\nA=1\n[Service]\nType=simple\n", Restart),
            ("[Socket]\nA=1\n[Service]\n", "[Socket]\nA=1\n", Restart),
            ("[Socket]\nA=1\n", "[Socket]\nA=1\n[Unit]\nDescription=x\n[Service]\nExecReload=/r\n", Restart),
        ];
        for (old, new, expected) in rows {
            let found = Difference::between(&UnitSettings::parse(old), &UnitSettings::parse(new));
            assert_eq!(found, expected, "{old}→\n{new}");
        }
    }
}
