//! The hook of apt: a program that apt starts during a simulation, to tell what the transaction would change.
//!
//! apt and the hook exchange JSON-RPC messages over a socket, each on a line of its own and followed by an
//! empty line (`doc/json-hooks-protocol.md` of apt). apt starts the hook several times in a run. The hook
//! prints the packages of one of these runs, on one line that begins with [`MARK`], among the other output of
//! apt.

use std::io::{self, BufRead, Write};

use nixfleet_contract::problem::{Code, Problem};
use rustix::io::retry_on_intr;
use serde::{Deserialize, Serialize};

/// The beginning of the line with the packages.
pub const MARK: &str = "nixfleet-apt-transaction ";

/// The version of the protocol that the hook needs. It has the modes upgrade, downgrade and reinstall. apt
/// has it since version 2.3.2.
const VERSION: &str = "0.2";

/// The method of the last message before apt carries out the transaction.
const TRANSACTION: &str = "org.debian.apt.hooks.install.statistics";

/// The largest message of apt that is read, in bytes. apt needs about 1.5 kB for a package.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The packages that a transaction of apt would change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AptTransaction {
    /// The packages, in the order of apt.
    pub packages: Vec<TransactionPackage>,
}

/// A package that a transaction of apt would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionPackage {
    /// The name without an architecture.
    pub name: String,
    /// The architecture of the package; never `all`.
    pub architecture: String,
    /// The operation that apt plans for the package.
    pub mode: TransactionMode,
    /// Whether the package would be marked as installed automatically.
    pub automatic: bool,
    /// The versions of the package.
    pub versions: TransactionVersions,
}

/// An operation that apt plans for a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransactionMode {
    /// Install a package that is not installed.
    Install,
    /// Install a newer version.
    Upgrade,
    /// Install an older version.
    Downgrade,
    /// Install the same version again.
    Reinstall,
    /// Remove the package, and leave its configuration files.
    Deinstall,
    /// Remove the package and its configuration files.
    Purge,
}

/// The versions of a package in a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionVersions {
    /// The version that would be installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install: Option<TransactionVersion>,
    /// The version that is installed now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<TransactionVersion>,
}

/// A version of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionVersion {
    /// The version.
    pub version: String,
    /// The priority of the version. apt never chooses a version with a negative priority by itself.
    #[serde(default)]
    pub pin: i32,
    /// The releases that offer the version. An installed version that no source offers has none.
    #[serde(default)]
    pub origins: Vec<VersionOrigin>,
}

/// A release that offers a version. apt leaves out a field that the release does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VersionOrigin {
    /// The suite.
    pub archive: String,
    /// The codename.
    pub codename: String,
    /// Who makes the packages.
    pub origin: String,
    /// The label.
    pub label: String,
    /// The host name in the address of the source.
    pub site: String,
}

/// A message of apt.
#[derive(Deserialize)]
struct HookMessage {
    method: String,
    #[serde(default)]
    params: Option<HookParams>,
}

/// The parameters of a message that are used here.
#[derive(Deserialize)]
struct HookParams {
    /// The versions of the protocol that apt knows.
    #[serde(default)]
    versions: Vec<String>,
    #[serde(default)]
    packages: Option<Vec<TransactionPackage>>,
}

/// Answers apt over the socket that is the standard input of this process, and prints the transaction.
///
/// # Errors
/// Fails with [`Code::Packages`] if a message cannot be read, or if apt is too old.
pub fn run() -> Result<(), Problem> {
    let reply = |bytes: &[u8]| {
        let mut rest = bytes;
        while !rest.is_empty() {
            let written = retry_on_intr(|| rustix::io::write(io::stdin(), rest))?;
            rest = &rest[written..];
        }
        Ok(())
    };
    serve(io::stdin().lock(), reply, io::stdout())
        .map_err(|error| Problem::new(Code::Packages, "failed to talk with apt").because(error))
}

