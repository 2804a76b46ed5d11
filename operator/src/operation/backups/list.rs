//! Lists the backups of hosts.

use std::sync::Arc;
use std::time::Instant;

use nixfleet_contract::backup::{Backup, Backups};
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::Problem;
use serde::{Deserialize, Serialize};

use super::choice::BackupPaths;
use crate::event::{EventKind, Phase};
use crate::host_result::{BackupsView, HostResult};
use crate::operation::context::Context;
use crate::operation::targets::Targets;
use crate::orchestrate::each;
use crate::remote;
use crate::ssh::Session;
use crate::stop::Stop;

/// A request to list backups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListBackupsRequest {
    /// The hosts whose backups are listed.
    pub targets: Targets,
    /// The paths, or patterns of paths, whose backups are listed. If empty, the backups of all paths are
    /// listed.
    pub paths: Vec<String>,
}

impl ListBackupsRequest {
    /// Lists the backups of each host.
    ///
    /// # Errors
    /// Fails if a path cannot be parsed, or if the fleet cannot be evaluated.
    pub async fn list(&self, context: &Context) -> Result<Vec<HostResult>, Stop> {
        let paths = BackupPaths::of(&self.paths)?;
        let (_, sessions) = self.targets.connect(context).await?;
        let began = Instant::now();
        let asked =
            each(sessions.clone(), self.targets.at_once(), &context.interrupt, |session: Arc<Session>| {
                let events = context.events.clone();
                async move {
                    let host = session.host().name.clone();
                    events.say(EventKind::HostPhase { host, phase: Phase::Looking });
                    remote::backups(&session).await
                }
            });
        let result = |(session, said): (&Arc<Session>, Option<Result<Option<Backups>, Problem>>)| {
            let name = session.host().name.as_str();
            let is_meant = |backup: &Backup| paths.is_empty() || paths.mean(&backup.path);
            let result = match said {
                None => HostResult::new(name, Outcome::Skipped),
                Some(Err(problem)) => HostResult::failed(name, problem),
                Some(Ok(backups)) => result(name, backups, is_meant),
            };
            context.events.say(EventKind::HostEnded(result.end(began.elapsed())));
            result
        };
        Ok(sessions.iter().zip(asked.await?).map(result).collect())
    }
}

/// Returns the result of a host. The result lists the backups for which `is_meant` returns true. `backups` is
/// `None` if the host is not managed.
pub fn result(name: &str, backups: Option<Backups>, is_meant: impl Fn(&Backup) -> bool) -> HostResult {
    let Some(mut backups) = backups else {
        let reason = Some("not managed yet".to_owned());
        return HostResult { reason, ..HostResult::new(name, Outcome::Unchanged) };
    };
    backups.backups.retain(is_meant);
    let view = BackupsView { list: backups.backups, disk: backups.disk, ..BackupsView::default() };
    HostResult { backups: Some(Box::new(view)), ..HostResult::new(name, Outcome::Ok) }
}
