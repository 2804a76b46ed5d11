//! Refuses declarations that the engine cannot carry out yet.

use nixfleet_contract::apt::declared::{DeclaredPackage, DeclaredPackages};

use super::compile::Compiler;

impl Compiler<'_> {
    /// Refuses answers to questions of debconf.
    pub(super) fn unsupported(&mut self, apt: Option<&DeclaredPackages>) {
        let packages = apt.into_iter().flat_map(|apt| &apt.packages);
        for (name, package) in packages {
            if matches!(package, DeclaredPackage::Present(present) if !present.debconf.is_empty()) {
                self.reject(
                    format!("nixfleet.apt.packages.{:?}.debconf", &**name),
                    format!("NixFleet cannot answer the questions of {name} yet"),
                    "run debconf-set-selections on the host before the package is installed, and remove `debconf`",
                );
            }
        }
    }
}
