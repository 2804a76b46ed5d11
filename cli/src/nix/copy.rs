//! Copies a closure to a host through the connection that is open already.

use std::time::Duration;

use nixfleet_activate::problem::{Code, Problem};

use super::Closure;
use crate::process::Invocation;
use crate::ssh::{self, Session};

/// How long a copy may take.
const LIMIT: Duration = Duration::from_secs(2 * 3600);

/// Copies a closure. `daemon` is the absolute path of `nix-daemon` on the host; it runs as root there, for whom no
/// signature is asked.
///
/// # Errors
/// The host is gone, or its store cannot take the closure.
pub async fn copy(session: &Session, closure: &Closure, daemon: &str) -> Result<(), Problem> {
    let output = Invocation::new("nix", LIMIT)
        .args(["--extra-experimental-features", "nix-command flakes"])
        .args(["copy", "--no-check-sigs", "--to", &store(session, daemon), &closure.path])
        .env("NIX_SSHOPTS", session.options_for_nix())
        .run()
        .await
        .map_err(|failure| failed(session, &failure.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = output.stderr_text();
    Err(ssh::failure::classify(&stderr, session.host()).unwrap_or_else(|| failed(session, &stderr)))
}

/// The address of the host's store.
fn store(session: &Session, daemon: &str) -> String {
    let host = session.host();
    let address = if host.addr.contains(':') { format!("[{}]", host.addr) } else { host.addr.clone() };
    let program = if host.ssh.user == "root" { daemon.to_owned() } else { format!("sudo%20-n%20{daemon}") };
    format!("ssh-ng://{}@{address}?remote-program={program}", host.ssh.user)
}

fn failed(session: &Session, stderr: &str) -> Problem {
    let name = &session.host().name;
    let why = stderr.lines().filter(|line| !line.starts_with("copying ") && !line.starts_with("warning: "));
    let why = why.collect::<Vec<_>>().join("\n");
    let help = if why.contains("No space left on device") {
        format!("make room: nixfleet run --sudo --host {name} -- nix-collect-garbage")
    } else {
        format!("see the host's own words: nixfleet run --host {name} -- journalctl -u nix-daemon -n 20")
    };
    Problem::new(Code::Copy, "the closure could not be copied to the host").at(name).because(why).help(help)
}
