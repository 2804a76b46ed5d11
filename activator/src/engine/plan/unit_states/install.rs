//! The links that enable a unit of the distribution.

use std::collections::BTreeSet;

use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::UnitName;

use super::unit_file::UnitFile;
use super::{missing, objection};
use crate::build::install::Install;
use crate::host::Host;

/// The links that enable a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InstallLinks {
    /// The unit that is enabled: the unit itself, or the default instance of a template.
    pub(super) unit: UnitName,
    /// The path of the unit file, to which all links lead.
    pub(super) file: String,
    /// The links, as paths relative to the directory of unit files.
    pub(super) links: BTreeSet<String>,
    /// The units to enable or disable together with this one.
    pub(super) also: BTreeSet<UnitName>,
}

impl InstallLinks {
    /// Whether the unit file does not say how to enable the unit.
    pub(super) fn is_static(&self) -> bool {
        self.links.is_empty() && self.also.is_empty()
    }

    /// Returns the problem that the unit cannot be enabled.
    pub(super) fn objection(&self, unit: &UnitName) -> Problem {
        objection(unit, "cannot be enabled")
            .because(format!("{} has no [Install] section", self.file))
            .help("remove `enabled`: other units start this unit when they need it")
    }
}

/// The reason why a unit cannot be enabled or disabled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoLinks {
    /// The unit does not exist on the host.
    Missing(Problem),
    /// The unit cannot be enabled or disabled with links.
    Refused(Problem),
}

/// Finds the links that enable a unit.
///
/// # Errors
/// Fails with the reason why the unit cannot be enabled or disabled.
pub(super) fn find(host: &Host, unit: &UnitName) -> Result<InstallLinks, NoLinks> {
    let (file, text) = match UnitFile::find(host, unit) {
        UnitFile::Text { path, text } => (path, text),
        UnitFile::Alias(other) => {
            return Err(NoLinks::Refused(
                objection(unit, "is another name of a unit")
                    .because(format!("it is a link to {other}"))
                    .help(format!("declare nixfleet.systemd.units.{:?} instead", &*other)),
            ));
        }
        UnitFile::Missing { has_script: true } => {
            return Err(NoLinks::Refused(
                objection(unit, "cannot be enabled or disabled")
                    .because("the unit is made from an init script")
                    .help("run update-rc.d on the host, and remove `enabled`"),
            ));
        }
        UnitFile::Missing { has_script: false } => {
            return Err(NoLinks::Missing(missing(unit)));
        }
    };
    let install = Install::parse(unit, &text, |_| true).map_err(|mistakes| {
        let problem = objection(unit, "cannot be enabled or disabled");
        NoLinks::Refused(problem.because(format!("{file}: {}", mistakes.join("; "))))
    })?;
    let unit = install.instance.unwrap_or_else(|| unit.clone());
    Ok(InstallLinks { unit, file, links: install.links.into_keys().collect(), also: install.also })
}
