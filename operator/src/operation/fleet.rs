//! The fleet of a flake, and which of its hosts take part in a rollout.

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
use crate::nix::Nix;
use crate::rollout::{Outline, RolloutOrigin, check_growth, part, policy_for, today, without_canaries};

/// A fleet to evaluate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FleetRequest {
    /// The flake, in any form that Nix takes; the nearest one upwards if missing.
    pub flake: Option<String>,
    /// Where a flake is looked for, upwards from there, and what a path in its name begins with.
    pub directory: PathBuf,
    /// Flags for Nix itself, such as `--option` and its two values.
    pub nix_flags: Vec<String>,
    /// Show all that Nix says.
    pub verbose: bool,
}

/// An evaluated fleet.
pub struct Evaluated {
    /// Where it comes from.
    pub origin: RolloutOrigin,
    /// Nix, for the flake of the fleet.
    pub nix: Nix,
    /// The whole inventory.
    pub fleet: Fleet,
}

/// Evaluates the inventory. `all`: the closures of all hosts are going to be built.
///
/// # Errors
/// There is no flake, or no inventory in it.
pub async fn evaluate(request: &FleetRequest, all: bool, context: &Context) -> Result<Evaluated, Problem> {
    let found = Flake::find(request.flake.as_deref(), &request.directory)?;
    let mut nix = Nix::new(found, request.nix_flags.clone(), request.verbose, Arc::clone(&context.show));
    let evaluation = async { if all { nix.fleet_to_build().await } else { nix.fleet().await } };
    let fleet = context.stage(Stage::Evaluation, evaluation).await?;
    let origin = RolloutOrigin {
        flake: nix.flake.shown(),
        revision: fleet.revision.clone(),
        notifications: fleet.notifications.clone(),
    };
    context.events.say(origin.known());
    Ok(Evaluated { origin, nix, fleet })
}

/// The hosts of a rollout, and what it goes by.
pub struct Participants {
    /// The hosts that take part.
    pub hosts: Vec<Host>,
    /// The selected hosts that do not.
    pub excluded: Vec<ExcludedHost>,
    /// What the rollout goes by.
    pub outline: Outline,
}

impl Participants {
    /// Of the selected hosts of a fleet. `request` changes the policy of the fleet; `parallel` is how many
    /// hosts change at once.
    ///
    /// # Errors
    /// The policy names something unknown, or asks for something impossible.
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