/// Answers the messages of apt until apt closes the socket. `read`: the messages; `reply`: writes an answer;
/// `out`: receives the packages of the transaction.
///
/// # Errors
/// Fails if a message cannot be read, or if apt does not know the version of the protocol. apt then ends with
/// an error.
fn serve(
    mut read: impl BufRead,
    mut reply: impl FnMut(&[u8]) -> io::Result<()>,
    mut out: impl Write,
) -> io::Result<()> {
    loop {
        let mut line = Vec::new();
        if io::Read::take(&mut read, LARGEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line == b"\n" {
            continue;
        }
        let message: HookMessage = serde_json::from_slice(&line)?;
        match (message.method.as_str(), message.params) {
            ("org.debian.apt.hooks.hello", Some(params)) => {
                if !params.versions.iter().any(|version| version == VERSION) {
                    reply(b"{\"jsonrpc\":\"2.0\",\"id\":0,\"error\":{\"code\":1,\"message\":\"apt is too old\"}}\n\n")?;
                    return Err(io::Error::other("apt does not know version 0.2 of the hook protocol"));
                }
                reply(b"{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"version\":\"0.2\"}}\n\n")?;
            }
            (TRANSACTION, Some(HookParams { packages: Some(packages), .. })) => {
                let transaction = serde_json::to_string(&AptTransaction { packages })?;
                writeln!(out, "{MARK}{transaction}")?;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = r#"{"jsonrpc":"2.0","method":"org.debian.apt.hooks.hello","id":0,"params":{"versions":["0.1","0.2"],"options":[]}}"#;
    const BYE: &str = r#"{"jsonrpc":"2.0","method":"org.debian.apt.hooks.bye","params":{}}"#;
    /// As apt 2.6.1 wrote it.
    const PACKAGE: &str = r#"{"id":5052,"name":"htop","architecture":"amd64","mode":"install","automatic":false,"versions":{"candidate":{"id":21992,"version":"3.2.2-2","architecture":"amd64","pin":500,"origins":[{"archive":"oldstable","codename":"bookworm","version":"12.15","origin":"Debian","label":"Debian","site":"packages.example.org"}]},"install":{"id":21992,"version":"3.2.2-2","architecture":"amd64","pin":500,"origins":[{"archive":"oldstable","codename":"bookworm","version":"12.15","origin":"Debian","label":"Debian","site":"packages.example.org"}]}}}"#;

    fn notification(method: &str) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","method":"org.debian.apt.hooks.install.{method}","params":{{"command":"install","search-terms":["htop"],"unknown-packages":[],"packages":[{PACKAGE}]}}}}"#
        )
    }

    fn talk(messages: &[&str]) -> (io::Result<()>, String, String) {
        let (mut replies, mut out) = (Vec::new(), Vec::new());
        let text: String = messages.iter().flat_map(|message| [message, "\n\n"]).collect();
        let result = serve(text.as_bytes(), |bytes| replies.write_all(bytes), &mut out);
        (result, String::from_utf8(replies).unwrap(), String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_hook_greets_apt_and_prints_the_transaction_once() {
        let (result, replies, out) = talk(&[HELLO, &notification("statistics"), BYE]);
        result.unwrap();
        assert_eq!(replies, "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"version\":\"0.2\"}}\n\n");
        let transaction: AptTransaction = serde_json::from_str(out.strip_prefix(MARK).unwrap()).unwrap();
        let [package] = &transaction.packages[..] else { panic!("{out}") };
        assert_eq!((package.name.as_str(), package.mode), ("htop", TransactionMode::Install));
        assert_eq!(package.versions.install.as_ref().unwrap().origins[0].label, "Debian");
        for method in ["pre-prompt", "package-list", "post", "fail"] {
            let (result, _, out) = talk(&[HELLO, &notification(method), BYE]);
            assert!(result.is_ok() && out.is_empty(), "{method}");
        }
    }

    #[test]
    fn an_apt_without_the_protocol_ends_with_an_error() {
        let (result, replies, out) = talk(&[&HELLO.replace(",\"0.2\"", ""), &notification("statistics")]);
        assert!(result.is_err() && replies.contains("error") && out.is_empty());
    }

    #[test]
    fn a_broken_message_is_an_error() {
        for message in [
            "{",
            "[]",
            "{\"method\":1}",
            &notification("statistics").replace("install\",\"auto", "x\",\"auto"),
        ] {
            assert!(talk(&[HELLO, message]).0.is_err(), "{message}");
        }
    }
}
