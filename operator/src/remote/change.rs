//! Carries a change out on a host and follows it to its end, whatever becomes of the connection.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nixfleet_contract::backoff::Backoff;
use nixfleet_contract::health::Check;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Report;
use nixfleet_contract::run::{Confirmation, News, Notice};
use nixfleet_contract::run_id::RunId;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::Instant;
use tracing::debug;

use super::answer::excerpt;
use super::forged::Expected;
use super::{Answer, PRELUDE, Terms, delivery, typed};
use crate::diagnostics::retried;
use crate::event::Phase;
use crate::health;
use crate::nix::Transfer;
use crate::process::Output;
use crate::process::limits::NOTICES;
use crate::ssh::{Session, failure};

/// The pause between two attempts to confirm: sshd may just be restarting.
const AGAIN: Duration = Duration::from_millis(250);
/// Within how much time an attempt to confirm may not come to an end.
const CUT_SHORT: Duration = Duration::from_secs(2);
/// The longest pause between two attempts to find a host again.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long before the end of the window the last attempt to confirm begins, also where sshd wants longer
/// pauses.
const LAST_ATTEMPT: Duration = Duration::from_secs(1);
/// The longest time for which a change may wait to be confirmed: nobody can ask for more, and what a host
/// says is not trusted.
const WINDOW: Duration = Duration::from_secs(3600);
/// How often a host may refuse to hear a confirmation. Each time is a login; a host that restarts something
/// needs a few.
const REFUSALS: u32 = 20;
/// How often a host may say that it knows nothing of a run: what was sent to it may not have begun yet.
const UNKNOWN: u32 = 3;

/// A change under way.
pub struct Change<'a> {
    /// How to talk to the host.
    session: &'a Session,
    /// The activator on the host that knows of the run.
    program: &'a str,
    /// The run.
    run: &'a RunId,
    /// On which terms.
    terms: Terms<'a>,
    /// What it has to come to.
    expected: Expected<'a>,
    /// The host has asked for the confirmation.
    asked: AtomicBool,
    /// It has heard it.
    heard: AtomicBool,
    /// How often it has refused to.
    refusals: AtomicU32,
    /// Why it could not be confirmed, the last time.
    unheard: Mutex<Option<String>>,
}

impl<'a> Change<'a> {
    /// A change that has not begun. `program`: the activator on the host that knows of the run.
    pub const fn new(
        session: &'a Session,
        program: &'a str,
        run: &'a RunId,
        terms: Terms<'a>,
        expected: Expected<'a>,
    ) -> Self {
        Self {
            session,
            program,
            run,
            terms,
            expected,
            asked: AtomicBool::new(false),
            heard: AtomicBool::new(false),
            refusals: AtomicU32::new(0),
            unheard: Mutex::new(None),
        }
    }

    /// Sends the script that begins the change, and follows it to its report.
    ///
    /// # Errors
    /// There is no report: the host refused before it began, or it is not to be found any more.
    pub async fn carry_out(&self, script: &str, arguments: &[&str]) -> Result<Report, Problem> {
        self.end(self.attend(script, arguments).await).await
    }

    /// The same with a script that takes a closure before it begins the change. `arrived` is called in
    /// between.
    ///
    /// # Errors
    /// As for [`Self::carry_out`], or the closure did not arrive.
    pub async fn deliver(
        &self,
        transfer: Transfer,
        arrived: impl FnOnce() + Send + 'static,
        script: &str,
        arguments: &[&str],
    ) -> Result<Report, Problem> {
        let (sender, notices) = channel(NOTICES);
        let limit = self.session.to_copy() + self.session.to_change();
        let delivered = tokio::select! {
            it = delivery::deliver(self.session, script, arguments, transfer, limit, sender, arrived) => it?,
            it = self.confirm_when_asked(notices) => it,
        };
        self.end(delivered.and_then(|output| self.read(output))).await
    }

    fn read(&self, output: Output) -> Result<Answer, Problem> {
        Answer::read(self.session.host(), output)
    }

    /// Takes the report from an answer, or finds the host again where the answer was cut off.
    async fn end(&self, answer: Result<Answer, Problem>) -> Result<Report, Problem> {
        let report = match answer {
            Err(problem) if is_broken(&problem) => self.rejoin(problem).await,
            answer => answer?.report(),
        };
        let mut report = report?;
        let is_confirmed = self.terms.confirm.is_none() || self.asked.load(Ordering::Relaxed);
        self.expected.check(&report, self.session.host(), is_confirmed)?;
        report.problem = report.problem.map(|problem| typed(problem, self.session.host()));
        Ok(self.explained(report))
    }

