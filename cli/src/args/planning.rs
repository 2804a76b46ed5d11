//! Arguments that determine how a plan is made and shown.

use std::io::IsTerminal;
use std::num::NonZeroUsize;

use nixfleet_contract::problem::{Code, Problem};

use super::OutputArgs;
use super::count::count;
use nixfleet_operator::operation::Targets;
use nixfleet_operator::operation::fleet::FleetRequest;
use nixfleet_operator::remote::PlanOptions;

/// Arguments for planning on hosts.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct PlanningArgs {
    /// Do not let tools on the host (visudo, sshd, systemd-analyze, `validate` commands) check the change
    /// during planning. An apply still lets them check it before it touches anything
    #[arg(long, help_heading = "Plan")]
    pub no_validate: bool,

    /// Show the content of files that not all users on the host may read. Works only on a terminal; such
    /// content is neither saved nor printed for programs
    #[arg(long, help_heading = "Plan")]
    pub show_private: bool,

    /// Evaluate at most this many NixOS hosts at once [default: as many as processors and available memory
    /// allow]
    #[arg(long, value_name = "N", help_heading = "Plan", value_parser = count)]
    pub eval_jobs: Option<NonZeroUsize>,
}

impl PlanningArgs {
    /// Checks that the content of private files would be shown only on a terminal. `saves` is whether the
    /// plan is written to a file.
    ///
    /// # Errors
    /// [`Code::Usage`] if `--show-private` is given and the content would not be shown on a terminal.
    pub fn check(self, output: OutputArgs, saves: bool) -> Result<(), Problem> {
        let why = if !self.show_private {
            return Ok(());
        } else if saves {
            "the plan is saved to a file"
        } else if output.is_for_programs() {
            "the output is for a program"
        } else if !std::io::stdout().is_terminal() {
            "standard output is not a terminal"
        } else {
            return Ok(());
        };
        Err(Problem::new(
            Code::Usage,
            "--show-private works only on a terminal, because it shows the content of private files",
        )
        .because(why)
        .help(
            "run the command without --show-private: the plan then shows the size and the digest of a \
             private file, but not the content",
        ))
    }

    /// Returns the targets with the limit on evaluations.
    pub fn limit(self, targets: Targets) -> Targets {
        let fleet = FleetRequest { eval_jobs: self.eval_jobs, ..targets.fleet };
        Targets { fleet, ..targets }
    }

    /// Returns the options for planning.
    pub const fn options(self) -> PlanOptions {
        PlanOptions { no_validate: self.no_validate, show_private: self.show_private, dry_activate: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_content_is_refused_wherever_it_would_stay() {
        let args = |show_private| PlanningArgs { show_private, ..PlanningArgs::default() };
        let output = |json, events| OutputArgs { json, events, verbosity: 0 };
        let why = |output, saves| args(true).check(output, saves).unwrap_err().why.unwrap();
        assert_eq!(why(output(false, false), true), "the plan is saved to a file");
        assert_eq!(why(output(true, false), false), "the output is for a program");
        assert_eq!(why(output(false, true), false), "the output is for a program");
        assert!(args(false).check(output(true, false), true).is_ok());
    }
}
