//! Classifies the error messages of `ssh` by what the user can do about them.

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::{Code, Problem};

use super::call::INPUT_READ;
use super::options::USUAL_PORT;

/// Messages of OpenSSH if the host key is not the expected one.
const HOST_KEY: [&str; 3] =
    ["Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED", "host key is known for"];
/// Messages of OpenSSH if the host refuses the user or the key.
const AUTH: [&str; 3] =
    ["Permission denied (", "Too many authentication failures", "no mutual signature algorithm"];
/// Messages of OpenSSH if a connection cannot be opened, or has broken.
const GONE: [&str; 16] = [
    "ssh: connect to host",
    "ssh: Could not resolve hostname",
    "kex_exchange_identification:",
    "ssh_exchange_identification:",
    "banner exchange",
    "Connection timed out",
    "Connection refused",
    "Connection reset by",
    "Connection closed by",
    "Connection to ",
    "No route to host",
    "Network is unreachable",
    "not responding",
    "Broken pipe",
    "mux_client_",
    "Unable to negotiate",
];

/// Messages of OpenSSH if the host closed the connection before the login.
const TURNED_AWAY: [&str; 6] = [
    "kex_exchange_identification:",
    "ssh_exchange_identification:",
    "banner exchange",
    // If the host has sent a refusal before its banner, `ssh` prints only one of the next two messages, and
    // none of the messages above.
    "Connection closed by",
    "Connection reset by",
    "Exceeded MaxStartups",
];

/// Returns the problem that the messages in `stderr` describe, if they are messages of `ssh`.
pub fn classify(stderr: &str, host: &Host) -> Option<Problem> {
    let line_with = |words: &[&str]| {
        stderr.lines().map(str::trim).find(|line| words.iter().any(|word| line.contains(word)))
    };
    if line_with(&HOST_KEY).is_some() {
        return Some(host_key(stderr, host));
    }
    if let Some(line) = line_with(&AUTH) {
        return Some(
            Problem::new(Code::SshAuth, "the host refused the SSH user or key")
                .at(&host.name)
                .because(line)
                .help(format!(
                    "check that the key is loaded (ssh-add -l), then test the connection: {}",
                    attempt(host)
                )),
        );
    }
    let line = line_with(&GONE)?;
    // Before a host closes the connection, it may print the reason, such as the text of /etc/nologin.
    let before: Vec<&str> = stderr.lines().map(str::trim).take_while(|said| *said != line).collect();
    let said = before.into_iter().rfind(|said| !said.is_empty());
    match said.filter(|_| line.starts_with("Connection closed by")) {
        Some(said) => Some(unreachable(host, &format!("{line}\nthe host said: {said}"))),
        None => Some(unreachable(host, line)),
    }
}

fn host_key(stderr: &str, host: &Host) -> Problem {
    let line_with = |word: &str| stderr.lines().map(str::trim).find(|line| line.contains(word));
    let scan = format!("ssh-keyscan -p {} {}", host.ssh.port, host.addr);
    let option = format!("hosts.{}.ssh.hostKey", host.name);
    let changed = line_with("IDENTIFICATION HAS CHANGED").is_some();
    let (what, help) = match (changed, host.ssh.host_key.is_some()) {
        (true, true) => (
            "the key of the host differs from the pinned key",
            format!(
                "only if the host was reinstalled, pin its new key in {option}; to print the key: {scan}"
            ),
        ),
        (true, false) => (
            "the key of the host differs from the key in known_hosts",
            format!("only if the host was reinstalled, remove the old key: ssh-keygen -R {}", host.addr),
        ),
        (false, _) => (
            "the host key is unknown",
            format!(
                "run {scan}, compare the key that it prints with the key on the host itself, then pin that \
                 key in {option}"
            ),
        ),
    };
    let shown = line_with("SHA256:")
        .filter(|_| changed)
        .map(|line| format!("the host offers {}", line.trim_end_matches('.')));
    let why = shown.or_else(|| line_with("host key is known for").map(ToOwned::to_owned));
    let problem = Problem::new(Code::HostKey, what).at(&host.name).help(help);
    problem.because(why.unwrap_or_else(|| "Host key verification failed.".to_owned()))
}

/// Returns the problem to report for a host that does not answer.
#[must_use]
pub fn unreachable(host: &Host, why: &str) -> Problem {
    Problem::new(Code::Unreachable, "the host cannot be reached")
        .at(format!("{} ({} port {})", host.name, host.addr, host.ssh.port))
        .because(why.trim())
        .help(format!("test the connection: {}", attempt(host)))
}

/// Whether the host accepted a connection and closed it before the login. This is how an sshd with too many
/// connections behaves.
#[must_use]
pub fn is_turned_away(problem: &Problem) -> bool {
    let why = problem.why.as_deref().unwrap_or_default();
    problem.code == Code::Unreachable && TURNED_AWAY.iter().any(|words| why.contains(words))
}

/// Returns the problem to report for a connection that broke while a command was using it.
#[must_use]
pub fn broken(host: &Host, why: &str) -> Problem {
    let why = why.trim();
    Problem::new(Code::Unreachable, "the connection to the host broke")
        .at(&host.name)
        .because(if why.is_empty() { "ssh gave no reason" } else { why })
        .help(format!("check the state of the host: nixfleet status --host {}", host.name))
}

/// Returns the problem to report for a host that sends too much, or that sends a large answer too slowly.
#[must_use]
pub fn bad_size(host: &Host, what: &str, why: &str) -> Problem {
    Problem::new(Code::BadAnswer, what).at(&host.name).because(why).help(format!(
        "the host may run another program than NixFleet asks for, or print other text: to see its output, run \
         {}; then read the start-up files of the login shell on the host",
        attempt(host)
    ))
}

/// Whether a script reports that its input was read before the script started.
#[must_use]
pub fn is_input_read(stderr: &str) -> bool {
    stderr.contains(INPUT_READ)
}

/// Returns the problem to report if the input of a script did not arrive completely.
#[must_use]
pub fn input_read(host: &Host) -> Problem {
    let user = &host.ssh.user;
    Problem::new(Code::BadAnswer, "a start-up file of the login shell read the input of the command")
        .at(format!("{} (user {user})", host.name))
        .because("the start of the input is missing: a command such as `read` in that file consumes it")
        .help(format!(
            "on the host, make the start-up file of {user} return early in non-interactive shells; for bash, \
             put this as the first line of ~/.bashrc: case $- in *i*) ;; *) return;; esac"
        ))
}

/// Returns the command with which the user can try the connection.
fn attempt(host: &Host) -> String {
    let Host { ssh, addr, .. } = host;
    let port = if ssh.port == USUAL_PORT { String::new() } else { format!("-p {} ", ssh.port) };
    format!("ssh {port}{}@{addr} true", ssh.user)
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
