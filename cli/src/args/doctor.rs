//! The arguments of `nixfleet doctor`.

use super::TargetArgs;

/// Arguments of `doctor`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet doctor            inspect this machine and all hosts
  nixfleet doctor web-1 -v   show also what is as it should be

Exit code: 0 if NixFleet can work, even if there are warnings; 1 if it cannot work on this machine; 2 if it cannot work
on a host.")]
pub struct DoctorArgs {
    #[command(flatten)]
    pub targets: TargetArgs,
}
