//! Compiles the units of an intent to units of a manifest, and to entries under `/etc/systemd/system`.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::intent;
use nixfleet_contract::manifest::{Access, Entry, FileEntry, LinkEntry, OnChange, OnConflict, UNITS, Unit};
use nixfleet_contract::values::{ManagedPath, Mode, Owner, UnitName};

use super::compile::Compiler;
use super::handling::handling;
use super::install::Install;

impl<'a> Compiler<'a> {
    pub(super) fn units(&mut self, units: &'a [intent::Unit]) -> BTreeMap<UnitName, Unit> {
        let enabled: BTreeSet<&str> =
            units.iter().filter(|unit| unit.enabled == Some(true)).map(|unit| unit.name.as_str()).collect();
        let mut valid = BTreeMap::new();
        for unit in units {
            let option = format!("nixfleet.systemd.units.{:?}", unit.name);
            let Some(name) = self.parse::<UnitName>(&option, &unit.name) else { continue };
            let compiled = self.unit(&option, &name, unit, &enabled);
            valid.insert(name, compiled);
        }
        valid
    }

    fn unit(
        &mut self,
        option: &str,
        name: &UnitName,
        unit: &'a intent::Unit,
        enabled: &BTreeSet<&str>,
    ) -> Unit {
        let mut files = Vec::new();
        let mut install = Install::default();
        match &unit.text {
            Some(text) => {
                files.extend(self.unit_file(option, &format!("{UNITS}{name}"), text, unit.on_conflict));
                if unit.enabled == Some(true) {
                    install = self.install(option, name, text, enabled);
                }
            }
            None if unit.enabled.is_some() => self.reject(
                format!("{option}.enabled"),
                format!("unit {name} has no text, so the distribution decides whether it is enabled"),
                "remove `enabled`, or set the text of the unit",
            ),
            None if unit.drop_ins.is_empty() => {
                self.reject(option, format!("unit {name} has neither text nor drop-ins"), "");
            }
            None => {}
        }
        for drop_in in &unit.drop_ins {
            let option = format!("{option}.dropIns.{:?}", drop_in.name);
            let stem = drop_in.name.strip_suffix(".conf").unwrap_or_default();
            if stem.is_empty() || drop_in.name.contains('/') {
                let what = format!("drop-in name `{}` is not valid", drop_in.name.escape_debug());
                self.reject(option, what, "use a plain file name that ends in .conf, such as 10-limits.conf");
                continue;
            }
            let path = format!("{UNITS}{name}.d/{}", drop_in.name);
            files.extend(self.unit_file(&option, &path, &drop_in.text, unit.on_conflict));
        }
        let own = unit.text.as_deref();
        let texts = own.into_iter().chain(unit.drop_ins.iter().map(|drop_in| drop_in.text.as_str()));
        let handling = handling(name, &texts.collect::<Vec<_>>().join("\n"), own.is_some());
        let reloadable = matches!(name.suffix(), "mount" | "target" | "slice") || handling.reloads;
        if own.is_some() && unit.reload_if_changed && !reloadable {
            self.reject(
                format!("{option}.reloadIfChanged"),
                format!("unit {name} has no ExecReload=, so it cannot be reloaded"),
                "add ExecReload= to its [Service] section, or remove `reloadIfChanged` to restart the unit \
                 instead",
            );
        }
        let links = install.links.iter().filter_map(|(path, target)| {
            let path: ManagedPath = self.parse(option, &format!("{UNITS}{path}"))?;
            let link = LinkEntry { target: target.clone(), on_conflict: unit.on_conflict };
            self.insert(format!("{option}.enabled"), path.clone(), Entry::Link(link));
            Some(path)
        });
        Unit {
            files,
            links: links.collect(),
            instance: install.instance,
            enabled: unit.text.as_ref().map(|_| unit.enabled == Some(true)),
            on_change: match (unit.reload_if_changed, unit.restart_if_changed) {
                (true, _) => OnChange::Reload,
                (false, true) => OnChange::Restart,
                (false, false) => OnChange::Nothing,
            },
            stop_if_removed: unit.stop_if_removed,
            start_timeout: unit.start_timeout,
            settle: unit.settle,
            verify: unit.verify,
            handling,
        }
    }

    fn unit_file(
        &mut self,
        option: &str,
        path: &str,
        text: &'a str,
        on_conflict: OnConflict,
    ) -> Option<ManagedPath> {
        let path: ManagedPath = self.parse(option, path)?;
        let content = self.inline(text);
        let entry = FileEntry {
            source: content.source,
            sha256: content.sha256,
            size: content.size,
            access: Access { mode: Mode::FILE, owner: Owner::root(), group: Owner::root(), list: false },
            restart_units: Vec::new(),
            on_change: Vec::new(),
            reload_units: Vec::new(),
            validate: None,
            on_conflict,
        };
        self.insert(option.to_owned(), path.clone(), Entry::File(entry));
        Some(path)
    }

    /// Returns the links that enable a unit. An enabled unit whose text leads to no links is rejected.
    fn install(&mut self, option: &str, name: &UnitName, text: &str, enabled: &BTreeSet<&str>) -> Install {
        let parsed = Install::parse(name, text, |also| enabled.contains(also.as_ref() as &str));
        match parsed {
            Ok(install) => {
                if install.links.is_empty() {
                    self.reject(
                        format!("{option}.enabled"),
                        format!(
                            "unit {name} is enabled, but its [Install] section names no unit that \
                             starts it"
                        ),
                        "add `WantedBy=multi-user.target` to its [Install] section (timers: timers.target, \
                         sockets: sockets.target), or set `enabled = false`",
                    );
                }
                install
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    self.reject(format!("{option}.text"), mistake, "");
                }
                Install::default()
            }
        }
    }
}
