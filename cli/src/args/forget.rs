//! The arguments of `nixfleet forget`.

use nixfleet_contract::forget::ForgetMode;

use super::{LoginArgs, TargetArgs, WindowArgs};

/// Arguments of `forget`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet forget web-1 --leave             leave everything as it is, and remove the records of NixFleet
  nixfleet forget web-1 --clean --dry-run   show what would be removed, and what stays
  nixfleet forget web-1 --clean             remove everything declared, put originals back, remove the records
  nixfleet forget web-1 --clean --with-nix --with-access --login root
                                            also undo what `nixfleet bootstrap` has made
  nixfleet forget web-1 --gone              the host does not exist any more: show which lines to delete

The inventory is not changed: the command shows the lines to delete. Run an interrupted command again: it continues.")]
pub struct ForgetArgs {
    #[command(flatten)]
    pub targets: TargetArgs,

    #[command(flatten)]
    pub how: ForgetModeArgs,

    #[command(flatten)]
    pub undoing: UndoingArgs,

    #[command(flatten)]
    pub login: LoginArgs,

    #[command(flatten)]
    pub window: WindowArgs,

    /// Show what would be done, and change nothing
    #[arg(long, help_heading = "Forget")]
    pub dry_run: bool,

    /// Do not ask before changing hosts
    #[arg(short, long, help_heading = "Forget")]
    pub yes: bool,
}

/// The work of bootstraps to undo as well.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct UndoingArgs {
    /// Remove Nix too, if a bootstrap installed it and nobody else uses it
    #[arg(long, help_heading = "Forget", requires = "clean")]
    pub with_nix: bool,

    /// Remove the SSH user with its home, its keys and its sudo rule too, if a bootstrap created them.
    /// Needs the login of another user
    #[arg(long, help_heading = "Forget", requires = "clean", requires = "login")]
    pub with_access: bool,
}

/// How hosts are forgotten.
#[derive(Clone, Copy, Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct ForgetModeArgs {
    /// Leave files, units, packages and accounts as they are
    #[arg(long, help_heading = "Forget")]
    pub leave: bool,

    /// Remove everything declared, and put originals back
    #[arg(long, help_heading = "Forget")]
    pub clean: bool,

    /// Contact no host, and only show the lines of the inventory to delete
    #[arg(long, help_heading = "Forget")]
    pub gone: bool,
}

impl ForgetModeArgs {
    /// Returns the mode.
    pub const fn mode(self) -> ForgetMode {
        if self.clean { ForgetMode::Clean } else { ForgetMode::Leave }
    }
}
