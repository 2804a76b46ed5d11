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

/// A wish to see what is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShowBackupRequest {
    /// The fleet.
    pub fleet: FleetRequest,
    /// The name of the host.
    pub host: String,
    /// Of which path, or at which place.
    pub path: String,
    /// The one that the change to this generation made.
    pub generation: Option<u64>,
    /// What stood there before the path was managed.
    pub original: bool,
}

/// What a host answered.
pub struct ShownBackup {
    /// The name of the host, as the inventory has it.
    pub host: String,
    /// What the backup is, and its content, byte for byte.
    pub found: Result<(Content, Vec<u8>), Problem>,
    /// How long it took.
    pub took: Duration,
}

impl ShowBackupRequest {
    /// Asks the host for it.
    ///
    /// # Errors
    /// The fleet cannot be evaluated, or several hosts are meant.
    pub async fn show(&self, context: &Context) -> Result<ShownBackup, Stop> {
        let targets = Targets {
            fleet: self.fleet.clone(),
            selection: Selection::of_host(&self.host),
            connections: Connections::default(),
        };
        let (_, mut sessions) = targets.connect(context).await?;
        let (Some(session), true) = (sessions.pop(), sessions.is_empty()) else {
            return Err(Problem::new(Code::Selection, "a backup is shown of one host, not of several")
                .at(&self.host)
                .help("name one host: nixfleet hosts lists them")
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
