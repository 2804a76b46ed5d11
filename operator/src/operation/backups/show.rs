//! Shows the content of one backup.

use std::time::{Duration, Instant};

use nixfleet_contract::backup::Content;
use nixfleet_contract::problem::{Code, Problem};
use serde::{Deserialize, Serialize};

use crate::event::{EventKind, Phase};
use crate::inventory::Selection;
use crate::operation::connections::Connections;
use crate::operation::context::Context;
use crate::operation::fleet::FleetRequest;
use crate::operation::targets::Targets;
use crate::remote::{self, Shown};
use crate::stop::Stop;

/// A request to show the content of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShowBackupRequest {
    /// The fleet that the host belongs to.
    pub fleet: FleetRequest,
    /// The name of the host.
    pub host: String,
    /// The path that was backed up, or the path of the backup itself.
    pub path: String,
    /// The number of a generation, to show the backup that the change to this generation made.
    pub generation: Option<u64>,
    /// Whether to show the original, which is the backup from before NixFleet managed the path.
    pub original: bool,
}

/// The answer of a host to a [`ShowBackupRequest`].
pub struct ShownBackup {
    /// The name of the host in the inventory.
    pub host: String,
    /// The description and the exact content of the backup, or why the host could not provide them.
    pub found: Result<(Content, Vec<u8>), Problem>,
    /// The time that the request took.
    pub took: Duration,
}

impl ShowBackupRequest {
    /// Fetches the backup from the host.
    ///
    /// # Errors
    /// Fails if the fleet cannot be evaluated, or if the request does not select exactly one host.
    pub async fn show(&self, context: &Context) -> Result<ShownBackup, Stop> {
        let targets = Targets {
            fleet: self.fleet.clone(),
            selection: Selection::of_host(&self.host),
            connections: Connections::default(),
        };
        let (_, mut sessions) = targets.connect(context).await?;
        let (Some(session), true) = (sessions.pop(), sessions.is_empty()) else {
            return Err(Problem::new(
                Code::Selection,
                "a backup can be shown from one host only, not from several",
            )
            .at(&self.host)
            .help("select one host; list the hosts with: nixfleet hosts")
            .into());
        };
        let host = session.host().name.clone();
        context.events.say(EventKind::HostPhase { host: host.clone(), phase: Phase::Looking });
        let began = Instant::now();
        let shown = Shown { path: &self.path, generation: self.generation, original: self.original };
        let found = remote::show_backup(&session, shown).await;
        Ok(ShownBackup { host, found, took: began.elapsed() })
    }
}
