//! Refuses declarations that the engine cannot carry out yet.

use std::collections::BTreeMap;

use nixfleet_contract::apt::declared::DeclaredPackages;
use nixfleet_contract::manifest::DistributionUnit;
use nixfleet_contract::values::UnitName;

use super::compile::Compiler;

impl Compiler<'_> {
    /// Refuses packages of apt, holds, and states of units of the distribution. Sources and pins are files,
    /// so the engine can carry them out.
    pub(super) fn unsupported(
        &mut self,
        units: &BTreeMap<UnitName, DistributionUnit>,
        apt: Option<&DeclaredPackages>,
    ) {
        for name in units.keys() {
            self.reject(
                format!("nixfleet.systemd.units.{:?}", &**name),
                format!("NixFleet cannot enable, start or mask {name} yet, because it is a unit of the distribution"),
                "run systemctl on the host, and remove `enabled`, `running` and `masked`",
            );
        }
        let Some(apt) = apt else { return };
        for name in apt.packages.keys() {
            self.reject(
                format!("nixfleet.apt.packages.{:?}", &**name),
                format!("NixFleet cannot install, hold or remove {name} with apt yet"),
                "run apt on the host, and remove the declaration",
            );
        }
        for pattern in &apt.holds {
            self.reject(
                "nixfleet.apt.holds",
                format!("NixFleet cannot hold {pattern} yet"),
                "run `apt-mark hold` on the host, and remove the declaration",
            );
        }
    }
}