    /// The host knows that nobody confirmed; here it is known why.
    fn explained(&self, mut report: Report) -> Report {
        let unheard = self.unheard.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(unheard), Some(problem)) = (unheard, &mut report.problem)
            && problem.code == Code::Unconfirmed
        {
            let why = problem.why.take().unwrap_or_default();
            problem.why = Some(format!("{why}\nfrom here: {unheard}"));
        }
        report
    }

    /// Runs a script, and confirms the run as soon as it asks for that.
    async fn attend(&self, script: &str, arguments: &[&str]) -> Result<Answer, Problem> {
        let (sender, notices) = channel(NOTICES);
        let script = format!("{PRELUDE}\n{script}");
        let output = tokio::select! {
            output = self.session.attend(&script, arguments, self.session.to_change(), sender) => output?,
            output = self.confirm_when_asked(notices) => output,
        };
        self.read(output)
    }

    /// Never ends: what counts is how the run ends. What a host says again does nothing; only where the
    /// connection broke it has to be asked again, since an attempt to confirm may have ended with it.
    async fn confirm_when_asked<T>(&self, mut notices: Receiver<Vec<u8>>) -> T {
        let (mut asked, mut checking) = (false, false);
        while let Some(line) = notices.recv().await {
            match serde_json::from_slice(&line).map(|Notice { news, .. }| news) {
                // Nobody confirms what nobody wanted to be confirmed.
                Ok(News::AwaitingConfirm(awaited)) if awaited.run == *self.run && !asked => {
                    asked = true;
                    self.asked.store(true, Ordering::Relaxed);
                    if let Some(seconds) = self.terms.confirm {
                        self.confirm(window(seconds)).await;
                    }
                }
                Ok(News::AwaitingChecks(run)) if run == *self.run && !checking => {
                    checking = true;
                    (self.terms.phase)(Phase::Checking);
                }
                _ => {}
            }
        }
        std::future::pending().await
    }

    /// Tries, over connections made since, until the host has heard it or goes back.
    async fn confirm(&self, window: Duration) {
        let is_over =
            || self.heard.load(Ordering::Relaxed) || self.refusals.load(Ordering::Relaxed) >= REFUSALS;
        if is_over() {
            return;
        }
        let said = self.found_from_here().await;
        (self.terms.phase)(Phase::Confirming);
        // Numbers and texts are always JSON.
        let said: Arc<[u8]> = serde_json::to_vec(&said).unwrap_or_default().into();
        let deadline = Instant::now() + window;
        // Refusals are spread over the time that there is.
        let mut backoff = Backoff::new(AGAIN * 2, PATIENCE.max(window / (REFUSALS / 2)));
        let (mut pause, mut attempt) = (AGAIN, 0);
        let script = format!("{PRELUDE}\n{}", include_str!("scripts/confirm.sh"));
        while Instant::now() < deadline && !is_over() {
            let arguments = [self.program, self.run];
            let limit = deadline.saturating_duration_since(Instant::now());
            let mut output =
                self.session.script_afresh(&script, &arguments, vec![Arc::clone(&said)], limit).await;
            if output.as_ref().is_err_and(failure::is_turned_away) {
                // Somebody may keep its sshd busy, to no end but this: a new login it is all the same.
                let door = format!("{PRELUDE}\n{}", include_str!("scripts/inside.sh"));
                let limit = deadline.saturating_duration_since(Instant::now());
                let said = vec![Arc::clone(&said)];
                let inside = self.session.script_inside(&door, &script, &arguments, said, limit).await;
                if inside.as_ref().is_ok_and(|output| output.status.success()) {
                    output = inside;
                }
            }
            let problem = match output {
                Ok(output) if output.status.success() => return self.heard.store(true, Ordering::Relaxed),
                // Whoever can log in but not become root has not reached the host either.
                Ok(output) => {
                    self.refusals.fetch_add(1, Ordering::Relaxed);
                    pause = backoff.pause();
                    Problem::new(Code::NoSudo, "the confirmation was refused")
                        .because(excerpt(&output.stderr_text()))
                }
                Err(problem) => problem,
            };
            self.note(&problem, limit);
            attempt += 1;
            let left = deadline.saturating_duration_since(Instant::now());
            let least = pause.min(left.saturating_sub(LAST_ATTEMPT)).max(AGAIN);
            retried("confirmation", attempt, least, &problem);
            self.session.pause_within(&problem, least, left, LAST_ATTEMPT).await;
        }
    }

    /// Notes why an attempt to confirm that could take so long was not heard.
    fn note(&self, problem: &Problem, limit: Duration) {
        let words = [Some(&problem.what), problem.why.as_ref()];
        let words = words.into_iter().flatten().map(|words| words.trim()).filter(|words| !words.is_empty());
        let why = words.collect::<Vec<_>>().join(": ");
        let mut last = self.unheard.lock().unwrap_or_else(PoisonError::into_inner);
        // An attempt that was cut short says less than the one before.
        if last.is_none() || limit > CUT_SHORT {
            *last = Some(why);
        }
    }

    /// Tries what is tried from here.
    async fn found_from_here(&self) -> Confirmation {
        match self.terms.checks {
            None => Confirmation::without(health::UNKNOWN),
            Some([]) => Confirmation::with(Vec::new()),
            Some(checks) => {
                (self.terms.phase)(Phase::Checking);
                Confirmation::with(health::attempt(self.session, checks).await)
            }
        }
    }

    /// Finds the host again after the connection broke, and follows the run from where it is.
    async fn rejoin(&self, broke: Problem) -> Result<Report, Problem> {
        let longest = self.terms.checks.into_iter().flatten().map(Check::limit).max().unwrap_or_default();
        let rejoin = self.session.to_rejoin();
        let deadline = Instant::now() + rejoin + longest + window(self.terms.confirm.unwrap_or(0));
        let (mut last, mut unknown, mut attempt) = (broke.clone(), 0, 0);
        debug!(target: "nixfleet::ssh", why = broke.why, "the connection is lost during a change");
        let mut backoff = Backoff::new(AGAIN, PATIENCE);
        while Instant::now() < deadline {
            (self.terms.phase)(Phase::Connecting);
            let found = match self.session.reconnect().await {
                Ok(()) => {
                    (self.terms.phase)(Phase::Activating);
                    self.attend(include_str!("scripts/follow.sh"), &[self.program, self.run]).await
                }
                Err(problem) => Err(problem),
            };
            match found.and_then(Answer::report) {
                Ok(report) => return Ok(report),
                Err(problem) if problem.code == Code::NoRun && unknown < UNKNOWN => unknown += 1,
                // The connection broke before anything began.
                Err(problem) if problem.code == Code::NoRun => return Err(broke),
                Err(problem) if is_broken(&problem) || problem.code == Code::NoSudo => last = problem,
                Err(problem) => return Err(problem),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let pause = backoff.pause();
            attempt += 1;
            retried("finding the host again", attempt, pause, &last);
            self.session.pause_within(&last, pause, left, LAST_ATTEMPT).await;
        }
        Err(self.unknown_truth(last))
    }

    /// A host that is lost while it changes leaves its truth unknown, which is more than being unreachable.
    fn unknown_truth(&self, last: Problem) -> Problem {
        let name = &self.session.host().name;
        let why = last.why.unwrap_or(last.what);
        let what = "the connection broke during the change, and its outcome is unknown";
        let goes_back = match self.terms.confirm {
            Some(_) => "; an unreachable host rolls back by itself",
            None => "; the change needed no confirmation, so it may be in force",
        };
        let help = format!("check the state of the host: nixfleet status --host {name}{goes_back}");
        Problem::new(Code::BadAnswer, what).at(name).because(why).help(help)
    }
}

/// Whether a problem is one of the way to the host, which may open again: also by the host's going back.
fn is_broken(problem: &Problem) -> bool {
    matches!(problem.code, Code::Unreachable | Code::SshAuth)
}

/// How long a change waits to be confirmed, of which so many seconds were said.
fn window(seconds: u64) -> Duration {
    Duration::from_secs(seconds).min(WINDOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_wants_to_wait_for_ever_is_waited_for_no_longer_than_anybody_may_ask_for() {
        for (said, seconds) in [(30, 30), (u64::MAX, 3600)] {
            assert!(Instant::now().checked_add(window(said)).is_some());
            assert_eq!(window(said), Duration::from_secs(seconds));
        }
    }
}
