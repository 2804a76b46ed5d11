//! `nixfleet run`.

use super::TargetArgs;

/// Flags of `run`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet run --tag web -- systemctl is-active web     arguments arrive exactly as they are typed here
  nixfleet run --shell -- 'df -h / | tail -1'           one string, for the shell of the host
  nixfleet run --sudo --host db-1 -- cat /etc/shadow    as root")]
pub struct RunArgs {
    #[command(flatten)]
    pub targets: TargetArgs,

    /// Run it as root, with `sudo -n`
    #[arg(long, help_heading = "Run")]
    pub sudo: bool,

    /// Hand the one argument to `sh -c` on the host
    #[arg(long, help_heading = "Run")]
    pub shell: bool,

    /// Seconds after which the command is given up
    #[arg(long, help_heading = "Run", value_name = "SECONDS", default_value = "3600")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: u64,

    /// The command and its arguments, after `--`
    #[arg(last = true, required = true, help_heading = "Run", value_name = "CMD")]
    pub command: Vec<String>,
}
