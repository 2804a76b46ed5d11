//! Arguments that name the flake, and arguments that are passed to Nix.

use std::path::PathBuf;

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_operator::operation::fleet::FleetRequest;

use super::OutputArgs;

/// Arguments that name the flake, and arguments that are passed to Nix.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Flake")]
pub struct FlakeArgs {
    /// The flake that describes the fleet, in any form that Nix accepts, such as '.?submodules=1' [default:
    /// the nearest flake.nix in this directory or a parent directory]
    #[arg(long, env = "NIXFLEET_FLAKE", value_name = "REF", hide_env_values = true)]
    pub flake: Option<String>,

    /// The Nix file of a fleet without a flake: a file that returns the result of `mkFleet`, or a directory
    /// with such a `default.nix`
    #[arg(long, env = "NIXFLEET_FILE", value_name = "PATH", hide_env_values = true)]
    pub file: Option<PathBuf>,

    /// Replace an input of the flake with another flake, as in `nix build --override-input`
    #[arg(long, num_args = 2, value_names = ["INPUT", "FLAKE"], action = clap::ArgAction::Append)]
    pub override_input: Vec<String>,

    /// Set an option of Nix, as in `nix build --option`
    #[arg(long, num_args = 2, value_names = ["NAME", "VALUE"], action = clap::ArgAction::Append)]
    pub option: Vec<String>,

    /// Evaluate everything again, and store no results of evaluations; without this flag, a flake whose
    /// changes are all committed is evaluated only once
    #[arg(long)]
    pub no_eval_cache: bool,
}

impl FlakeArgs {
    /// Returns a request for the fleet that these arguments name.
    ///
    /// # Errors
    /// The current directory cannot be read, or the arguments contradict each other.
    pub fn request(&self, output: OutputArgs) -> Result<FleetRequest, Problem> {
        let directory = std::env::current_dir().map_err(|error| {
            Problem::new(Code::Usage, "the current directory cannot be read").because(error)
        })?;
        if self.file.is_some() {
            self.check_file()?;
        }
        Ok(FleetRequest {
            flake: self.flake.clone(),
            file: self.file.clone(),
            directory,
            nix_flags: self.passed_to_nix(),
            verbose: output.verbose(),
            eval_jobs: None,
            no_eval_cache: self.no_eval_cache,
        })
    }

    /// Checks that no argument for a flake is combined with `--file`.
    fn check_file(&self) -> Result<(), Problem> {
        if self.flake.is_some() {
            return Err(Problem::new(Code::Usage, "both a flake and a file are named")
                .because("--flake or NIXFLEET_FLAKE names a flake, and --file or NIXFLEET_FILE names a file")
                .help("use only one of them"));
        }
        if !self.override_input.is_empty() {
            return Err(Problem::new(
                Code::Usage,
                "--override-input works with a flake, but not with --file",
            )
            .help("in the file, change the place from which the input is loaded"));
        }
        Ok(())
    }

    /// Returns the flags that are passed to Nix.
    fn passed_to_nix(&self) -> Vec<String> {
        let pairs = |flag: &str, values: &[String]| -> Vec<String> {
            values
                .chunks(2)
                .flat_map(|pair| [flag.to_owned()].into_iter().chain(pair.iter().cloned()))
                .collect()
        };
        [pairs("--override-input", &self.override_input), pairs("--option", &self.option)].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_reach_nix_as_they_were_given() {
        let args = FlakeArgs {
            flake: None,
            file: None,
            override_input: ["nixpkgs", "path:/a", "lib", "path:/b"].map(String::from).to_vec(),
            option: ["cores", "2"].map(String::from).to_vec(),
            no_eval_cache: false,
        };
        assert_eq!(
            args.passed_to_nix().join(" "),
            "--override-input nixpkgs path:/a --override-input lib path:/b --option cores 2"
        );
    }

    #[test]
    fn a_file_is_named_alone() {
        let file = FlakeArgs { file: Some("fleet.nix".into()), ..FlakeArgs::default() };
        assert!(file.check_file().is_ok());
        let flake = FlakeArgs { flake: Some(".".into()), ..file.clone() };
        let overridden = FlakeArgs { override_input: vec!["nixpkgs".into(), "path:/a".into()], ..file };
        for args in [flake, overridden] {
            assert_eq!(args.check_file().unwrap_err().code, Code::Usage);
        }
    }
}
