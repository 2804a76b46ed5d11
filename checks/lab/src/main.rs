//! The command line of the lab: boots, lists and ends labs, and runs the checks.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::{Parser, Subcommand};
use nixfleet_lab::lab::{Lab, OPERATOR, Plan};
use nixfleet_lab::suite::{self, Part};
use nixfleet_lab::{bench, crates, demo, fuzz, reaper, supervisor};

/// Run real systemd hosts on this machine.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the main use of NixFleet on three new hosts, and leave them running.
    Demo,
    /// Measure NixFleet in comparison with other tools and with the minimum cost of the same work.
    Bench {
        /// Run only these parts.
        #[arg(long, value_enum, value_delimiter = ',')]
        #[arg(default_values = ["engine", "scale", "evaluate", "apply"])]
        only: Vec<bench::Part>,
    },
    /// Boot the three hosts of the demo and the operator's machine, and leave them running.
    Up {
        /// The name of the lab.
        #[arg(default_value = "demo")]
        lab: String,
        /// Make these hosts stand-ins for NixOS hosts.
        #[arg(long, value_name = "HOST", value_delimiter = ',')]
        nixos: Vec<String>,
    },
    /// End a lab and remove its files.
    Down {
        /// The name of the lab.
        #[arg(default_value = "demo")]
        lab: String,
        /// End every running lab.
        #[arg(long)]
        all: bool,
    },
    /// Run checks, and print the number of passed and failed checks.
    Test {
        /// Run only these parts: lint, unit, nix, lab, or the name of a test program on real hosts, such as
        /// rollout.
        #[arg(long, value_delimiter = ',', default_values = ["lint", "unit", "nix", "lab"])]
        only: Vec<Part>,
    },
    /// Fuzz the parsers that read input from other programs or people.
    Fuzz {
        /// The time for each target, in seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Print the folders of each crate and the folders that they use, in an order without a cycle.
    Folders,
    /// List the running labs.
    List,
    /// Open a shell on a host, or run a command there, as root. The shell on the operator's machine runs as
    /// the operator instead.
    Shell {
        /// The name of the lab.
        #[arg(long, default_value = "demo")]
        lab: String,
        /// The host: operator, web-1, web-2 or db-1.
        host: String,
        /// The command to run instead of a shell.
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// Run the supervisor of a lab, which `up` starts in the background.
    #[command(hide = true)]
    Hold {
        /// End the lab when standard input is closed.
        #[arg(long)]
        bound: bool,
        /// The directory of the lab.
        dir: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("nixfleet-lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Up { lab, nixos } => {
            let begun = Instant::now();
            let plan = nixos.iter().fold(Plan::demo(lab).shipped(), |plan, host| plan.nixos(host));
            Lab::boot_detached(&plan)?;
            println!("up after {:.1} s", begun.elapsed().as_secs_f64());
        }
        Command::Down { lab, all: false } => {
            Lab::end(&lab)?;
            println!(
                "The lab {lab} is gone. Its root filesystem stays for the next one; `make clean` removes that too."
            );
        }
        Command::Down { all: true, .. } => {
            let running = reaper::reap(&reaper::exclusively()?)?;
            running.iter().try_for_each(|lab| Lab::end(&lab.name))?;
        }
        Command::Test { only } => {
            return Ok(if suite::run(&only)?.is_green() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Fuzz { seconds } => {
            let tally = fuzz::run(seconds)?;
            println!("{tally}");
            return Ok(if tally.is_green() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Demo => demo::run()?,
        Command::Bench { only } => bench::run(&only)?,
        Command::Folders => {
            for (folder, name) in crates::CRATES {
                println!("{folder}/\n\n{}", crates::folders(folder, name)?);
            }
        }
        Command::List => {
            for lab in reaper::reap(&reaper::exclusively()?)? {
                let hosts: Vec<_> = lab.spec.guests.iter().map(|guest| guest.name.as_str()).collect();
                println!("{}: {}", lab.name, hosts.join(" "));
            }
        }
        Command::Shell { lab, host, command } => {
            let lab = Lab::find(&lab)?;
            let code = if host == OPERATOR && command.is_empty() {
                lab.operator()?.shell()?
            } else {
                lab.guest(&host)?.shell(&command)?
            };
            return Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)));
        }
        Command::Hold { bound, dir } => supervisor::hold(&dir, bound)?,
    }
    Ok(ExitCode::SUCCESS)
}
