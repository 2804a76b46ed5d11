//! Carries out an operation on the hosts of a rollout, and remembers which change was made on each host.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nixfleet_contract::problem::Problem;

use super::host_plan::HostPlan;
use super::verb::{Changed, Operation};
use crate::event::Bus;
use crate::host_result::HostResult;
use crate::rollout::Work;

/// An operation, and the plans of the hosts in the order of the waves.
pub struct RolloutWork<O: Operation> {
    /// The operation to carry out.
    pub operation: Arc<O>,
    /// The plans of the hosts, in the order of the waves.
    pub plans: Vec<HostPlan<O::Plan>>,
    /// The bus to which progress is reported.
    pub events: Bus,
    /// The changes that were made, by host name.
    pub changed: Mutex<BTreeMap<String, Changed>>,
}

impl<O: Operation> Work for RolloutWork<O> {
    async fn prepare(&self, host: usize) -> Result<(), Problem> {
        let host = &self.plans[host];
        match host.known() {
            Some(plan) => self.operation.prepare(&host.session, plan, &self.events).await,
            None => Ok(()),
        }
    }

    async fn perform(&self, host: usize) -> HostResult {
        let host = &self.plans[host];
        let Some(plan) = host.known() else { return host.result() };
        let result = self.operation.perform(&host.session, plan, &self.events).await;
        if let Some(made) = result.end(Duration::ZERO).made() {
            record(&mut self.changed(), host.name(), made);
        }
        result
    }

    async fn undo(&self, host: usize) -> HostResult {
        if O::GOES_BACK {
            return self.perform(host).await;
        }
        let host = &self.plans[host];
        let changed = self.changed().get(host.name()).cloned();
        match changed {
            Some(changed) => self.operation.undo(&host.session, &changed, &self.events).await,
            None => host.result(),
        }
    }
}

impl<O: Operation> RolloutWork<O> {
    fn changed(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Changed>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records the change of a host. A change that left the generation as it was, such as a new boot default,
/// does not replace the change that made the generation.
fn record(changed: &mut BTreeMap<String, Changed>, host: &str, made: Changed) {
    if changed.get(host).is_none_or(|known| known.1 != made.1) {
        changed.insert(host.to_owned(), made);
    }
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::generation::Generation;

    use super::*;

    #[test]
    fn a_change_that_keeps_the_generation_keeps_the_way_back() {
        let generation = |number| Generation { number, closure: format!("/nix/store/{number}") };
        let mut changed = BTreeMap::from([("a".to_owned(), (Some(generation(1)), generation(2)))]);
        record(&mut changed, "a", (Some(generation(2)), generation(2)));
        assert_eq!(changed["a"], (Some(generation(1)), generation(2)));
        record(&mut changed, "a", (Some(generation(2)), generation(3)));
        assert_eq!(changed["a"], (Some(generation(2)), generation(3)));
    }
}
