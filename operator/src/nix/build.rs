//! Builds the closures of the selected hosts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::{Code, Problem};
use serde::Deserialize;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

use super::eval_hosts::DerivationsByHost;
use super::functions::{self, local_system};
use super::{ClosureSender, Nix, failure, no_result, stored};
use crate::event::{Bus, EventKind, Phase};

/// The maximum number of closures built by one call of Nix. The time of a call grows with the square of this
/// number: on a busy machine with Nix 2.26, each closure took 220 ms in a call for a thousand closures, and
/// 35 to 55 ms in a call for a hundred. A dependency that several closures share is built by the first call
/// that needs it.
const AT_ONCE: usize = 64;

/// The maximum number of calls of Nix that build closures at the same time. Each call may run several
/// builders, within the limits of Nix. With several calls, the other hosts do not wait for a `NixOS` host
/// that takes long to build. Calls that build the closures of several hosts run one at a time, because all of
/// them would end late if they ran at the same time.
const CALLS: usize = 4;

/// The built closure of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closure {
    /// The store path of the closure.
    pub path: String,
}

/// The result of a build. Each host has either a closure or a problem.
#[derive(Debug, Default)]
pub struct Built {
    /// The built closures, by host.
    pub closures: BTreeMap<String, Closure>,
    /// The reasons why closures could not be built, by host.
    pub failed: BTreeMap<String, Problem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Realised {
    drv_path: String,
    outputs: BTreeMap<String, String>,
}

impl Nix {
    /// Evaluates these hosts and builds their closures, as far as they can be built. A closure is sent to
    /// `sender` as soon as it is built, until the first evaluation or build fails.
    ///
    /// # Errors
    /// The evaluation of a host fails, or a build fails for a reason that cannot be attributed to a host.
    pub async fn build(
        &self,
        hosts: &[Host],
        sender: &ClosureSender,
        events: &Bus,
    ) -> Result<Built, Problem> {
        self.check_results().await?;
        let (known, warnings) = self.results.derivations(hosts.iter().map(|host| host.name.as_str()));
        self.warn(&warnings);
        let unknown = hosts.iter().filter(|host| !known.contains_key(&host.name)).cloned().collect();
        let here = local_system();
        let foreign: BTreeSet<&str> =
            hosts.iter().filter(|host| host.system != here).map(|host| host.name.as_str()).collect();
        let (derived, derivations) = unbounded_channel();
        // The receiver exists, so sending does not fail.
        let _ = derived.send(known);
        let is_failed = AtomicBool::new(self.unevaluated.is_some());
        let built = tokio::try_join!(
            self.evaluate_hosts(unknown, derived, &is_failed, events),
            self.build_as_evaluated(derivations, &foreign, sender, &is_failed, events)
        );
        self.store_results().await;
        built.map(|((), built)| built)
    }

    /// Builds the closures of these hosts with nothing declared. The closures also hold the recovery at boot.
    ///
    /// # Errors
    /// As for [`Self::build`].
    pub async fn build_bare(&self, hosts: &[Host]) -> Result<Built, Problem> {
        if hosts.is_empty() {
            return Ok(Built::default());
        }
        let here = local_system();
        let is_foreign = hosts.iter().any(|host| host.system != here);
        let hosts: Vec<&Host> = hosts.iter().collect();
        let mut built = Built::default();
        for some in functions::parts(&hosts) {
            for derivations in parts(self.bare_derivations(some).await?) {
                let Built { closures, failed } = self.build_part(&derivations, is_foreign).await?;
                built.closures.extend(closures);
                built.failed.extend(failed);
            }
        }
        Ok(built)
    }

