//! `nixfleet hosts`.

use nixfleet_activate::report::Outcome;

use super::{Context, targets};
use crate::args::HostsArgs;
use crate::document::HostResult;
use crate::exit::Exit;
use crate::render;

/// Lists hosts of the inventory. No host is reached.
///
/// # Errors
/// No inventory, or a selection that is wrong.
pub async fn execute(args: &HostsArgs, context: &Context) -> anyhow::Result<Exit> {
    let (_, hosts) = targets::select(&args.flake, &args.selection, context).await?;
    if context.output.json {
        let results = hosts.into_iter().map(|host| HostResult {
            inventory: Some(host.clone()),
            ..HostResult::new(host.name, Outcome::Unchanged)
        });
        return context.finish(results.collect());
    }
    let rows = hosts.iter().map(|host| {
        let base = serde_json::to_value(host.base).unwrap_or_default();
        vec![
            host.name.clone(),
            base.as_str().unwrap_or_default().to_owned(),
            host.system.clone(),
            host.addr.clone(),
            format!("{}:{}", host.ssh.user, host.ssh.port),
            host.tags.join(" "),
            host.roles.join(" "),
        ]
    });
    context.show(&render::table(&["host", "base", "system", "address", "ssh", "tags", "roles"], rows));
    Ok(Exit::Good)
}
