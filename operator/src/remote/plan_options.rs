//! Options for planning on a host.

use serde::{Deserialize, Serialize};

/// Options that determine the contents and the cost of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanOptions {
    /// Whether planning skips the inspection of the change by the host's own tools. An apply never skips this
    /// inspection.
    pub no_validate: bool,
    /// Whether to show the content of files that other users of the host cannot read.
    pub show_private: bool,
    /// Whether to copy the closure of a NixOS host to the host, and to ask NixOS itself what an activation of
    /// the system would do.
    #[serde(default)]
    pub dry_activate: bool,
}

impl PlanOptions {
    /// Returns the options as flags of the activator.
    pub fn flags(self) -> impl Iterator<Item = String> {
        let flags = [(self.no_validate, "--no-validate"), (self.show_private, "--show-private")];
        flags.into_iter().filter(|(is_given, _)| *is_given).map(|(_, flag)| flag.to_owned())
    }
}
