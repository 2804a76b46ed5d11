//! Carries out a change on a host and follows it to its end, even if the connection is lost.

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
use super::delivery::{self, DeliveryFailure};
use super::report_check::Expected;
use super::{Answer, PRELUDE, Terms, for_operator};
use crate::diagnostics::retried;
use crate::event::Phase;
use crate::health;
use crate::nix::Transfer;
use crate::process::Output;
use crate::process::limits::NOTICES;
use crate::ssh::{Session, failure};

/// The shortest pause between two attempts to confirm a change. An attempt may fail because sshd is
/// restarting.
const AGAIN: Duration = Duration::from_millis(250);
/// If an attempt to confirm the change has at most this much time, it may fail only for lack of time. The
/// error of such an attempt is not informative.
const CUT_SHORT: Duration = Duration::from_secs(2);
/// The longest pause between two attempts to reconnect to a host.
const PATIENCE: Duration = Duration::from_secs(4);
/// The time before the end of the confirmation window at which the last attempt starts, even if sshd requires
/// longer pauses.
const LAST_ATTEMPT: Duration = Duration::from_secs(1);
/// The longest confirmation window. No operator can request a longer window. A larger value is reduced to
/// this limit, because values from a host are not trusted.
const WINDOW: Duration = Duration::from_secs(3600);
/// The number of confirmations that a host may refuse before no further confirmation is sent. Each
/// confirmation is a login. A host that is restarting a service may refuse a few.
const REFUSALS: u32 = 20;
/// The number of times that a host may report the run as unknown before this counts as an error. The script
/// may not have started the run yet.
const UNKNOWN: u32 = 3;

/// A change in progress on a host.
pub struct Change<'a> {
    /// The connection to the host.
    session: &'a Session,
    /// The path of the activator that manages the run on the host.
    program: &'a str,
    /// The name of the run.
    run: &'a RunId,
    /// The terms on which the host is changed.
    terms: Terms<'a>,
    /// The result that the report of the host must show if the report claims success.
    expected: Expected<'a>,
    /// Whether the host has asked for the confirmation.
    asked: AtomicBool,
    /// Whether the host has accepted the confirmation.
    is_confirmed: AtomicBool,
    /// The number of confirmations that the host has refused.
    refusals: AtomicU32,
    /// The reason why the last attempt to confirm the change failed.
    last_failure: Mutex<Option<String>>,
}

