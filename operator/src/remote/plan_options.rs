//! How a host plans.

use serde::{Deserialize, Serialize};

/// What a plan says, and how much it costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanOptions {
    /// The host's own tools do not look at the change while it is planned. An apply has them look all the
    /// same.
    pub no_validate: bool,
    /// Show the content of files that others on the host may not read.
    pub show_private: bool,
}

impl PlanOptions {
    /// The flags of the activator.
    pub fn flags(self) -> impl Iterator<Item = String> {
        let flags = [(self.no_validate, "--no-validate"), (self.show_private, "--show-private")];
        flags.into_iter().filter(|(is_given, _)| *is_given).map(|(_, flag)| flag.to_owned())
    }
}
