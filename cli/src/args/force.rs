//! Which objections of a host are overruled.

use nixfleet_contract::force::Force;

/// What to do in spite of an objection.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ForceArgs {
    /// Go on in spite of an objection. lockout: the change would lock out the user who applies it. host-name:
    /// the host was last applied as another one of the inventory. health-checks: the change is kept even
    /// where they fail. A path: this path is left as it is on the host, with all that is managed below it,
    /// and the rest is applied
    #[arg(
        long,
        help_heading = "Objections",
        value_name = "lockout|host-name|health-checks|PATH",
        value_delimiter = ','
    )]
    pub force: Vec<Force>,
}
