//! When a host may be tried again, so that trying does not shut us out.
//!
//! Since 9.8 sshd counts against an address each login that comes to nothing (`PerSourcePenalties`): a few
//! seconds each, and after 15 of them it drops whatever comes from there until the time is over. The host
//! that counts is the first that a connection is made to, which may be one jump host for many.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Session;

/// What sshd counts for a login that it refuses (`authfail:5s`), and a little more.
const REFUSED: Duration = Duration::from_millis(5250);
/// What it counts for a connection without a login (`noauth:1s`), and a little more.
const CUT_OFF: Duration = Duration::from_millis(1250);

/// By the first host of connections: when the next of those that it refused may come.
#[derive(Clone, Debug, Default)]
pub struct Turns(Arc<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    next: Mutex<BTreeMap<String, Instant>>,
    /// Somebody was let in.
    open: Notify,
}

impl Turns {
    /// Takes the next turn at a gate that refused us for so long.
    fn take(&self, gate: &str, penalty: Duration) -> Instant {
        let mut next = self.0.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = next.get(gate).copied().unwrap_or_else(Instant::now).max(Instant::now() + penalty);
        next.insert(gate.to_owned(), turn + penalty);
        turn
    }

    /// The gate lets us in: those that wait for their turn need not wait any more.
    fn open(&self, gate: &str) {
        let mut next = self.0.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.remove(gate).is_some() {
            self.0.open.notify_waiters();
        }
    }

    fn is_shut(&self, gate: &str) -> bool {
        self.0.next.lock().unwrap_or_else(PoisonError::into_inner).contains_key(gate)
    }

    /// Waits for a turn, or until the gate is open.
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

/// What sshd counts against us for this.
fn penalty(problem: &Problem) -> Duration {
    let why = problem.why.as_deref().unwrap_or_default();
    let says = |words: &[&str]| words.iter().any(|word| why.contains(word));
    match problem.code {
        Code::SshAuth => REFUSED,
        // It drops us already, or is just being started.
        Code::Unreachable if says(&["exchange_identification:", "banner"]) => CUT_OFF,
        // It let us come as far as the login, such as with /etc/nologin.
        Code::Unreachable if says(&["Connection closed by", "Connection reset by"]) => REFUSED,
        _ => Duration::ZERO,
    }
}

impl Session {
    /// Waits after an attempt that failed like this until the next one is not counted against us: at least so
    /// long. A host where nothing listens is never waited for any longer.
    pub async fn pause(&self, problem: &Problem, least: Duration) {
        let penalty = penalty(problem);
        if penalty.is_zero() {
            return sleep(least).await;
        }
        let gate = self.resolved().await.gate();
        let turn = self.turns.take(gate, penalty);
        tokio::join!(self.turns.wait(gate, turn), sleep(least));
    }

    /// The same within a time in which an attempt has to succeed: the last one begins this long before its
    /// end.
    pub async fn pause_within(&self, problem: &Problem, least: Duration, left: Duration, reserve: Duration) {
        let longest = left.saturating_sub(reserve).max(least);
        // A turn that is not waited for to its end is one attempt too early, which sshd bears.
        let _ = timeout(longest, self.pause(problem, least)).await;
    }

    /// The host has let us in.
    pub(super) fn let_in(&self) {
        // Without an answer of `ssh` nobody waits for this host.
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
        // Nobody has been refused since.
        timeout(Duration::from_secs(60), turns.wait("gate", turn)).await.unwrap();
    }
}
