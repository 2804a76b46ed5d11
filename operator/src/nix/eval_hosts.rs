//! Evaluates many hosts in several processes. Each `NixOS` host is evaluated in a process of its own, because
//! the evaluation of a `NixOS` host takes seconds and hundreds of megabytes. All other hosts share an
//! evaluation.

use std::collections::{BTreeMap, VecDeque};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};

use nixfleet_contract::fleet::{Base, Host};
use nixfleet_contract::problem::Problem;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use super::eval_limit::EvalLimit;
use super::functions::parts;
use super::{Nix, eval_problems};
use crate::event::{Bus, EventKind, Phase};
use crate::process::PeakMemory;

/// The derivations of closures, by host.
pub type DerivationsByHost = BTreeMap<String, String>;

impl Nix {
    /// Evaluates these hosts. Sends the derivations of each evaluation to `derived` as soon as the evaluation
    /// ends. After an evaluation has failed, sets `is_failed` to true and sends nothing more, but still
    /// evaluates the other hosts, so that the problems of all hosts are found.
    ///
    /// # Errors
    /// One or more hosts cannot be evaluated. The problem describes all of these hosts.
    pub(super) async fn evaluate_hosts(
        &self,
        hosts: Vec<Host>,
        derived: UnboundedSender<DerivationsByHost>,
        is_failed: &AtomicBool,
        events: &Bus,
    ) -> Result<(), Problem> {
        let mut waiting = evaluations(hosts);
        if self.unevaluated.is_some() {
            // The hosts that share an evaluation were already evaluated together with the inventory, which
            // failed.
            waiting.retain(|hosts| hosts.iter().any(is_alone));
        }
        let mut problems: Vec<Problem> = self.unevaluated.iter().cloned().collect();
        let mut limit = EvalLimit::new(self.eval_jobs);
        let mut running = JoinSet::new();
        let mut memories: BTreeMap<usize, PeakMemory> = BTreeMap::new();
        loop {
            let taken: Vec<PeakMemory> = memories.values().cloned().collect();
            if limit.allows_another(&taken)
                && let Some(hosts) = waiting.pop_front()
            {
                let (nix, memory, number) = (self.clone(), PeakMemory::default(), waiting.len());
                memories.insert(number, memory.clone());
                for host in &hosts {
                    events.say(EventKind::HostPhase { host: host.name.clone(), phase: Phase::Evaluating });
                }
                running.spawn(async move {
                    let hosts: Vec<&Host> = hosts.iter().collect();
                    (number, nix.derivations(&hosts, memory).await)
                });
                continue;
            }
            let Some(ended) = running.join_next().await else { break };
            // A task ends without a result only if it panics.
            let (number, result) = ended.unwrap_or_else(|error| resume_unwind(error.into_panic()));
            if let Some(memory) = memories.remove(&number) {
                limit.ended(&memory);
            }
            match result {
                // Sending fails if the build has failed, because the receiver is then gone. The error is
                // ignored.
                Ok(derivations) if problems.is_empty() => drop(derived.send(derivations)),
                Ok(_) => {}
                Err(problem) => {
                    is_failed.store(true, Ordering::Relaxed);
                    problems.push(problem);
                }
            }
        }
        eval_problems::together(problems, &self.flake).map_or(Ok(()), Err)
    }
}

/// Splits the hosts into evaluations. Evaluations that several hosts share come first, because they take less
/// time for each host, so that the closures of these hosts can be built first.
fn evaluations(hosts: Vec<Host>) -> VecDeque<Vec<Host>> {
    let (alone, together): (Vec<Host>, Vec<Host>) = hosts.into_iter().partition(is_alone);
    let together: Vec<&Host> = together.iter().collect();
    let parts = parts(&together).map(|part| part.iter().map(|host| (*host).clone()).collect());
    parts.chain(alone.into_iter().map(|host| vec![host])).collect()
}

fn is_alone(host: &Host) -> bool {
    host.base == Base::Nixos
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn each_nixos_host_is_evaluated_alone_and_all_others_together() {
        let host = |name: &str, base| Host { base, ..sample::host(name) };
        let hosts = vec![
            host("a", Base::Nixos),
            host("b", Base::Ubuntu),
            host("c", Base::Nixos),
            host("d", Base::Ubuntu),
        ];
        let names: Vec<Vec<String>> = evaluations(hosts)
            .into_iter()
            .map(|hosts| hosts.into_iter().map(|host| host.name).collect())
            .collect();
        assert_eq!(names, [vec!["b", "d"], vec!["a"], vec!["c"]]);
    }
}
