//! Opens connections to hosts behind a jump host that drops connections.
//!
//! sshd drops connections if too many logins are in progress (`MaxStartups`, ten by default), and each host
//! behind a jump host needs a separate login at the jump host. `ssh` does not show the messages of the jump
//! host when it opens a shared connection, so one more attempt is made over a separate connection to learn
//! the reason. For each jump host there is a queue, in which one host at a time makes this attempt.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use tokio::time::{Instant, sleep};

use super::{Resolved, Session};
use crate::diagnostics::retried;

/// A part of the message that `ssh` prints if the program through which it connects to a host has ended.
const THROUGH_ANOTHER: &str = "UNKNOWN port 65535";
/// The number of attempts to log in that the host at the head of a queue makes.
const TRIES: u32 = 6;
/// The pause between two attempts. sshd imposes a penalty of one second for a connection without a login.
const PAUSE: Duration = Duration::from_millis(1250);

/// The number of hosts that must be refused before a jump host counts as one that refuses all logins. One
/// host is not enough, because the messages that `ssh` prints may come from the host behind the jump host.
const WITNESSES: usize = 2;

/// What is known about the logins at a jump host, the gate to the hosts behind it.
#[derive(Debug, Default)]
struct Gate {
    /// The reasons why the jump host refused hosts, by the name of the refused host.
    shut: BTreeMap<String, String>,
    /// Whether the jump host has accepted the login of a host from the queue.
    is_open: bool,
}

impl Gate {
    /// Stores the reason why a host was refused, if the problem states one.
    fn note(&mut self, host: &str, problem: &Problem) {
        self.shut.extend(problem.why.clone().map(|why| (host.to_owned(), why)));
    }

    /// Returns the reason why the jump host refuses all logins, once this reason is known.
    fn verdict(&self) -> Option<&str> {
        let is_known = !self.is_open && self.shut.len() >= WITNESSES;
        self.shut.values().next_back().filter(|_| is_known).map(String::as_str)
    }
}

/// The state of each jump host that dropped a connection. The hosts that wait for the lock of a state are the
/// queue of that jump host.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<Gate>>>>>);

impl Lines {
    fn of(&self, gate: &str) -> Arc<tokio::sync::Mutex<Gate>> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lines.entry(gate.to_owned()).or_default())
    }
}

/// Whether a jump host or a host behind it closed the connection and `ssh` did not report why.
fn is_unexplained(problem: &Problem) -> bool {
    problem.why.as_deref().is_some_and(|why| why.contains(THROUGH_ANOTHER))
}

/// Whether sshd closed the connection before the login. sshd may accept another attempt a moment later.
fn is_dropped(problem: &Problem) -> bool {
    let why = problem.why.as_deref().unwrap_or_default();
    let words = ["exchange_identification:", "banner", "Connection closed by", "Connection reset by"];
    problem.code == Code::Unreachable && words.iter().any(|word| why.contains(word))
}

/// Whether a problem is about the jump host. The cause of such a problem contains the name of the jump host.
fn is_about(problem: &Problem, resolved: &Resolved) -> bool {
    let gate = resolved.gate();
    let host = gate.rsplit_once('@').map_or(gate, |(_, host)| host);
    problem.why.as_deref().is_some_and(|why| why.contains(host))
}

impl Session {
    /// Opens the shared connection. If a jump host drops the connection, waits in the queue and tries again.
    pub(super) async fn open_in_line(&self) -> Result<(), Problem> {
        let first = match self.open_master().await {
            Err(problem) if is_unexplained(&problem) => problem,
            answered => return answered,
        };
        let resolved = self.resolved().await;
        let line = self.lines.of(resolved.gate());
        let mut gate = line.lock().await;
        if let Some(why) = gate.verdict() {
            return Err(first.because(why));
        }
        let (name, mut last) = (&self.host().name, first);
        // Limits the total time of all attempts, because the other hosts in the queue wait until this host is
        // done.
        let until = Instant::now() + self.to_connect() + self.to_be_silent();
        for attempt in 1..=TRIES {
            last = match self.open_with_messages().await {
                Err(problem) if is_dropped(&problem) => problem,
                Err(problem) if is_about(&problem, resolved) => {
                    gate.note(name, &problem);
                    return Err(problem);
                }
                answered => {
                    gate.is_open |= answered.is_ok();
                    return answered;
                }
            };
            if Instant::now() >= until {
                break;
            }
            retried("login at the jump host", attempt, PAUSE, &last);
            sleep(PAUSE).await;
        }
        gate.note(name, &last);
        Err(last)
    }

    /// Opens the shared connection. First tries a separate connection, for which `ssh` prints the reason of a
    /// failure.
    async fn open_with_messages(&self) -> Result<(), Problem> {
        self.script_over_new_connection(":", &[], Vec::new(), self.to_connect() + self.to_be_silent())
            .await?;
        self.open_master().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(code: Code, why: &str) -> Problem {
        Problem::new(code, "refused").because(why)
    }

    #[test]
    fn no_single_host_shuts_a_jump_host_for_all_others() {
        let refused = problem(Code::SshAuth, "deploy@web-1: Permission denied (publickey).");
        let mut gate = Gate::default();
        gate.note("evil", &refused);
        gate.note("evil", &refused);
        assert_eq!(gate.verdict(), None);
        gate.note("web-2", &refused);
        assert_eq!(gate.verdict(), refused.why.as_deref());
        gate.is_open = true;
        assert_eq!(gate.verdict(), None);
    }

    #[test]
    fn what_a_jump_host_does_is_told_from_what_the_host_behind_it_does() {
        assert!(is_unexplained(&problem(Code::Unreachable, "Connection closed by UNKNOWN port 65535")));
        assert!(!is_unexplained(&problem(Code::Unreachable, "Connection closed by 10.0.1.11 port 22")));
        for (why, dropped) in [
            ("kex_exchange_identification: read: Connection reset by peer", true),
            ("Connection closed by 10.0.1.11 port 22", true),
            ("channel 0: open failed: connect failed: Connection refused", false),
            ("ssh: connect to host web-1 port 22: Connection refused", false),
        ] {
            assert_eq!(is_dropped(&problem(Code::Unreachable, why)), dropped, "{why}");
        }
        let resolved = Resolved { hostname: "web-2".to_owned(), through: Some("deploy@web-1".to_owned()) };
        let about = |why| is_about(&problem(Code::SshAuth, why), &resolved);
        assert!(about("deploy@web-1: Permission denied (publickey)."));
        assert!(!about("deploy@web-2: Permission denied (publickey)."));
    }
}
