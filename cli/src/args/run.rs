//! The arguments of `nixfleet run`.

use super::TargetArgs;
use super::count::seconds;

/// Arguments of `run`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet run --tag web -- systemctl is-active web     pass the arguments unchanged
  nixfleet run --shell -- 'df -h / | tail -1'           pass one string to the shell of the host
  nixfleet run --sudo --host db-1 -- cat /etc/shadow    run the command as root
  nixfleet run --fold -- uname -r                       show equal output once, with the names of the hosts
  nixfleet run --host db-1 -- psql app < query.sql      let one host read standard input
  nixfleet run --stdin --tag db -- psql app < query.sql let each host read all of standard input")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag that is given or not")]
pub struct RunArgs {
    #[command(flatten)]
    pub targets: TargetArgs,

    /// Run the command as root, with `sudo -n`
    #[arg(long, help_heading = "Run")]
    pub sudo: bool,

    /// Run the single argument with `sh -c` on the host
    #[arg(long, help_heading = "Run")]
    pub shell: bool,

    /// Send the whole standard input to each host. Without this flag, only a single host reads it, and never
    /// from a terminal
    #[arg(long, help_heading = "Run")]
    pub stdin: bool,

    /// Show output when all hosts are done, and show equal output only once, with the names of the hosts
    #[arg(long, help_heading = "Run")]
    pub fold: bool,

    /// Time limit in seconds. A command that exceeds it is ended, and its host counts as failed with exit
    /// code 124
    #[arg(long, help_heading = "Run", value_name = "SECONDS", default_value = "3600")]
    #[arg(value_parser = seconds)]
    pub timeout: u64,

    /// The command and its arguments, after `--`
    #[arg(last = true, required = true, help_heading = "Run", value_name = "CMD")]
    pub command: Vec<String>,
}
