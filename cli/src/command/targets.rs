//! From flags to hosts, to what a rollout over them goes by, and to sessions: the first steps of every command.

use std::sync::Arc;

use nixfleet_contract::fleet::{Fleet, Host};
use nixfleet_contract::problem::{Code, Problem};

use super::Context;
use crate::args::{FlakeArgs, RolloutArgs, TargetArgs};
use crate::completion;
use crate::render;
use nixfleet_operator::event::{ExcludedHost, Stage};
use nixfleet_operator::flake::Flake;
use nixfleet_operator::inventory::{self, Selection};
use nixfleet_operator::nix::Nix;
use nixfleet_operator::rollout::{
    Outline, RolloutOrigin, check_growth, part, policy_for, today, without_canaries,
};
use nixfleet_operator::ssh::{Session, Sockets};
use nixfleet_operator::state::StateDir;

/// A fleet, and what of it was selected.
pub struct Selected {
    /// What is told and recorded of it.
    pub origin: RolloutOrigin,
    /// Nix, for the flake of the fleet.
    pub nix: Nix,
    /// The whole inventory.
    pub fleet: Fleet,
    /// The selected hosts, by name.
    pub hosts: Vec<Host>,
}

/// Evaluates the inventory and selects from it.
///
/// # Errors
/// No flake, no inventory, or a selection that is wrong.
pub async fn select(
    flake: &FlakeArgs,
    selection: &Selection,
    context: &Context,
) -> Result<Selected, Problem> {
    evaluate(flake, selection, false, context).await
}

/// The same for a command that builds the closures of the selection.
///
/// # Errors
/// As for [`select`].
pub async fn select_to_build(
    flake: &FlakeArgs,
    selection: &Selection,
    context: &Context,
) -> Result<Selected, Problem> {
    evaluate(flake, selection, selection.is_everything(), context).await
}

/// `all`: the closures of all hosts are going to be built.
async fn evaluate(
    flake: &FlakeArgs,
    selection: &Selection,
    all: bool,
    context: &Context,
) -> Result<Selected, Problem> {
    let here = std::env::current_dir()
        .map_err(|error| Problem::new(Code::Usage, "the current directory cannot be read").because(error))?;
    let found = Flake::find(flake.flake.as_deref(), &here)?;
    let progress = context.progress.clone();
    let show = Arc::new(move |line: &str| progress.suspend(|| render::err(line)));
    let mut nix = Nix::new(found, flake.passed_to_nix(), context.output.verbose, show);
    let fleet = context
        .stage(Stage::Evaluation, async { if all { nix.fleet_to_build().await } else { nix.fleet().await } });
    let fleet = fleet.await?;
    let origin = RolloutOrigin {
        flake: nix.flake.shown(),
        revision: fleet.revision.clone(),
        notifications: fleet.notifications.clone(),
    };
    context.events.say(origin.known());
    if let Ok(state) = StateDir::find() {
        completion::record_names(&state, &nix.flake, &fleet);
    }
    let hosts = inventory::select(&fleet, selection)?;
    Ok(Selected { origin, nix, fleet, hosts })
}

/// A selection that is to be changed.
pub struct RolloutTargets {
    /// Where it comes from.
    pub origin: RolloutOrigin,
    /// Nix, for the flake of the fleet.
    pub nix: Nix,
    /// The hosts that take part.
    pub hosts: Vec<Host>,
    /// The selected hosts that do not.
    pub excluded: Vec<ExcludedHost>,
    /// What the rollout goes by.
    pub outline: Outline,
}

/// What a rollout over the selected hosts goes by.
///
/// # Errors
/// The policy names something unknown, or asks for what cannot be.
pub fn rollout(
    selected: Selected,
    targets: &TargetArgs,
    args: &RolloutArgs,
    context: &Context,
) -> Result<RolloutTargets, Problem> {
    let Selected { origin, nix, fleet, hosts } = selected;
    let parted = part(hosts, &today());
    for (host, text) in &parted.warnings {
        context.warn(Some(host), text);
    }
    let mut policy = args.of(policy_for(&fleet, &parted.hosts));
    policy.max_parallel = targets.parallel.unwrap_or(policy.max_parallel);
    check_growth(&policy.waves)?;
    let outline = Outline::of(&fleet, &parted.hosts, policy)?;
    if let Some(text) = without_canaries(&fleet, &parted, &outline.policy.canary)? {
        context.warn(None, &text);
    }
    Ok(RolloutTargets { origin, nix, hosts: parted.hosts, excluded: parted.excluded, outline })
}

/// A session for each host.
///
/// # Errors
/// There is no private place for sockets, or a pinned host key is none.
pub fn sessions(hosts: Vec<Host>, args: &TargetArgs) -> Result<Vec<Arc<Session>>, Problem> {
    let sockets = Sockets::open()?;
    let count = hosts.len();
    let session = |mut host: Host| {
        host.timeouts.connect = args.connect_timeout.unwrap_or(host.timeouts.connect);
        Session::new(host, &sockets, count, args.connect_retries)
    };
    hosts.into_iter().map(|host| session(host).map(Arc::new)).collect()
}
