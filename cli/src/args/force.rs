//! The argument that overrules objections.

use nixfleet_contract::force::Force;

/// The argument that overrules objections of hosts.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ForceArgs {
    /// Continue despite an objection. lockout: apply a change that would lock out the user who applies it.
    /// host-name: apply to a host that was last applied as another host of the inventory. health-checks: keep
    /// the change even if health checks fail. packages: let a rollback install and remove packages of apt
    /// too, which nothing undoes. PATH: leave this path and everything managed below it unchanged, and apply
    /// the rest
    #[arg(
        long,
        help_heading = "Objections",
        value_name = "lockout|host-name|health-checks|packages|PATH",
        value_delimiter = ','
    )]
    pub force: Vec<Force>,
}
