//! Arguments that affect the exit code of commands that change hosts.

/// Arguments that affect the exit code.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct ExitArgs {
    /// Exit with code 2 if hosts are deferred, or are partial without a failure
    #[arg(long, help_heading = "Rollout")]
    pub fail_deferred: bool,
}
