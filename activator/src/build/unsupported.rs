//! Refuses declarations that the engine cannot carry out yet.

use nixfleet_contract::apt::declared::DeclaredPackages;

use super::compile::Compiler;

impl Compiler<'_> {
    /// Refuses packages of apt and holds. Sources and pins are files, so the engine can carry them out.
    pub(super) fn unsupported(&mut self, apt: Option<&DeclaredPackages>) {
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
