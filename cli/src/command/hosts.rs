//! The subcommand `nixfleet hosts`.

use nixfleet_contract::fleet::Host;
use serde::Serialize;

use super::Context;
use crate::args::HostsArgs;
use crate::document::Document;
use crate::exit::Exit;
use crate::render;
use nixfleet_operator::operation::{Connections, Targets};
use nixfleet_operator::rollout::{described, reason, today};
use nixfleet_operator::stop::Stop;

/// A host in the JSON document of `hosts`: its entry in the inventory, and its name under the key `host`, as
/// in the JSON documents of all commands.
#[derive(Serialize)]
struct Listed {
    host: String,
    #[serde(flatten)]
    inventory: Host,
}

/// Lists the selected hosts of the inventory. No host is reached.
///
/// # Errors
/// The inventory cannot be read, or the selection is wrong.
pub async fn execute(args: &HostsArgs, context: &Context) -> Result<Exit, Stop> {
    let targets = Targets {
        fleet: args.flake.request(context.output)?,
        selection: args.selection.selection(),
        connections: Connections::default(),
    };
    let (_, hosts) = targets.select(&context.operation).await?;
    if context.output.json {
        let listed = hosts.into_iter().map(|inventory| Listed { host: inventory.name.clone(), inventory });
        render::json(&Document::of(context.operation.command, listed.collect())).map_err(Stop::bug)?;
        return Ok(Exit::Good);
    }
    let today = today();
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
            excluded(host, &today),
        ]
    });
    context.show(&render::table(&["host", "base", "system", "address", "ssh", "tags", "roles", ""], rows));
    Ok(Exit::Good)
}

/// Returns the reason why an apply excludes a host. If the pin of the host has expired, the text says so. If
/// there is neither a reason nor a pin, the text is empty.
fn excluded(host: &Host, today: &str) -> String {
    let over = || host.pin.as_ref().map(|pin| format!("no longer {}", described(pin)));
    reason(host, today).or_else(over).unwrap_or_default()
}
