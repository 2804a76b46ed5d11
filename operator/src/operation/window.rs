//! The window, which is the time limit for confirming a change. The operator confirms a change by reaching
//! the host over a new connection.

use nixfleet_contract::fleet::Host;
use serde::{Deserialize, Serialize};

/// The time within which the operator must reach a changed host over a new connection. If the operator does
/// not do so in time, the host rolls back by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Window {
    /// The window in seconds. If set, it overrides the window in the inventory.
    pub confirm_timeout: Option<u64>,
    /// Whether changes need no confirmation.
    pub no_confirm: bool,
}

impl Window {
    /// Returns the window for a host in seconds, or `None` if changes need no confirmation.
    #[must_use]
    pub fn seconds(self, host: &Host) -> Option<u64> {
        if self.no_confirm { None } else { self.confirm_timeout.or(host.rollout.confirm_timeout) }
    }
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::fleet::RolloutSettings;

    use super::*;
    use crate::sample;

    #[test]
    fn flags_have_the_last_word_and_the_inventory_the_first() {
        let host =
            |confirm_timeout| Host { rollout: RolloutSettings { confirm_timeout }, ..sample::host("web-1") };
        let seconds = |confirm_timeout, no_confirm, inventory| {
            Window { confirm_timeout, no_confirm }.seconds(&host(inventory))
        };
        assert_eq!(seconds(None, false, Some(60)), Some(60));
        assert_eq!(seconds(Some(5), false, Some(60)), Some(5));
        assert_eq!(seconds(Some(5), false, None), Some(5));
        assert_eq!(seconds(None, true, Some(60)), None);
        assert_eq!(seconds(None, false, None), None);
    }
}
