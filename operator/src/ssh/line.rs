//! Hosts behind a jump host that drops connections.
//!
//! sshd drops some when too many are about to log in (`MaxStartups`, ten as it comes), and each host behind a
//! jump host needs a login of its own there. `ssh` does not let the jump host's words through when it opens a
//! shared connection, so that the reason is found out by one more attempt: one host at a time, in a line for
//! each jump host.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use tokio::time::{Instant, sleep};

use super::{Resolved, Session};
use crate::diagnostics::retried;

/// What `ssh` says of a host that it reaches through another program, when that ends.
const THROUGH_ANOTHER: &str = "UNKNOWN port 65535";
/// How often the first of a line tries to be let in.
const TRIES: u32 = 6;
/// The pause between two tries: sshd counts a second for a connection without a login.
const PAUSE: Duration = Duration::from_millis(1250);

/// Of how many hosts the same has to be heard before a jump host counts as one that lets in nobody. What
/// `ssh` prints of one may be the words of the host behind it.
const WITNESSES: usize = 2;

/// What is known of a jump host.
#[derive(Debug, Default)]
struct Gate {
    /// By host: why it was not let in.
    shut: BTreeMap<String, String>,
    /// Somebody came in who had to wait in line.
    is_open: bool,
}

impl Gate {
    /// Notes why a host was not let in, if it has words for that.
    fn note(&mut self, host: &str, problem: &Problem) {
        self.shut.extend(problem.why.clone().map(|why| (host.to_owned(), why)));
    }

    /// Why it lets in nobody, once that is known.
    fn verdict(&self) -> Option<&str> {
        let is_known = !self.is_open && self.shut.len() >= WITNESSES;
        self.shut.values().next_back().filter(|_| is_known).map(String::as_str)
    }
}

/// By jump host: those that it did not let in at once.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<Gate>>>>>);

impl Lines {
    fn of(&self, gate: &str) -> Arc<tokio::sync::Mutex<Gate>> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lines.entry(gate.to_owned()).or_default())
    }
}

/// A jump host, or one behind it, hung up, and `ssh` did not say why.
fn is_unexplained(problem: &Problem) -> bool {
    problem.why.as_deref().is_some_and(|why| why.contains(THROUGH_ANOTHER))
}

/// sshd hung up before the login: it may let us in a moment later.
fn is_dropped(problem: &Problem) -> bool {
    let why = problem.why.as_deref().unwrap_or_default();
    let words = ["exchange_identification:", "banner", "Connection closed by", "Connection reset by"];
    problem.code == Code::Unreachable && words.iter().any(|word| why.contains(word))
}

/// Whether the words are about the jump host: they name it.
fn is_about(problem: &Problem, resolved: &Resolved) -> bool {
    let gate = resolved.gate();
    let host = gate.rsplit_once('@').map_or(gate, |(_, host)| host);
    problem.why.as_deref().is_some_and(|why| why.contains(host))
}

impl Session {
    /// Opens the shared connection. Where a jump host drops it, this waits in line and tries again.
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
        // The others wait meanwhile.
        let until = Instant::now() + self.to_connect() + self.to_be_silent();
        for attempt in 1..=TRIES {
            last = match self.open_aloud().await {
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

    /// Opens it after a connection of its own has shown what is in the way.
    async fn open_aloud(&self) -> Result<(), Problem> {
        self.script_afresh(":", &[], Vec::new(), self.to_connect() + self.to_be_silent()).await?;
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
