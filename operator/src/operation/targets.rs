//! The targets of a request: the hosts of a fleet, and the connection settings.

use std::num::NonZeroUsize;
use std::sync::Arc;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::Problem;
use serde::{Deserialize, Serialize};

use super::connections::Connections;
use super::context::Context;
use super::fleet::{Closures, Evaluated, FleetRequest, evaluate};
use crate::inventory::{self, Selection};
use crate::ssh::Session;
use crate::state::StateDir;

/// The hosts of a fleet on which a request works.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Targets {
    /// The fleet that the hosts belong to.
    pub fleet: FleetRequest,
    /// The selection of hosts.
    pub selection: Selection,
    /// The connection settings.
    pub connections: Connections,
}

impl Targets {
    /// Evaluates the inventory, and returns the selected hosts, sorted by name.
    ///
    /// # Errors
    /// Fails if there is no flake or no inventory, or if the selection is invalid.
    pub async fn select(&self, context: &Context) -> Result<(Evaluated, Vec<Host>), Problem> {
        self.evaluate(Closures::None, context).await
    }

    /// Evaluates the inventory, and returns the selected hosts like [`Self::select`]. If all hosts or hosts
    /// with given names are selected, their closures are evaluated too, because these closures are built
    /// next.
    ///
    /// # Errors
    /// Fails like [`Self::select`].
    pub async fn select_to_build(&self, context: &Context) -> Result<(Evaluated, Vec<Host>), Problem> {
        let closures = match self.selection.names() {
            _ if self.selection.is_everything() => Closures::All,
            Some(names) => Closures::Of(names),
            None => Closures::None,
        };
        self.evaluate(closures, context).await
    }

    /// Selects the hosts, and creates a session for each.
    ///
    /// # Errors
    /// Fails like [`Self::select`], or if there is no private directory for SSH sockets.
    pub async fn connect(&self, context: &Context) -> Result<(Evaluated, Vec<Arc<Session>>), Problem> {
        let (evaluated, hosts) = self.select(context).await?;
        Ok((evaluated, self.connections.sessions(hosts)?))
    }

    /// Returns the maximum number of hosts to work on at once.
    #[must_use]
    pub fn at_once(&self) -> NonZeroUsize {
        self.connections.at_once()
    }

    async fn evaluate(
        &self,
        closures: Closures,
        context: &Context,
    ) -> Result<(Evaluated, Vec<Host>), Problem> {
        let evaluated = evaluate(&self.fleet, closures, context).await?;
        if let Ok(state) = StateDir::find() {
            inventory::record_names(&state, &evaluated.nix.flake, &evaluated.fleet);
        }
        let hosts = inventory::select(&evaluated.fleet, &self.selection)?;
        Ok((evaluated, hosts))
    }
}
