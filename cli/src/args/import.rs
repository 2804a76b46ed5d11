//! The arguments of `nixfleet import`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::FlakeArgs;

/// Arguments of `import`.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    #[command(subcommand)]
    pub what: ImportCommand,
}

/// Subcommands of `import`.
#[derive(Clone, Debug, Subcommand)]
pub enum ImportCommand {
    /// Import an inventory of Ansible
    Ansible(ImportAnsibleArgs),
    /// Import the hosts of an SSH configuration
    SshConfig(ImportSshConfigArgs),
    /// Import the nodes of a colmena hive
    Colmena(ImportColmenaArgs),
    /// Import the nodes of deploy-rs
    DeployRs(ImportDeployRsArgs),
    /// Import the packages, holds, package sources and pins of apt from a host
    Apt(ImportAptArgs),
}

/// Arguments of `import ansible`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  nixfleet import ansible inventory.ini                     print a fleet.nix with the hosts of the inventory
  nixfleet import ansible inventory/ --out fleet.nix        write it to a file, if that does not exist
  nixfleet import ansible hosts.yml --json                  print the hosts, and everything that was not imported, as JSON

Hosts, groups, ranges, and the variables for the address, port, user and jump host are imported, also those of
group_vars and host_vars beside the inventory. All other variables become comments without the values of secrets.
Programs and plugins that make an inventory are not run. Let Ansible write their hosts first:
  ansible-inventory -i INVENTORY --list --yaml --export > hosts.yml")]
pub struct ImportAnsibleArgs {
    /// The inventory: a file in INI or YAML format, or a directory of such files
    pub inventory: PathBuf,

    #[command(flatten)]
    pub out: ImportOutArgs,
}

/// Arguments of `import ssh-config`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  nixfleet import ssh-config                          print a fleet.nix with the hosts of ~/.ssh/config
  nixfleet import ssh-config ./ssh_config --json      print the hosts of another file as JSON

Each name of a Host entry that is not a pattern becomes a host. Patterns give values to hosts, as in ssh.")]
pub struct ImportSshConfigArgs {
    /// The configuration [default: ~/.ssh/config]
    pub file: Option<PathBuf>,

    #[command(flatten)]
    pub out: ImportOutArgs,
}

/// Arguments of `import colmena`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  nixfleet import colmena                                       import the hive of the flake in this directory
  nixfleet import colmena github:example/hive --out fleet.nix   import the hive of another flake into a file

Only the options below `deployment` are evaluated: no NixOS system, and no secret.")]
pub struct ImportColmenaArgs {
    #[command(flatten)]
    pub flake: ImportFlakeArgs,

    #[command(flatten)]
    pub out: ImportOutArgs,
}

/// Arguments of `import deploy-rs`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  nixfleet import deploy-rs                                     import the nodes of the flake in this directory
  nixfleet import deploy-rs ../servers --out fleet.nix          import the nodes of another flake into a file

Only the settings of nodes and profiles are evaluated: no NixOS system.")]
pub struct ImportDeployRsArgs {
    #[command(flatten)]
    pub flake: ImportFlakeArgs,

    #[command(flatten)]
    pub out: ImportOutArgs,
}

/// Arguments of `import apt`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  nixfleet import apt web-1                          print a module with what apt has on the host
  nixfleet import apt web-1 --out roles/base.nix     write it to a file, if that does not exist

The host must be in the inventory. It is only read, without root.")]
pub struct ImportAptArgs {
    /// The host, by its name in the inventory
    pub host: String,

    #[command(flatten)]
    pub flake: FlakeArgs,

    #[command(flatten)]
    pub out: ImportOutArgs,
}

/// Arguments that name the imported flake.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Flake")]
pub struct ImportFlakeArgs {
    /// The flake to import, in any form that Nix accepts
    #[arg(default_value = ".")]
    pub flake: String,

    /// Replace an input of the flake with another flake, as in `nix eval --override-input`
    #[arg(long, num_args = 2, value_names = ["INPUT", "FLAKE"], action = clap::ArgAction::Append)]
    pub override_input: Vec<String>,

    /// Set an option of Nix, as in `nix eval --option`
    #[arg(long, num_args = 2, value_names = ["NAME", "VALUE"], action = clap::ArgAction::Append)]
    pub option: Vec<String>,
}

impl ImportFlakeArgs {
    /// Converts these arguments to the arguments with which other subcommands name a flake.
    pub fn to_flake_args(&self) -> FlakeArgs {
        FlakeArgs {
            flake: Some(self.flake.clone()),
            file: None,
            override_input: self.override_input.clone(),
            option: self.option.clone(),
            no_eval_cache: true,
        }
    }
}

/// Arguments for the file that is written.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "File")]
pub struct ImportOutArgs {
    /// Write the result to this file, instead of printing it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Replace the file if it exists
    #[arg(long, requires = "out")]
    pub force: bool,
}
