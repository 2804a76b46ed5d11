//! The arguments of `nixfleet host`.

use clap::Subcommand;

use super::TargetArgs;

/// Arguments of `host`.
#[derive(Clone, Debug, clap::Args)]
pub struct HostArgs {
    #[command(subcommand)]
    pub what: HostCommand,
}

/// The subcommands of `host`.
#[derive(Clone, Debug, Subcommand)]
pub enum HostCommand {
    /// Record the keys of hosts in the file that `hostKeys` of the inventory names
    Adopt(AdoptArgs),
}

/// Arguments of `host adopt`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nixfleet host adopt web-1                             show the fingerprint, ask, and record the key
  nixfleet host adopt web-1 --fingerprint SHA256:…      record the key if it has this fingerprint
  nixfleet host adopt --dry-run                         show the fingerprints of all hosts

A key that your own known_hosts has for a host is recorded without a question. On the console of a host, this command
prints its fingerprint: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")]
pub struct AdoptArgs {
    #[command(flatten)]
    pub targets: TargetArgs,

    #[command(flatten)]
    pub host_keys: HostKeyArgs,

    /// Show the keys, and record nothing
    #[arg(long, help_heading = "Host keys")]
    pub dry_run: bool,
}

/// Arguments that agree to host keys.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct HostKeyArgs {
    /// Agree to a host key with this fingerprint, as the console of the host or the provider shows it
    #[arg(long = "fingerprint", value_name = "SHA256:…", help_heading = "Host keys")]
    #[arg(value_parser = fingerprint, value_delimiter = ',')]
    pub fingerprints: Vec<String>,
}

/// Parses a fingerprint.
fn fingerprint(word: &str) -> Result<String, String> {
    // SHA-256 in base64 without padding.
    let is_digest = |digest: &str| {
        digest.len() == 43 && digest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
    };
    if word.strip_prefix("SHA256:").is_some_and(is_digest) {
        Ok(word.to_owned())
    } else {
        Err("expected a fingerprint, as ssh-keygen -l prints it: SHA256: and 43 characters".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_whole() {
        let good = format!("SHA256:{}", "aB3+/".repeat(9).get(..43).unwrap());
        assert_eq!(fingerprint(&good), Ok(good.clone()));
        for bad in ["", "SHA256:", "MD5:00:11", &good[..20], &format!("{good}="), &good[7..]] {
            assert!(fingerprint(bad).is_err(), "{bad}");
        }
    }
}