    /// Builds the closures of all derivations that arrive in `derivations`, with several calls of Nix at the
    /// same time. `foreign` are the hosts that have another system than this machine.
    async fn build_as_evaluated(
        &self,
        mut derivations: UnboundedReceiver<DerivationsByHost>,
        foreign: &BTreeSet<&str>,
        sender: &ClosureSender,
        is_failed: &AtomicBool,
        events: &Bus,
    ) -> Result<Built, Problem> {
        let mut built = Built::default();
        let mut waiting: VecDeque<DerivationsByHost> = VecDeque::new();
        let mut running = JoinSet::new();
        let (mut is_open, mut is_shared_running) = (true, false);
        loop {
            while running.len() < CALLS
                && let Some(some) = next(&mut waiting, is_shared_running)
            {
                for host in some.keys() {
                    events.say(EventKind::HostPhase { host: host.clone(), phase: Phase::Building });
                }
                is_shared_running |= is_shared(&some);
                let nix = self.clone();
                let is_foreign = some.keys().any(|host| foreign.contains(host.as_str()));
                running.spawn(async move { (is_shared(&some), nix.build_part(&some, is_foreign).await) });
            }
            tokio::select! {
                arrived = derivations.recv(), if is_open => match arrived {
                    Some(arrived) => {
                        let (closures, to_build) = self.already_built(arrived);
                        if !is_failed.load(Ordering::Relaxed) {
                            sender.add(&closures);
                        }
                        built.closures.extend(closures);
                        waiting.extend(parts(to_build));
                    }
                    None => is_open = false,
                },
                Some(ended) = running.join_next() => {
                    // A task ends without a result only if it panics.
                    let ended = ended.unwrap_or_else(|error| resume_unwind(error.into_panic()));
                    let (was_shared, result) = ended;
                    is_shared_running &= !was_shared;
                    let Built { closures, failed } = result?;
                    let was_failed = is_failed.fetch_or(!failed.is_empty(), Ordering::Relaxed);
                    if !was_failed && failed.is_empty() {
                        sender.add(&closures);
                    }
                    built.failed.extend(failed);
                    built.closures.extend(closures);
                }
                else => return Ok(built),
            }
        }
    }

    /// Splits `hosts` into two maps: the closures that earlier commands have already built, and the
    /// derivations that still have to be built.
    fn already_built(&self, hosts: DerivationsByHost) -> (BTreeMap<String, Closure>, DerivationsByHost) {
        let (mut closures, mut to_build) = (BTreeMap::new(), DerivationsByHost::new());
        for (host, derivation) in hosts {
            match self.results.closure(&derivation) {
                Some(path) => drop(closures.insert(host, Closure { path })),
                None => drop(to_build.insert(host, derivation)),
            }
        }
        (closures, to_build)
    }

    /// Builds these derivations in one call of Nix. If a host has another system than this machine, first
    /// checks that all derivations can be built here, and otherwise builds nothing.
    async fn build_part(&self, derivations: &DerivationsByHost, is_foreign: bool) -> Result<Built, Problem> {
        let failed = if is_foreign { self.unbuildable(derivations).await } else { BTreeMap::new() };
        if failed.is_empty() {
            return self.build_some(derivations).await;
        }
        // The paths of closures that are not built are empty, as after a failed build.
        let others = derivations.keys().filter(|host| !failed.contains_key(*host)).cloned();
        let closures = others.map(|host| (host, Closure::default())).collect();
        Ok(Built { closures, failed })
    }

