//! The packages that NixFleet installed, held or marked on a host. Only these are ever removed or given back
//! their marks.

use std::collections::BTreeSet;

use nixfleet_contract::values::PackageName;
use serde::{Deserialize, Serialize};

/// What NixFleet did to the packages of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnedPackages {
    /// Packages that were not installed before NixFleet installed them.
    pub installed: BTreeSet<PackageName>,
    /// Packages that were not held before NixFleet held them.
    pub held: BTreeSet<PackageName>,
    /// Packages that were marked as automatic before NixFleet marked them as manual.
    pub marked_manual: BTreeSet<PackageName>,
}
