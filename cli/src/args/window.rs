//! Whether a change has to be confirmed over a new connection.

use nixfleet_operator::operation::Window;

/// The window for it, where the inventory should not decide.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct WindowArgs {
    /// Seconds within which a changed host must be reached over a new connection; otherwise it goes back by
    /// itself. Without it, what the inventory says: rollout.confirmTimeout
    #[arg(long, help_heading = "Confirmation", value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub confirm_timeout: Option<u64>,

    /// Keep the change even where the host cannot be reached any more
    #[arg(long, help_heading = "Confirmation", conflicts_with = "confirm_timeout")]
    pub no_confirm: bool,
}

impl WindowArgs {
    /// The window that the flags describe.
    pub const fn window(self) -> Window {
        Window { confirm_timeout: self.confirm_timeout, no_confirm: self.no_confirm }
    }
}
