//! The answer of a host that has downloaded its packages.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::values::UnitName;

/// The answer of a host that has downloaded its packages. A refusal has another form, so unknown fields are
/// errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Downloaded {
    /// The schema version.
    pub schema: u32,
    /// The units of new packages that a plan could not name before the download, without those that do not
    /// start.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub units: BTreeSet<UnitName>,
}
