//! The versions of a running unit in the old and in the new system.

use nixfleet_contract::nixos::{SystemSummary, UnitSource};

use super::settings::Settings;

/// A unit in the old and in the new system. An instance without a file of its own has the file of its
/// template.
pub(super) struct Versions<'s> {
    /// The name of the unit with the file: the unit itself, or its template.
    pub(super) base: String,
    old: Version<'s>,
    new: Option<Version<'s>>,
}

/// The file of a unit, and the drop-ins of an instance.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Version<'s> {
    file: &'s UnitSource,
    drop_ins: Option<&'s UnitSource>,
}

impl<'s> Versions<'s> {
    /// Finds a unit. Returns `None` if the old system does not have it, so that NixOS leaves the unit alone.
    pub(super) fn find(old: &'s SystemSummary, new: &'s SystemSummary, unit: &str) -> Option<Self> {
        let has_own = old.unit_file(unit).is_some() || new.unit_file(unit).is_some();
        let template = template(unit).filter(|_| !has_own);
        let drop_ins = |system: &'s SystemSummary| {
            system.units.get(unit).filter(|source| source.only_drop_ins && template.is_some())
        };
        let base = template.clone().unwrap_or_else(|| unit.to_owned());
        let version = |system: &'s SystemSummary| {
            Some(Version { file: system.unit_file(&base)?, drop_ins: drop_ins(system) })
        };
        let before = version(old)?;
        // An instance that drop-ins declare goes with its drop-ins, although the template stays.
        let is_undeclared = before.drop_ins.is_some() && drop_ins(new).is_none();
        let after = version(new).filter(|_| !is_undeclared);
        Some(Self { old: before, new: after, base })
    }

    /// Returns the settings of the old version.
    pub(super) fn before(&self) -> Settings {
        self.old.settings()
    }

    /// Returns the settings of the new version; `None` if the new system does not have the unit.
    pub(super) fn after(&self) -> Option<Settings> {
        self.new.map(|version| version.settings())
    }

    /// Whether both systems have the same files of the unit.
    pub(super) fn are_equal(&self) -> bool {
        self.new == Some(self.old)
    }
}

impl Version<'_> {
    fn settings(&self) -> Settings {
        let drop_ins = self.drop_ins.map_or("", |source| &source.text);
        Settings::parse(&format!("{}\n{drop_ins}", self.file.text))
    }
}

/// Returns the name of the template of an instance. As in NixOS, the name of the instance has no dot.
pub(super) fn template(unit: &str) -> Option<String> {
    let (template, rest) = unit.rsplit_once('@')?;
    let (_, suffix) = rest.split_once('.')?;
    Some(format!("{template}@.{suffix}"))
}

/// Returns the file of a unit or of its template.
pub(super) fn source<'s>(system: &'s SystemSummary, unit: &str) -> Option<&'s UnitSource> {
    system.unit_file(unit).or_else(|| system.unit_file(&template(unit)?))
}
