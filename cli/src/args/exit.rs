//! What counts as a failure of a command that changes hosts.

/// What counts as a failure.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct ExitArgs {
    /// Exit with 2 also where hosts are deferred, or are partial without a failure
    #[arg(long, help_heading = "Rollout")]
    pub fail_deferred: bool,
}
