//! The arguments of `nixfleet bootstrap`.

use std::path::PathBuf;

use super::{HostKeyArgs, TargetArgs};

/// Arguments of `bootstrap`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet bootstrap web-1 --dry-run                    show what the host lacks, and change nothing
  nixfleet bootstrap web-1 --login root                 log in as root with your key
  nixfleet bootstrap web-1 --login admin --ask-password
                                                        log in as admin with your key or the password, and use the
                                                        password for sudo too
  nixfleet bootstrap @new --login ubuntu --parallel 4   prepare several hosts, four at once

Each step is undone if a later step fails, or if NixFleet cannot log in afterwards. Run the command again at any time:
steps that are done already are not repeated.")]
pub struct BootstrapArgs {
    #[command(flatten)]
    pub targets: TargetArgs,

    #[command(flatten)]
    pub host_keys: HostKeyArgs,

    #[command(flatten)]
    pub login: LoginArgs,

    /// Add a public key that may log in as the SSH user, in addition to ssh.authorizedKeys of the inventory.
    /// FILE has one key on each line
    #[arg(long = "key", value_name = "FILE", help_heading = "Bootstrap")]
    pub keys: Vec<PathBuf>,

    /// Install Nix with this program, instead of packages of the distribution. It runs as root on hosts
    /// without Nix
    #[arg(long, value_name = "FILE", help_heading = "Bootstrap", requires = "installer_sha256")]
    pub installer: Option<PathBuf>,

    /// The SHA-256 digest of the installer, in hexadecimal
    #[arg(long, value_name = "DIGEST", help_heading = "Bootstrap", requires = "installer")]
    pub installer_sha256: Option<String>,

    /// Pass an argument to the installer
    #[arg(long, value_name = "ARGUMENT", help_heading = "Bootstrap", requires = "installer")]
    #[arg(allow_hyphen_values = true)]
    pub installer_argument: Vec<String>,

    /// Show what would be done, and change nothing
    #[arg(long, help_heading = "Bootstrap")]
    pub dry_run: bool,

    /// Do not ask before changing hosts. This flag does not accept unknown host keys
    #[arg(short, long, help_heading = "Bootstrap")]
    pub yes: bool,
}

/// Arguments for the login on a host that is not prepared yet.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Login")]
pub struct LoginArgs {
    /// Log in as this user: root, or a user who may use sudo [default: ssh.user of the inventory]
    #[arg(long, value_name = "USER", value_parser = login)]
    pub login: Option<String>,

    /// Ask once, on the terminal, for the password of this user. It is used for sudo, and for the login if
    /// the host accepts no key
    #[arg(long)]
    pub ask_password: bool,

    /// Read this password from the first line of standard input, instead of the terminal
    #[arg(long, conflicts_with = "ask_password")]
    pub password_stdin: bool,
}

/// Parses the name of a user.
fn login(word: &str) -> Result<String, String> {
    let is_first = |c: char| c.is_ascii_lowercase() || c == '_';
    let is_next = |c: char| is_first(c) || c.is_ascii_uppercase() || c.is_ascii_digit() || "-.".contains(c);
    let is_name = word.starts_with(is_first) && word.chars().all(is_next) && word.len() <= 32;
    if is_name { Ok(word.to_owned()) } else { Err("expected the name of a user, such as root".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_the_name_of_a_user() {
        for good in ["root", "admin", "_apt", "first.last", "a-1"] {
            assert_eq!(login(good).as_deref(), Ok(good));
        }
        for bad in ["", "-oProxyCommand=x", "a b", "a\n", "root;id", "é"] {
            assert!(login(bad).is_err(), "{bad}");
        }
    }
}
