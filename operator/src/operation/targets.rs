//! Which hosts of which fleet, and how they are connected: a part of every request.

use std::num::NonZeroUsize;
use std::sync::Arc;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::Problem;
use serde::{Deserialize, Serialize};

use super::connections::Connections;
use super::context::Context;
use super::fleet::{Evaluated, FleetRequest, evaluate};
use crate::inventory::{self, Selection};
use crate::ssh::Session;
use crate::state::StateDir;

/// Hosts of a fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Targets {
    /// The fleet.
    pub fleet: FleetRequest,
    /// Which of its hosts.
    pub selection: Selection,
    /// How they are connected.
    pub connections: Connections,
}

impl Targets {
    /// Evaluates the inventory and selects from it. The hosts are in the order of their names.
    ///
    /// # Errors
    /// No flake, no inventory, or a selection that is wrong.
    pub async fn select(&self, context: &Context) -> Result<(Evaluated, Vec<Host>), Problem> {
        self.evaluate(false, context).await
    }

    /// The same where the closures of the selection are built next.
    ///
    /// # Errors
    /// As for [`Self::select`].
    pub async fn select_to_build(&self, context: &Context) -> Result<(Evaluated, Vec<Host>), Problem> {
        self.evaluate(self.selection.is_everything(), context).await
    }

    /// The selected hosts, ready to be talked to.
    ///
    /// # Errors
    /// As for [`Self::select`]; or there is no place for connections.
    pub async fn connect(&self, context: &Context) -> Result<(Evaluated, Vec<Arc<Session>>), Problem> {
        let (evaluated, hosts) = self.select(context).await?;
        Ok((evaluated, self.connections.sessions(hosts)?))
    }

    /// How many hosts are worked on at once.
    #[must_use]
    pub fn at_once(&self) -> NonZeroUsize {
        self.connections.at_once()
    }

    async fn evaluate(&self, all: bool, context: &Context) -> Result<(Evaluated, Vec<Host>), Problem> {
        let evaluated = evaluate(&self.fleet, all, context).await?;
        if let Ok(state) = StateDir::find() {
            inventory::record_names(&state, &evaluated.nix.flake, &evaluated.fleet);
        }
        let hosts = inventory::select(&evaluated.fleet, &self.selection)?;
        Ok((evaluated, hosts))
    }
}
