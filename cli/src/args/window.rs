//! Whether a change has to be confirmed over a new connection.

use nixfleet_contract::fleet::Host;

/// The window for it, where the inventory should not decide.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct WindowArgs {
    /// Seconds within which a changed host must be reached over a new connection; otherwise it goes back by itself.
    /// Without it, what the inventory says: rollout.confirmTimeout
    #[arg(long, help_heading = "Confirmation", value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub confirm_timeout: Option<u64>,

    /// Keep the change even where the host cannot be reached any more
    #[arg(long, help_heading = "Confirmation", conflicts_with = "confirm_timeout")]
    pub no_confirm: bool,
}

impl WindowArgs {
    /// Within how many seconds a change of a host has to be confirmed, if it has to.
    pub fn seconds(self, host: &Host) -> Option<u64> {
        if self.no_confirm { None } else { self.confirm_timeout.or(host.rollout.confirm_timeout) }
    }
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::fleet::{Base, Rollout, Ssh, Timeouts};

    use super::*;

    #[test]
    fn flags_have_the_last_word_and_the_inventory_the_first() {
        let host = |confirm_timeout| Host {
            name: "web-1".into(),
            base: Base::Ubuntu,
            system: "x86_64-linux".into(),
            addr: "10.0.1.11".into(),
            ssh: Ssh { user: "deploy".into(), port: 22, host_key: None },
            rollout: Rollout { confirm_timeout },
            tags: vec![],
            roles: vec![],
            timeouts: Timeouts::default(),
            maintenance: None,
            pin: None,
        };
        let seconds = |confirm_timeout, no_confirm, inventory| {
            WindowArgs { confirm_timeout, no_confirm }.seconds(&host(inventory))
        };
        assert_eq!(seconds(None, false, Some(60)), Some(60));
        assert_eq!(seconds(Some(5), false, Some(60)), Some(5));
        assert_eq!(seconds(Some(5), false, None), Some(5));
        assert_eq!(seconds(None, true, Some(60)), None);
        assert_eq!(seconds(None, false, None), None);
    }
}
