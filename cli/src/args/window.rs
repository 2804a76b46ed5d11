//! Whether a change has to be confirmed over a new connection.

/// The window for it.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct WindowArgs {
    /// Seconds within which a changed host must be reached over a new connection; otherwise it goes back by itself
    #[arg(long, help_heading = "Confirmation", value_name = "SECONDS", default_value = "30")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub confirm_timeout: u64,

    /// Keep the change even where the host cannot be reached any more
    #[arg(long, help_heading = "Confirmation", conflicts_with = "confirm_timeout")]
    pub no_confirm: bool,
}

impl WindowArgs {
    /// Within how many seconds a change has to be confirmed, if it has to.
    pub fn seconds(self) -> Option<u64> {
        (!self.no_confirm).then_some(self.confirm_timeout)
    }
}
