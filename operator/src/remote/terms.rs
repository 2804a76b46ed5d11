//! On which terms a host is changed.

use nixfleet_contract::force::Force;
use nixfleet_contract::health::Check;

use crate::event::Phase;

/// What a host is told beside the target.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// Within how many seconds the change has to be confirmed over a new connection, if it has to.
    pub confirm: Option<u64>,
    /// The revision of the flake that is applied, for the host to remember.
    pub revision: Option<&'a str>,
    /// In spite of which objections.
    pub force: &'a [Force],
    /// Whether it fetches from its own binary caches what those have.
    pub substitute: bool,
    /// The health checks that are tried from here before it is confirmed; nothing where they are not known.
    pub checks: Option<&'a [Check]>,
    /// Called when something else is done about it.
    pub phase: &'a (dyn Fn(Phase) + Send + Sync),
}

impl Terms<'_> {
    /// As the activator takes them.
    #[must_use]
    pub fn flags(&self) -> Vec<String> {
        let window = self.confirm.map(|seconds| format!("--confirm-timeout={seconds}"));
        window.into_iter().chain(force_flags(self.force)).collect()
    }
}

/// Overruled objections as the activator takes them.
pub fn force_flags(force: &[Force]) -> impl Iterator<Item = String> {
    force.iter().map(|force| format!("--force={force}"))
}