    /// Builds these derivations in one call of Nix. The keys of the map are the names of the hosts.
    async fn build_some(&self, derivations: &BTreeMap<String, String>) -> Result<Built, Problem> {
        let installables =
            derivations.values().map(|path| format!("{path}^out")).collect::<Vec<_>>().join("\n");
        let invocation = self
            .invocation(&["build", "--json", "--no-link", "--keep-going", "--stdin"])
            .stdin(vec![installables.into_bytes().into()]);
        let output = self.run(invocation).await.map_err(|error| no_result(Code::Build, &error))?;
        let stderr = output.stderr_text();
        if !output.status.success() {
            return failure::attribute(&stderr, derivations);
        }
        let realised: Vec<Realised> = serde_json::from_slice(&output.stdout).map_err(|error| {
            Problem::new(Code::Build, "the output of `nix build` cannot be read").because(error)
        })?;
        let outputs: BTreeMap<&str, &str> = realised
            .iter()
            .filter_map(|each| Some((each.drv_path.as_str(), each.outputs.get("out")?.as_str())))
            .collect();
        let closure = |(host, derivation): (&String, &String)| {
            let path = outputs.get(derivation.as_str()).ok_or_else(|| {
                Problem::new(Code::Build, "`nix build` did not build a host closure").at(derivation)
            })?;
            Ok((host.clone(), Closure { path: (*path).to_owned() }))
        };
        let closures: BTreeMap<String, Closure> =
            derivations.iter().map(closure).collect::<Result<_, _>>()?;
        let results = closures
            .iter()
            .filter_map(|(host, closure)| Some((derivations.get(host)?.clone(), closure.path.clone())));
        self.results.add_closures(results);
        Ok(Built { closures, failed: BTreeMap::new() })
    }
}

/// Whether one call of Nix for these derivations builds the closures of several hosts.
fn is_shared(derivations: &DerivationsByHost) -> bool {
    derivations.len() > 1
}

/// Removes the derivations for the next call of Nix from `waiting`, and returns them. Returns no derivations
/// of several hosts while another call for several hosts is running.
fn next(waiting: &mut VecDeque<DerivationsByHost>, is_shared_running: bool) -> Option<DerivationsByHost> {
    let place = waiting.iter().position(|some| !(is_shared_running && is_shared(some)))?;
    waiting.remove(place)
}

/// Splits derivations into parts. One call of Nix builds each part.
fn parts(mut derivations: DerivationsByHost) -> Vec<DerivationsByHost> {
    let mut parts = Vec::new();
    while !derivations.is_empty() {
        let later = derivations.keys().nth(AT_ONCE).cloned();
        let later = later.map(|host| derivations.split_off(&host)).unwrap_or_default();
        parts.push(std::mem::replace(&mut derivations, later));
    }
    parts
}

impl Closure {
    /// Reads the manifest of the closure, as its builder wrote it.
    ///
    /// # Errors
    /// The closure was removed from the store, or was not made by NixFleet.
    pub fn manifest(&self) -> Result<Vec<u8>, Problem> {
        let path = PathBuf::from(&self.path).join("manifest.json");
        stored::read(&path).map_err(|error| self.unreadable(&path, &error))
    }

    /// Returns the path of the activator that the host runs. The path is the same on the host and on this
    /// machine.
    ///
    /// # Errors
    /// The closure was removed from the store, or was not made by NixFleet.
    pub fn activator(&self) -> Result<PathBuf, Problem> {
        let path = PathBuf::from(&self.path).join("activate");
        std::fs::read_link(&path).map_err(|error| self.unreadable(&path, &error))
    }

    fn unreadable(&self, path: &std::path::Path, error: &std::io::Error) -> Problem {
        Problem::new(Code::Build, "the host closure cannot be read on this machine")
            .at(path.display())
            .because(error)
            .help(format!("build the closure again: nix-store --realise {}", self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_for_several_hosts_wait_for_each_other_and_single_hosts_wait_for_none() {
        let some = |hosts: std::ops::Range<usize>| -> DerivationsByHost {
            hosts.map(|host| (format!("{host:03}"), format!("/nix/store/{host}.drv"))).collect()
        };
        let mut waiting: VecDeque<DerivationsByHost> = parts(some(0..130)).into();
        waiting.push_back(some(200..201));
        assert_eq!(next(&mut waiting, false), Some(some(0..64)));
        assert_eq!(next(&mut waiting, true), Some(some(200..201)));
        assert_eq!(next(&mut waiting, true), None);
        assert_eq!(next(&mut waiting, false), Some(some(64..128)));
        assert_eq!(next(&mut waiting, false), Some(some(128..130)));
    }
}
