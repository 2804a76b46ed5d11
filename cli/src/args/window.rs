//! Arguments that set how a change is confirmed: the operator must reach the host again over a new
//! connection.

use nixfleet_operator::operation::Window;

/// Arguments that override the confirmation window of the inventory.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct WindowArgs {
    /// Time limit for reaching a changed host over a new connection, in seconds; otherwise, the host rolls
    /// back by itself [default: rollout.confirmTimeout of the inventory]
    #[arg(long, help_heading = "Confirmation", value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub confirm_timeout: Option<u64>,

    /// Keep the change even if the host can no longer be reached
    #[arg(long, help_heading = "Confirmation", conflicts_with = "confirm_timeout")]
    pub no_confirm: bool,
}

impl WindowArgs {
    /// Returns the confirmation window that these arguments describe.
    pub const fn window(self) -> Window {
        Window { confirm_timeout: self.confirm_timeout, no_confirm: self.no_confirm }
    }
}
