//! Drops backups from hosts.

use std::sync::Arc;

use nixfleet_contract::backup::Backup;
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::Problem;
use serde::{Deserialize, Serialize};

use super::choice::{BackupPaths, Choice, Chosen};
use super::list;
use crate::event::{Bus, EventKind, Phase};
use crate::host_result::{BackupsView, HostResult};
use crate::operation::at_once::AtOnce;
use crate::operation::context::Context;
use crate::operation::targets::Targets;
use crate::operation::verb::{Operation, Planned};
use crate::remote;
use crate::ssh::Session;
use crate::stop::Stop;

/// A request to drop backups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DropBackupsRequest {
    /// The hosts whose backups are dropped.
    pub targets: Targets,
    /// The paths, or patterns of paths, whose backups are dropped. If empty, the backups of every path are
    /// dropped if `all` or `older_than` is set, and otherwise no backups are dropped.
    pub paths: Vec<String>,
    /// The minimum age of the backups to drop, in seconds.
    pub older_than: Option<u64>,
    /// Whether to drop the backups of every path if `paths` is empty.
    pub all: bool,
    /// The paths whose originals are dropped even if they are still needed. An original is the backup from
    /// before NixFleet managed the path, and is restored when the path is no longer declared.
    pub originals: Vec<String>,
    /// Whether to plan without dropping anything.
    pub dry_run: bool,
}

impl DropBackupsRequest {
    /// Queries each host for its backups, and chooses which backups to drop.
    ///
    /// # Errors
    /// Fails if a path cannot be parsed, or if the fleet cannot be evaluated.
    pub async fn plan(&self, context: &Context) -> Result<AtOnce<DropBackups>, Stop> {
        let choice = Choice {
            paths: BackupPaths::of(&self.paths)?,
            older_than: self.older_than,
            all: self.all,
            originals: self.originals.iter().cloned().collect(),
        };
        AtOnce::plan(&self.targets, DropBackups { choice }, self.dry_run, context).await
    }
}

/// An operation that drops the chosen backups of each host.
pub struct DropBackups {
    choice: Choice,
}

/// The backups to drop from one host.
pub struct PlannedDrop {
    /// The backups to drop.
    pub drop: Vec<Backup>,
    /// The result that the plan shows for the host, before anything is dropped.
    result: HostResult,
}

impl Operation for DropBackups {
    type Plan = PlannedDrop;

    async fn plan(&self, session: &Arc<Session>, events: &Bus) -> Result<PlannedDrop, Problem> {
        let host = session.host().name.clone();
        events.say(EventKind::HostPhase { host: host.clone(), phase: Phase::Looking });
        let backups = remote::backups(session).await?;
        let problem = backups.as_ref().and_then(|backups| backups.problem.clone());
        let chosen = backups.as_ref().map_or_else(Chosen::default, |backups| self.choice.among(backups));
        let mut result = list::result(&host, backups, |backup| chosen.drop.contains(backup));
        if let Some(view) = &mut result.backups {
            view.spared.clone_from(&chosen.spared);
            result.outcome = if chosen.drop.is_empty() { Outcome::Unchanged } else { Outcome::Ok };
        }
        Ok(match problem {
            Some(problem) => {
                let result = HostResult { backups: result.backups, ..HostResult::failed(host, problem) };
                PlannedDrop { drop: Vec::new(), result }
            }
            None => PlannedDrop { drop: chosen.drop, result },
        })
    }

    async fn perform(&self, session: &Session, plan: &PlannedDrop, events: &Bus) -> HostResult {
        let host = session.host().name.clone();
        events.say(EventKind::HostPhase { host: host.clone(), phase: Phase::Cleaning });
        let view = plan.result.backups.clone().unwrap_or_default();
        match remote::drop_backups(session, plan.drop.clone()).await {
            Err(problem) => HostResult { backups: Some(view), ..HostResult::failed(host, problem) },
            Ok(report) => HostResult {
                problem: report.problem.clone(),
                backups: Some(Box::new(BackupsView { report: Some(report.clone()), ..*view })),
                ..HostResult::new(host, report.outcome)
            },
        }
    }
}

impl Planned for PlannedDrop {
    fn is_to_change(&self) -> bool {
        !self.drop.is_empty()
    }

    fn result(&self, _host: &str) -> HostResult {
        self.result.clone()
    }
}
