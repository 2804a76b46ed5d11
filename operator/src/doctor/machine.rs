//! The findings about the operator's machine.

use std::path::PathBuf;
use std::time::Duration;

use super::finding::Finding;
use crate::bootstrap::is_at_least;
use crate::process::{Failure, Invocation};
use crate::ssh::Sockets;
use crate::state::StateDir;

/// The time limit of each program.
const LIMIT: Duration = Duration::from_secs(60);
/// The oldest Nix of the operator's machine (`lib/nix-version.nix`).
const OLDEST_NIX: (u64, u64) = (2, 15);
/// The oldest OpenSSH that asks a helper for passwords (`SSH_ASKPASS_REQUIRE`).
const OLDEST_SSH: (u64, u64) = (8, 4);

/// The end of a program: its exit code, and its output and errors in one text.
struct Said {
    code: Option<i32>,
    text: String,
}

/// Inspects the operator's machine, except for the fleet.
pub async fn machine() -> Vec<Finding> {
    let mut findings = vec![Finding::good("nixfleet", env!("CARGO_PKG_VERSION"))];
    findings.extend(nix().await);
    findings.push(ssh().await);
    findings.push(keys().await);
    findings.push(git().await);
    findings.push(records());
    findings
}

async fn nix() -> Vec<Finding> {
    let Some(Said { text, .. }) = run("nix", &["--version"]).await else {
        let help = "install Nix: https://nixos.org/download";
        return vec![Finding::bad("nix", "this machine has no nix", help)];
    };
    let version = text.split_whitespace().next_back().unwrap_or_default();
    if !is_at_least(version, OLDEST_NIX) {
        let what = format!("Nix {version} is too old: NixFleet needs 2.15 or later");
        return vec![Finding::bad("nix", what, "install a newer Nix: https://nixos.org/download")];
    }
    let ping = ["--extra-experimental-features", "nix-command", "store", "ping"];
    let works = run("nix", &ping).await;
    let store = match works {
        Some(Said { code: Some(0), .. }) => Finding::good("nix", format!("Nix {version}")),
        Some(Said { text, .. }) => {
            let help = "if the daemon refuses you, on Debian: sudo usermod --append --groups nix-users $USER, and \
                        log in again; if it does not run: sudo systemctl enable --now nix-daemon.socket";
            Finding::bad("nix", format!("Nix does not work: {}", last(&text)), help)
        }
        None => Finding::bad("nix", "Nix cannot be started", "install Nix again"),
    };
    // `getFlake` exists only if flakes are enabled.
    let flakes = run("nix", &["eval", "--expr", "builtins ? getFlake"]).await;
    let features = if flakes.is_some_and(|said| said.code == Some(0) && said.text.contains("true")) {
        Finding::good("features", "nix-command and flakes are enabled")
    } else {
        Finding::warning(
            "features",
            "nix-command or flakes are not enabled: nixfleet enables them for itself, but `nix run .#plan` fails",
            "mkdir -p ~/.config/nix && echo 'extra-experimental-features = nix-command flakes' >> \
             ~/.config/nix/nix.conf",
        )
    };
    vec![store, features]
}

async fn ssh() -> Finding {
    let Some(Said { text, .. }) = run("ssh", &["-V"]).await else {
        return Finding::bad("ssh", "this machine has no ssh", "install the OpenSSH client");
    };
    let version = text.split(['_', ' ', ',']).nth(1).unwrap_or_default().to_owned();
    if let Err(problem) = Sockets::open() {
        return Finding::of_problem("ssh", &problem);
    }
    if is_at_least(&version, OLDEST_SSH) {
        Finding::good("ssh", format!("OpenSSH {version}"))
    } else {
        let what =
            format!("OpenSSH {version}: `bootstrap --ask-password` needs 8.4 for logins with a password");
        Finding::warning("ssh", what, "install a newer OpenSSH client")
    }
}

/// Looks for a key to log in with, in the agent and among the files that `ssh` tries by itself.
async fn keys() -> Finding {
    let agent = run("ssh-add", &["-l"]).await;
    if let Some(Said { code: Some(0), text }) = &agent {
        return Finding::good("keys", format!("the agent has {} keys", text.lines().count()));
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default().join(".ssh");
    let kinds = ["id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk"];
    match kinds.into_iter().find(|kind| home.join(kind).exists()) {
        Some(kind) => Finding::good("keys", format!("~/.ssh/{kind}")),
        None => Finding::warning(
            "keys",
            "there is no key in the agent, and no key that ssh tries by itself",
            "ssh-keygen -t ed25519; or name a key in ~/.ssh/config with IdentityFile",
        ),
    }
}

async fn git() -> Finding {
    match run("git", &["--version"]).await {
        Some(Said { code: Some(0), text }) => {
            Finding::good("git", text.split_whitespace().nth(2).unwrap_or_default())
        }
        _ => Finding::warning(
            "git",
            "this machine has no git, which Nix needs for a flake in a Git repository",
            "install git",
        ),
    }
}

/// Checks that the history and the records of rollouts can be written.
fn records() -> Finding {
    let written = StateDir::find().and_then(|state| {
        let folder = state.folder("")?;
        tempfile::tempfile_in(&folder).map_err(|error| crate::state::unusable(&folder, &error))?;
        Ok(folder)
    });
    match written {
        Ok(folder) => Finding::good("records", folder.display().to_string()),
        Err(problem) => Finding::of_problem("records", &problem),
    }
}

/// Runs a program. Returns `None` if there is no such program, or if it does not end.
async fn run(program: &'static str, arguments: &[&str]) -> Option<Said> {
    match Invocation::new(program, LIMIT).args(arguments).run().await {
        Ok(output) => {
            let text = [output.stdout.as_slice(), &output.stderr].concat();
            let text = String::from_utf8_lossy(&text).trim().to_owned();
            Some(Said { code: output.status.code(), text })
        }
        Err(Failure::Start(_) | Failure::TimedOut { .. } | Failure::TooMuch(_) | Failure::TooSlow) => None,
    }
}

/// Returns the last line of a text, where programs report what went wrong.
fn last(text: &str) -> &str {
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it gave no reason").trim()
}
