//! The terms on which a host is changed.

use nixfleet_contract::apt::lock::LockHolder;
use nixfleet_contract::force::Force;
use nixfleet_contract::health::Check;

use crate::event::Phase;

/// The terms of a change on a host, apart from the closure that the host will run.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// The time within which the change must be confirmed over a new connection, in seconds, or `None` if the
    /// change needs no confirmation.
    pub confirm: Option<u64>,
    /// The revision of the applied flake. The host records this revision.
    pub revision: Option<&'a str>,
    /// The host's objections that `--force` overrules.
    pub force: &'a [Force],
    /// Whether the host fetches paths from its own binary caches if they have them.
    pub substitute: bool,
    /// The health checks that run on this machine before the confirmation, or `None` if they are not known.
    pub checks: Option<&'a [Check]>,
    /// The callback for each new phase of the work on the host.
    pub phase: &'a (dyn Fn(Phase) + Send + Sync),
    /// The callback for the process whose lock of apt or dpkg the host waits for; `None` at the end of the
    /// wait.
    pub waits: &'a (dyn Fn(Option<LockHolder>) + Send + Sync),
}

impl Terms<'_> {
    /// Returns the terms as flags of the activator.
    #[must_use]
    pub fn flags(&self) -> Vec<String> {
        let window = self.confirm.map(|seconds| format!("--confirm-timeout={seconds}"));
        window.into_iter().chain(force_flags(self.force)).collect()
    }
}

/// Returns overruled objections as flags of the activator.
pub fn force_flags<'f>(force: impl IntoIterator<Item = &'f Force>) -> impl Iterator<Item = String> {
    force.into_iter().map(|force| format!("--force={force}"))
}
