//! Schedules repeated attempts to log in to a host, so that sshd does not block this machine.
//!
//! Since version 9.8, sshd imposes a penalty of a few seconds on an address for each failed login
//! (`PerSourcePenalties`). If the penalties of an address add up to 15 seconds, sshd drops all connections
//! from that address until the penalties have expired. The attempts are scheduled for each gate. The gate of
//! a host is the first host that a connection to it goes through: a jump host, which may be the gate of many
//! hosts, or the host itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Session;

/// The penalty of sshd for a login that it refuses (`authfail:5s`), with a small margin.
const REFUSED: Duration = Duration::from_millis(5250);
/// The penalty of sshd for a connection without a login (`noauth:1s`), with a small margin.
const CUT_OFF: Duration = Duration::from_millis(1250);

/// The time of the next attempt at each gate that refused a login.
#[derive(Clone, Debug, Default)]
pub struct Turns(Arc<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    next: Mutex<BTreeMap<String, Instant>>,
    /// Notifies waiting hosts that a gate has accepted a login.
    open: Notify,
}

impl Turns {
    /// Reserves the next attempt at a gate that imposed this penalty, and returns the time of the attempt.
    fn take(&self, gate: &str, penalty: Duration) -> Instant {
        let mut next = self.0.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = next.get(gate).copied().unwrap_or_else(Instant::now).max(Instant::now() + penalty);
        next.insert(gate.to_owned(), turn + penalty);
        turn
    }

    /// Records that the gate accepts logins, and wakes the hosts that wait for their turn.
    fn open(&self, gate: &str) {
        let mut next = self.0.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.remove(gate).is_some() {
            self.0.open.notify_waiters();
        }
    }

    fn is_shut(&self, gate: &str) -> bool {
        self.0.next.lock().unwrap_or_else(PoisonError::into_inner).contains_key(gate)
    }

    /// Waits for the time `turn`, or until the gate accepts logins.
    async fn wait(&self, gate: &str, turn: Instant) {
        loop {
            let opened = self.0.open.notified();
            tokio::pin!(opened);
            opened.as_mut().enable();
            if !self.is_shut(gate) {
                return;
            }
            tokio::select! {
                () = opened => {}
                () = sleep_until(turn) => return,
            }
        }
    }
}

/// Returns the penalty that sshd imposes for a failed attempt.
fn penalty(problem: &Problem) -> Duration {
    let why = problem.why.as_deref().unwrap_or_default();
    let says = |words: &[&str]| words.iter().any(|word| why.contains(word));
    match problem.code {
        Code::SshAuth => REFUSED,
        // sshd already drops connections from this machine, or is just starting.
        Code::Unreachable if says(&["exchange_identification:", "banner"]) => CUT_OFF,
        // sshd closed the connection only at the login, for example because of /etc/nologin.
        Code::Unreachable if says(&["Connection closed by", "Connection reset by"]) => REFUSED,
        _ => Duration::ZERO,
    }
}

impl Session {
    /// After a failed attempt, waits for this host's next turn at the gate, but at least for `least`. The
    /// turn comes after the penalty of sshd has expired. If sshd imposes no penalty, for example because
    /// nothing listens on the host, waits only for `least`.
    pub async fn pause(&self, problem: &Problem, least: Duration) {
        let penalty = penalty(problem);
        if penalty.is_zero() {
            return sleep(least).await;
        }
        let gate = self.resolved().await.gate();
        let turn = self.turns.take(gate, penalty);
        tokio::join!(self.turns.wait(gate, turn), sleep(least));
    }

    /// Waits as [`Self::pause`] does, but no longer than until `reserve` before the end of the time `left`,
    /// so that time for a last attempt remains.
    pub async fn pause_within(&self, problem: &Problem, least: Duration, left: Duration, reserve: Duration) {
        let longest = left.saturating_sub(reserve).max(least);
        // If the wait is cut short, one attempt is made too early, which sshd tolerates.
        let _ = timeout(longest, self.pause(problem, least)).await;
    }

    /// Records that the host has accepted a login.
    pub(super) fn let_in(&self) {
        // The gate is the first host that the connection goes through. As long as `ssh` was not queried for
        // the destination, the gate is not known and no attempt to log in was scheduled at the gate for this
        // host.
        if let Some(resolved) = self.resolved.get() {
            self.turns.open(resolved.gate());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(code: Code, why: &str) -> Problem {
        Problem::new(code, "refused").because(why)
    }

    #[test]
    fn only_what_sshd_counts_is_waited_for() {
        let of = |code, why| penalty(&problem(code, why));
        assert_eq!(of(Code::SshAuth, "deploy@web-1: Permission denied (publickey)."), REFUSED);
        assert_eq!(of(Code::Unreachable, "Connection closed by 10.0.1.11 port 22"), REFUSED);
        assert_eq!(
            of(Code::Unreachable, "kex_exchange_identification: Connection closed by remote host"),
            CUT_OFF
        );
        for why in ["ssh: connect to host web-1 port 22: Connection refused", "No route to host", ""] {
            assert_eq!(of(Code::Unreachable, why), Duration::ZERO, "{why}");
        }
    }

    #[test]
    fn hosts_behind_one_gate_take_turns() {
        let turns = Turns::default();
        let began = Instant::now();
        let [first, second] = [(), ()].map(|()| turns.take("gate", REFUSED));
        assert!(first >= began + REFUSED);
        assert!(second >= first + REFUSED);
        assert!(turns.take("web-1", REFUSED) < second, "another gate has turns of its own");
    }

    #[tokio::test]
    async fn a_turn_is_not_waited_for_where_the_gate_opens() {
        let turns = Turns::default();
        let turn = turns.take("gate", Duration::from_secs(600));
        let waits = tokio::spawn({
            let turns = turns.clone();
            async move { turns.wait("gate", turn).await }
        });
        tokio::task::yield_now().await;
        turns.open("gate");
        timeout(Duration::from_secs(60), waits).await.unwrap().unwrap();
        // No login was refused after the gate opened, so the gate is still open and there is no wait.
        timeout(Duration::from_secs(60), turns.wait("gate", turn)).await.unwrap();
    }
}
