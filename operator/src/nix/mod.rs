//! Runs Nix to evaluate the fleet, build its closures and copy them to hosts, and explains the errors of Nix.

mod archive;
mod build;
mod cache;
mod closure_paths;
mod closures_channel;
mod copy;
mod derivation;
mod eval;
mod eval_hosts;
mod eval_limit;
mod eval_problems;
mod failure;
mod foreign;
mod functions;
mod inventory_document;
mod platforms;
mod roots;
mod serve;
pub mod stored;
mod trace;
mod wire;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use tokio::sync::mpsc::unbounded_channel;

use crate::flake::Flake;
use crate::process::{self, Invocation, Output};
use cache::EvalCache;

pub use build::{Built, Closure};
pub use cache::CacheFiles;
pub use closure_paths::{ClosurePaths, StorePath};
pub use closures_channel::{ClosureReceiver, ClosureSender, closures_channel};
pub use copy::{CopyFailure, Transfer, copy};
pub use roots::{ROOT_NAME, RolloutRoots, create_roots};

/// The time limit of an evaluation or a build.
const LIMIT: Duration = Duration::from_secs(6 * 3600);

/// A callback that shows a line to the user.
pub type Show = Arc<dyn Fn(&str) + Send + Sync>;

/// The configuration for running Nix on one flake.
#[derive(Clone)]
pub struct Nix {
    /// The flake that describes the fleet.
    pub flake: Flake,
    /// Flags passed to Nix unchanged, such as flags that override inputs or set options of Nix.
    passed: Vec<String>,
    /// Whether to show everything that Nix prints.
    verbose: bool,
    /// The callback for lines of Nix that the user should see.
    show: Show,
    /// The maximum number of evaluations at the same time. `None` means that the processors and the memory of
    /// this machine are the limit.
    eval_jobs: Option<NonZeroUsize>,
    /// The known results of evaluations of this flake.
    results: Arc<EvalCache>,
    /// The problem because of which the evaluation of all hosts except `NixOS` hosts failed. `None` if it did
    /// not fail.
    unevaluated: Option<Problem>,
}

impl Nix {
    /// Creates the configuration for a flake. `passed` contains flags for Nix itself, such as `--option`.
    /// `verbose` shows everything that Nix prints.
    #[must_use]
    pub fn new(flake: Flake, passed: Vec<String>, verbose: bool, show: Show) -> Self {
        Self { flake, passed, verbose, show, eval_jobs: None, results: Arc::default(), unevaluated: None }
    }

    /// Sets the maximum number of evaluations at the same time. `None` means that the processors and the
    /// memory of this machine are the limit.
    #[must_use]
    pub fn eval_jobs(self, eval_jobs: Option<NonZeroUsize>) -> Self {
        Self { eval_jobs, ..self }
    }

    /// Returns an invocation of a `nix` subcommand, with the flags that all subcommands need.
    fn invocation(&self, subcommand: &[&str]) -> Invocation {
        let mut invocation = Invocation::new("nix", LIMIT)
            .args(["--extra-experimental-features", "nix-command flakes", "--no-warn-dirty"])
            .args(subcommand)
            .args(&self.passed);
        if self.verbose {
            invocation = invocation.args(["--print-build-logs"]);
        }
        invocation
    }

    /// Returns the arguments that name an attribute of the fleet. If results are stored, the locked reference
    /// of the flake is evaluated, so that nobody can change the tree between the key and the evaluation.
    fn target(&self, attribute: &str) -> Vec<String> {
        if self.flake.is_file {
            return vec!["--file".to_owned(), self.flake.reference.clone(), attribute.to_owned()];
        }
        match self.results.reference() {
            // Nix cannot write a lock file to a revision.
            Some(locked) => vec![format!("{locked}#{attribute}"), "--no-write-lock-file".to_owned()],
            None => vec![format!("{}#{attribute}", self.flake.reference)],
        }
    }

    /// Runs an invocation. In verbose mode, shows each line of standard error as it arrives.
    async fn run(&self, invocation: Invocation) -> Result<Output, process::Failure> {
        if !self.verbose {
            return invocation.run().await;
        }
        let (sender, mut lines) = unbounded_channel::<Vec<u8>>();
        let invocation = Invocation { errors: Some(sender), ..invocation };
        let show = async {
            while let Some(line) = lines.recv().await {
                self.show(String::from_utf8_lossy(&line).trim_end());
            }
        };
        tokio::join!(invocation.run(), show).0
    }

    fn show(&self, line: &str) {
        (self.show)(line);
    }
}

/// Returns the problem to report if Nix gave no result at all.
fn no_result(code: Code, failure: &process::Failure) -> Problem {
    match failure {
        process::Failure::Start(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Problem::new(Code::Usage, "this machine has no `nix` program")
                .help("install Nix: https://nixos.org/download")
        }
        failure => Problem::new(code, "`nix` gave no result").because(failure),
    }
}
