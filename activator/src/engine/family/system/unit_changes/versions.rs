//! The versions of a running unit in the old and in the new system.

use nixfleet_contract::nixos::{SystemSummary, UnitSource};

use super::settings::UnitSettings;

/// The files of a unit in the old and in the new system. An instance without a file of its own uses the file
/// of its template.
pub(super) struct Versions<'s> {
    /// The name of the unit whose file is used: the name of the unit itself, or of its template.
    pub(super) base: String,
    old: Version<'s>,
    new: Option<Version<'s>>,
}

/// The file of a unit in one system and, if this is the file of a template, the drop-ins of the instance.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Version<'s> {
    file: &'s UnitSource,
    drop_ins: Option<&'s UnitSource>,
}

impl<'s> Versions<'s> {
    /// Finds the files of a unit. Returns `None` if the old system does not have the unit. An activation
    /// leaves such a unit alone.
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
        // If only the old system has drop-ins of the instance, the instance counts as removed, even if the
        // new system has its template.
        let is_undeclared = before.drop_ins.is_some() && drop_ins(new).is_none();
        let after = version(new).filter(|_| !is_undeclared);
        Some(Self { old: before, new: after, base })
    }

    /// Returns the settings of the old version.
    pub(super) fn before(&self) -> UnitSettings {
        self.old.settings()
    }

    /// Returns the settings of the new version; `None` if the new system does not have the unit.
    pub(super) fn after(&self) -> Option<UnitSettings> {
        self.new.map(|version| version.settings())
    }

    /// Whether both systems have the same files of the unit.
    pub(super) fn are_equal(&self) -> bool {
        self.new == Some(self.old)
    }
}

impl Version<'_> {
    fn settings(&self) -> UnitSettings {
        let drop_ins = self.drop_ins.map_or("", |source| &source.text);
        UnitSettings::parse(&format!("{}\n{drop_ins}", self.file.text))
    }
}

/// Returns the name of the template of an instance, such as `t@.service` for `t@1.service`. As in NixOS, the
/// suffix begins at the first dot after the `@`.
pub(super) fn template(unit: &str) -> Option<String> {
    let (template, rest) = unit.rsplit_once('@')?;
    let (_, suffix) = rest.split_once('.')?;
    Some(format!("{template}@.{suffix}"))
}

/// Returns the file of a unit or, if the unit has no file of its own, of its template.
pub(super) fn source<'s>(system: &'s SystemSummary, unit: &str) -> Option<&'s UnitSource> {
    system.unit_file(unit).or_else(|| system.unit_file(&template(unit)?))
}