impl<'a> Change<'a> {
    /// Creates a change that has not started. `program` is the path of the activator that manages the run on
    /// the host.
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
            is_confirmed: AtomicBool::new(false),
            refusals: AtomicU32::new(0),
            last_failure: Mutex::new(None),
        }
    }

    /// Sends the script that starts the change, and follows the run to its report.
    ///
    /// # Errors
    /// There is no report, because the host refused before the change began, or the report can no longer be
    /// found.
    pub async fn carry_out(&self, script: &str, arguments: &[&str]) -> Result<Report, Problem> {
        self.end(self.attend(script, arguments).await).await
    }

    /// Sends a script that receives a closure and then starts the change, and follows the run to its report.
    /// `arrived` is called when the closure has arrived.
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
        let session = self.session;
        let limit = session.to_copy() + session.to_change();
        let delivered = tokio::select! {
            it = delivery::deliver(session, script, arguments, transfer, limit, sender, arrived) => match it {
                Ok(output) => Ok(output),
                Err(DeliveryFailure::NotDelivered(problem)) => return Err(problem),
                Err(DeliveryFailure::ConnectionBroke(problem)) => Err(problem),
            },
            it = self.confirm_when_asked(notices) => it,
        };
        self.end(delivered.and_then(|output| self.read(output))).await
    }

    fn read(&self, output: Output) -> Result<Answer, Problem> {
        Answer::read(self.session.host(), output)
    }

    /// Extracts the report from an answer. If the connection broke, reconnects to the host to obtain the
    /// report.
    async fn end(&self, answer: Result<Answer, Problem>) -> Result<Report, Problem> {
        let report = match answer {
            Err(problem) if is_broken(&problem) => self.rejoin(problem).await,
            answer => answer?.report(),
        };
        let mut report = report?;
        let is_confirmed = self.terms.confirm.is_none() || self.asked.load(Ordering::Relaxed);
        self.expected.check(&report, self.session.host(), is_confirmed)?;
        report.problem = report.problem.map(|problem| for_operator(problem, self.session.host()));
        Ok(self.explained(report))
    }

    /// Adds to the report of an unconfirmed change why this machine could not confirm the change.
    fn explained(&self, mut report: Report) -> Report {
        let last_failure = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(last_failure), Some(problem)) = (last_failure, &mut report.problem)
            && problem.code == Code::Unconfirmed
        {
            let why = problem.why.take().unwrap_or_default();
            problem.why = Some(format!("{why}\nfrom this machine: {last_failure}"));
        }
        report
    }

    /// Runs a script that starts or follows the run, and confirms the run as soon as the host asks for it.
    async fn attend(&self, script: &str, arguments: &[&str]) -> Result<Answer, Problem> {
        let (sender, notices) = channel(NOTICES);
        let script = format!("{PRELUDE}\n{script}");
        let output = tokio::select! {
            output = self.session.attend(&script, arguments, self.session.to_change(), sender) => output?,
            output = self.confirm_when_asked(notices) => output,
        };
        self.read(output)
    }

    /// Handles notices of the run, and confirms the run when the host asks for it. The future never
    /// completes, because the caller waits for the end of the run instead. Repeated notices are ignored
    /// within one call. After a broken connection, a new call handles each notice once more, because an
    /// attempt to confirm may have been lost.
    async fn confirm_when_asked<T>(&self, mut notices: Receiver<Vec<u8>>) -> T {
        let (mut asked, mut checking) = (false, false);
        while let Some(line) = notices.recv().await {
            match serde_json::from_slice(&line).map(|Notice { news, .. }| news) {
                // The run is confirmed only if the operator set a confirmation window.
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
                Ok(News::AwaitingApt(waiting)) if waiting.run == *self.run => {
                    (self.terms.waits)(waiting.holder);
                }
                _ => {}
            }
        }
        std::future::pending().await
    }

    /// Sends the confirmation over new connections until the host accepts it or the window ends.
    async fn confirm(&self, window: Duration) {
        let is_over =
            || self.is_confirmed.load(Ordering::Relaxed) || self.refusals.load(Ordering::Relaxed) >= REFUSALS;
        if is_over() {
            return;
        }
        let said = self.run_checks_here().await;
        (self.terms.phase)(Phase::Confirming);
        // Serialising never fails, because a confirmation contains only numbers and strings.
        let said: Arc<[u8]> = serde_json::to_vec(&said).unwrap_or_default().into();
        let deadline = Instant::now() + window;
        // Attempts that the host refuses are spread over the whole window.
        let mut backoff = Backoff::new(AGAIN * 2, PATIENCE.max(window / (REFUSALS / 2)));
        let (mut pause, mut attempt) = (AGAIN, 0);
        let script = format!("{PRELUDE}\n{}", include_str!("scripts/confirm.sh"));
        while Instant::now() < deadline && !is_over() {
            let arguments = [self.program, self.run];
            let limit = deadline.saturating_duration_since(Instant::now());
            let mut output = self
                .session
                .script_over_new_connection(&script, &arguments, vec![Arc::clone(&said)], limit)
                .await;
            if output.as_ref().is_err_and(failure::is_turned_away) {
                // Another client may keep sshd busy to prevent the confirmation. The confirmation is then
                // sent by a login through the open connection, which is a new login as well.
                let door = format!("{PRELUDE}\n{}", include_str!("scripts/inside.sh"));
                let limit = deadline.saturating_duration_since(Instant::now());
                let said = vec![Arc::clone(&said)];
                let inside = self.session.script_inside(&door, &script, &arguments, said, limit).await;
                if inside.as_ref().is_ok_and(|output| output.status.success()) {
                    output = inside;
                }
            }
            let problem = match output {
                Ok(output) if output.status.success() => {
                    return self.is_confirmed.store(true, Ordering::Relaxed);
                }
                // A login that cannot become root does not prove that the host can still be managed.
                Ok(output) => {
                    self.refusals.fetch_add(1, Ordering::Relaxed);
                    pause = backoff.pause();
                    Problem::new(Code::NoSudo, "the host refused the confirmation")
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

    /// Stores why an attempt to confirm the change failed. `limit` is the time limit of the attempt.
    fn note(&self, problem: &Problem, limit: Duration) {
        let words = [Some(&problem.what), problem.why.as_ref()];
        let words = words.into_iter().flatten().map(|words| words.trim()).filter(|words| !words.is_empty());
        let why = words.collect::<Vec<_>>().join(": ");
        let mut last = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        // The error of an attempt without enough time is less informative than the error of the attempt
        // before it.
        if last.is_none() || limit > CUT_SHORT {
            *last = Some(why);
        }
    }

    /// Runs the health checks that this machine performs, and returns a confirmation that contains their
    /// results.
    async fn run_checks_here(&self) -> Confirmation {
        match self.terms.checks {
            None => Confirmation::without(health::UNKNOWN),
            Some([]) => Confirmation::with(Vec::new()),
            Some(checks) => {
                (self.terms.phase)(Phase::Checking);
                Confirmation::with(health::attempt(self.session, checks).await)
            }
        }
    }

    /// Reconnects to the host after the connection broke, and follows the run from its current state.
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
                // The connection broke before the run began.
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
        Err(self.unknown_outcome(last))
    }

    /// Returns the problem to report if the connection to the host was lost during a change. The state of the
    /// host is unknown, which is more serious than an unreachable host.
    fn unknown_outcome(&self, last: Problem) -> Problem {
        let name = &self.session.host().name;
        let why = last.why.unwrap_or(last.what);
        let what = "the connection broke during the change, and the outcome of the change is unknown";
        let goes_back = match self.terms.confirm {
            Some(_) => "if the host is unreachable, the host rolls back by itself",
            None => "the change needed no confirmation, so the change may be in force",
        };
        let help = format!("check the state of the host: nixfleet status --host {name}");
        Problem::new(Code::BadAnswer, what).at(name).because(format!("{why}\n{goes_back}")).help(help)
    }
}

/// Whether a problem concerns only the connection to the host. The connection may recover, for example
/// because the host rolls back.
fn is_broken(problem: &Problem) -> bool {
    matches!(problem.code, Code::Unreachable | Code::SshAuth)
}

/// Returns the confirmation window for a number of seconds, limited to `WINDOW`.
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
