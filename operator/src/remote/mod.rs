//! Actions on a host, one in each file. An action runs small fixed scripts over SSH, usually only one script.

mod answer;
mod apply;
mod backups;
pub mod bootstrap;
mod change;
mod delivery;
mod destination;
mod download;
mod dry_activate;
mod forget;
mod gc;
mod health;
mod import_apt;
mod login_shell;
mod not_managed;
mod os_update;
mod plan;
mod plan_options;
mod reboot;
mod report_check;
mod rollback;
mod run;
mod run_id;
mod send;
mod shape;
mod status;
mod sudo;
#[cfg(test)]
mod sudo_rule_tests;
mod suggested_commands;
mod terms;

use std::sync::Arc;
use std::time::Duration;

use nixfleet_contract::problem::Problem;

use crate::ssh::Session;

pub use answer::Answer;
pub use apply::apply;
pub use backups::{Shown, backups, drop_backups, show_backup};
pub use destination::Destination;
pub use download::download;
pub use dry_activate::dry_activate;
pub use forget::{forget, plan_forget};
pub use gc::{gc, plan_gc};
pub use health::health;
pub use import_apt::apt_of;
pub use not_managed::not_managed;
pub use os_update::{download_os_update, os_update, plan_os_update};
pub use plan::{Activators, HostTarget, PlanTerms, plan};
pub use plan_options::PlanOptions;
pub use reboot::{Booted, await_boot, booted, reboot};
pub use rollback::{plan_rollback, rollback};
pub use run::{Finished, RemoteCommand, run};
pub(crate) use run_id::new_run;
pub use send::send;
pub use status::status;
use suggested_commands::{for_operator, short};
pub use terms::Terms;

const PRELUDE: &str = include_str!("scripts/prelude.sh");
const FACTS: &str = include_str!("scripts/facts.sh");

/// Runs a script, and reads the answer. Two other scripts run before this script: the prelude, which sets
/// `PATH` and defines shell functions, and the script that prints the line of facts.
async fn ask(
    session: &Session,
    script: &str,
    arguments: &[&str],
    stdin: Vec<Arc<[u8]>>,
    limit: Duration,
) -> Result<Answer, Problem> {
    let output = session.script(&format!("{PRELUDE}\n{FACTS}\n{script}"), arguments, stdin, limit).await?;
    Answer::read(session.host(), output)
}
