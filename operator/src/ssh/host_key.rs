//! The key that a host offers, before anybody has agreed to it.
//!
//! `ssh` itself asks the host, so jump hosts and the user's own configuration apply, as they do later. No
//! login is attempted.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::{Code, Problem};
use serde::Serialize;

use super::options::{alias, port};
use super::{Sockets, failure};
use crate::diagnostics::of_host;
use crate::process::{Invocation, Output};

/// The time that `ssh` may take in addition to the time limit of the connection.
const MARGIN: Duration = Duration::from_secs(10);
/// The time limit of `ssh-keygen`.
const KEYGEN: Duration = Duration::from_secs(10);

/// A key that a host offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OfferedKey {
    /// The type and the key, as in `known_hosts`.
    pub key: String,
    /// The fingerprint of the key, such as `SHA256:…`.
    pub fingerprint: String,
    /// Whether the user's own `known_hosts` has this key for the host, and the inventory has no key.
    pub is_known: bool,
}

/// Asks a host for its key. An ed25519 key is preferred.
///
/// # Errors
/// The host cannot be reached, or `known_hosts` has another key for it.
pub async fn offered(host: &Host, sockets: &Sockets) -> Result<OfferedKey, Problem> {
    of_host(&host.name, ask(host, sockets)).await
}

async fn ask(host: &Host, sockets: &Sockets) -> Result<OfferedKey, Problem> {
    let unwritten = |error: std::io::Error| {
        Problem::new(Code::Usage, "the host key cannot be received").at(&host.name).because(error)
    };
    let directory =
        tempfile::Builder::new().prefix("host-key-").tempdir_in(sockets.directory()).map_err(unwritten)?;
    let file = directory.path().join("known_hosts");
    let output = connect(host, &into_file(host, &file)).await?;
    let Some(key) = fs::read_to_string(&file).ok().and_then(|text| recorded(&text)) else {
        let stderr = output.stderr_text();
        return Err(failure::classify(&stderr, host).unwrap_or_else(|| failure::unreachable(host, &stderr)));
    };
    let fingerprint = fingerprint(&file, host).await?;
    // A pinned key has precedence, so nobody needs to know what known_hosts says.
    let is_known = host.ssh.host_key.is_none() && is_known(host, &key).await?;
    Ok(OfferedKey { key, fingerprint, is_known })
}

/// Returns the options with which `ssh` writes the key of the host into a file.
fn into_file(host: &Host, file: &Path) -> Vec<String> {
    vec![
        "StrictHostKeyChecking=accept-new".to_owned(),
        format!("UserKnownHostsFile={}", file.display()),
        "GlobalKnownHostsFile=none".to_owned(),
        format!("HostKeyAlias={}", alias(host)),
        "HashKnownHosts=no".to_owned(),
        "CheckHostIP=no".to_owned(),
        "VerifyHostKeyDNS=no".to_owned(),
        // The sign adds the type to the front of the types that `ssh` accepts.
        "HostKeyAlgorithms=^ssh-ed25519".to_owned(),
    ]
}

/// Whether the user's own `known_hosts` has this key for the host.
async fn is_known(host: &Host, key: &str) -> Result<bool, Problem> {
    let algorithms = match key.split(' ').next().unwrap_or_default() {
        "ssh-rsa" => "rsa-sha2-512,rsa-sha2-256",
        other => other,
    };
    let options = ["StrictHostKeyChecking=yes".to_owned(), format!("HostKeyAlgorithms={algorithms}")];
    let stderr = connect(host, &options).await?.stderr_text();
    match failure::classify(&stderr, host) {
        Some(problem) if problem.code == Code::HostKey && stderr.contains("HAS CHANGED") => Err(problem),
        Some(problem) if problem.code == Code::HostKey => Ok(false),
        // The host refuses the login, after `ssh` has accepted its key.
        Some(problem) if problem.code == Code::SshAuth => Ok(true),
        Some(problem) => Err(problem),
        None => Ok(true),
    }
}

/// Connects to a host without trying to log in.
async fn connect(host: &Host, options: &[String]) -> Result<Output, Problem> {
    let seconds = host.timeouts.connect;
    let ours = [
        "BatchMode=yes".to_owned(),
        "PreferredAuthentications=none".to_owned(),
        "ControlPath=none".to_owned(),
        "UpdateHostKeys=no".to_owned(),
        "RemoteCommand=none".to_owned(),
        "RequestTTY=no".to_owned(),
        "ClearAllForwardings=yes".to_owned(),
        "ForwardAgent=no".to_owned(),
        "LogLevel=INFO".to_owned(),
        format!("ConnectTimeout={seconds}"),
    ];
    let all = ours.iter().chain(options).cloned().chain(port(host.ssh.port));
    let limit = Duration::from_secs(seconds.min(600)) + MARGIN;
    let invocation = Invocation::new("ssh", limit)
        .args(all.flat_map(|option| ["-o".to_owned(), option]))
        .args(["-T", "--", &format!("{}@{}", host.ssh.user, host.addr), "true"]);
    invocation.run().await.map_err(|error| failure::unreachable(host, &error.to_string()))
}

/// Returns the key in the file that `ssh` wrote.
fn recorded(text: &str) -> Option<String> {
    let mut words = text.lines().next()?.split_whitespace().skip(1);
    let (kind, key) = (words.next()?, words.next()?);
    let is_key = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    is_key.then(|| format!("{kind} {key}"))
}

async fn fingerprint(file: &Path, host: &Host) -> Result<String, Problem> {
    let wrong = |why: String| {
        Problem::new(Code::HostKey, "the fingerprint of the host key cannot be determined")
            .at(&host.name)
            .because(why)
    };
    let invocation = Invocation::new("ssh-keygen", KEYGEN).args(["-l", "-E", "sha256", "-f"]).args([file]);
    let output = invocation.run().await.map_err(|failure| wrong(failure.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let found = text.split_whitespace().find(|word| word.starts_with("SHA256:"));
    found.map(str::to_owned).ok_or_else(|| wrong(output.stderr_text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_read_as_ssh_records_it() {
        let text = "nixfleet-web-1 ssh-ed25519 AAAAC3Nz+/=\n";
        assert_eq!(recorded(text).as_deref(), Some("ssh-ed25519 AAAAC3Nz+/="));
        for bad in ["", "nixfleet-web-1", "nixfleet-web-1 ssh-ed25519", "a b \"; rm"] {
            assert_eq!(recorded(bad), None, "{bad}");
        }
    }
}
