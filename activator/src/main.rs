//! `nixfleet-activate`: builds host closures and activates them.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use nixfleet_activate::problem::Problem;

/// Builds NixFleet host closures, and brings a host to the generation a closure describes.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build a host closure; the builder of its derivation.
    Build {
        /// The attributes of the derivation as Nix writes them.
        #[arg(long, env = "NIX_ATTRS_JSON_FILE", value_name = "FILE")]
        attributes: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Build { attributes } => nixfleet_activate::build::run(&attributes),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            print_problems(&problems);
            ExitCode::FAILURE
        }
    }
}

fn print_problems(problems: &[Problem]) {
    for problem in problems {
        eprintln!("error: {problem}");
    }
}
