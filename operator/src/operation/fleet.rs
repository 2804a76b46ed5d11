//! The fleet of a flake, and the hosts that take part in a rollout.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use nixfleet_contract::fleet::{Fleet, Host};
use nixfleet_contract::problem::Problem;
use serde::{Deserialize, Serialize};

use super::context::Context;
use super::policy_request::PolicyRequest;
use crate::event::{ExcludedHost, Stage};
use crate::flake::Flake;
use crate::nix::{CacheFiles, Nix};
use crate::rollout::{Outline, RolloutOrigin, check_growth, part, policy_for, today, without_canaries};
use crate::state::StateDir;

/// A request to evaluate a fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FleetRequest {
    /// The flake, in any form that Nix accepts. If `None`, the nearest flake in `directory` or its parents is
    /// used.
    pub flake: Option<String>,
    /// The Nix file of a fleet without a flake. If it is set, `flake` is not used.
    pub file: Option<PathBuf>,
    /// The directory in which the search for a flake starts, and to which relative flake paths refer.
    pub directory: PathBuf,
    /// Extra flags for Nix, such as `--option` with a name and a value.
    pub nix_flags: Vec<String>,
    /// Whether to show everything that Nix prints.
    pub verbose: bool,
    /// The maximum number of evaluations of `NixOS` hosts at the same time. `None` is the limit of this
    /// machine: its processors, and its available memory.
    pub eval_jobs: Option<NonZeroUsize>,
    /// Whether everything is evaluated again, and nothing is taken from the cache of evaluations or stored in
    /// it.
    pub no_eval_cache: bool,
}

/// A fleet that has been evaluated.
pub struct Evaluated {
    /// The flake that describes the fleet, and its revision.
    pub origin: RolloutOrigin,
    /// The interface that runs Nix commands on the flake of the fleet.
    pub nix: Nix,
    /// The whole inventory, not only the selected hosts.
    pub fleet: Fleet,
}

/// The closures that are evaluated together with the inventory, because they will be built next. A name that
/// no host has is ignored.
pub enum Closures {
    /// No closures: the command only needs the inventory, or it is not known yet which hosts it selects.
    None,
    /// The closures of the hosts with these names.
    Of(Vec<String>),
    /// The closures of all hosts.
    All,
}

/// Evaluates the inventory, and these closures.
///
/// # Errors
/// Fails if there is no flake, or if the flake has no valid inventory.
pub async fn evaluate(
    request: &FleetRequest,
    closures: Closures,
    context: &Context,
) -> Result<Evaluated, Problem> {
    let found = match &request.file {
        Some(file) => Flake::file(file, &request.directory)?,
        None => Flake::find(request.flake.as_deref(), &request.directory)?,
    };
    let nix = Nix::new(found, request.nix_flags.clone(), request.verbose, Arc::clone(&context.show));
    let mut nix = nix.eval_jobs(request.eval_jobs);
    // Without a state directory, nothing is cached.
    let cache = StateDir::find().ok().filter(|_| !request.no_eval_cache).map(CacheFiles::new);
    let evaluation = Box::pin(async {
        match closures {
            Closures::None => nix.fleet(cache).await,
            Closures::Of(names) => nix.fleet_to_build(Some(&names), cache).await,
            Closures::All => nix.fleet_to_build(None, cache).await,
        }
    });
    let fleet = context.stage(Stage::Evaluation, evaluation).await?;
    let origin = RolloutOrigin {
        flake: nix.flake.shown(),
        revision: fleet.revision.clone(),
        notifications: fleet.notifications.clone(),
    };
    context.events.say(origin.known());
    Ok(Evaluated { origin, nix, fleet })
}

/// The hosts that take part in a rollout, and the outline of the rollout.
pub struct Participants {
    /// The hosts that take part.
    pub hosts: Vec<Host>,
    /// The selected hosts that do not take part.
    pub excluded: Vec<ExcludedHost>,
    /// The rules and waves of the rollout.
    pub outline: Outline,
}

impl Participants {
    /// Determines which of the selected hosts take part. `request` overrides the policy of the fleet, and
    /// `parallel` overrides how many hosts change at once.
    ///
    /// # Errors
    /// Fails if the policy names unknown canaries, if the policy spreads hosts over a tag prefix such as
    /// `rack` that no host has, if the cumulative sizes of the waves do not increase, or if the order of tags
    /// contains a cycle.
    pub fn of(
        fleet: &Fleet,
        selected: Vec<Host>,
        request: &PolicyRequest,
        parallel: Option<NonZeroUsize>,
        context: &Context,
    ) -> Result<Self, Problem> {
        let parted = part(selected, &today());
        for (host, text) in &parted.warnings {
            context.warn(Some(host), text);
        }
        let mut policy = request.of(policy_for(fleet, &parted.hosts));
        policy.max_parallel = parallel.unwrap_or(policy.max_parallel);
        check_growth(&policy.waves)?;
        let outline = Outline::of(fleet, &parted.hosts, policy)?;
        if let Some(text) = without_canaries(fleet, &parted, &outline.policy.canary)? {
            context.warn(None, &text);
        }
        Ok(Self { hosts: parted.hosts, excluded: parted.excluded, outline })
    }
}
