//! Recovers a host after an interrupted run.

use nixfleet_contract::SCHEMA;
use nixfleet_contract::generation::Generation;
use nixfleet_contract::holder::Holder;
use nixfleet_contract::outcome::{Outcome, ReasonCode};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Report;
use nixfleet_contract::run::LastRun;
use nixfleet_contract::run_id::RunId;
use nixfleet_contract::values::AbsPath;
use tracing::{info, warn};

use crate::engine::apt;
use crate::engine::family::system::entry::SystemEntry;
use crate::engine::state::State;
use crate::engine::status;
use crate::engine::transaction::commit;
use crate::engine::transaction::execute;
use crate::engine::transaction::journal::{Journal, JournalPhase};
use crate::engine::transaction::log::Brief;
use crate::engine::transaction::undo::{self, UndoTime};
use crate::host::lock::{self, Lock};
use crate::host::nixos;
use crate::host::profile::Profile;
use crate::host::transcript::Transcript;
use crate::host::{Host, clock};

/// The result of a recovery.
struct Recovered {
    journal: Journal,
    /// The generation that is active after the recovery: the new generation if the transaction was committed,
    /// otherwise the previous generation.
    generation: Option<Generation>,
    committed: bool,
    /// The notes of the undo, for example about units that could not be started again.
    notes: Vec<String>,
}

impl Recovered {
    fn words(&self) -> String {
        let name = self.generation.as_ref().map_or_else(
            || "no generation".to_owned(),
            |generation| format!("generation {}", generation.number),
        );
        let ended = if self.committed { "had reached" } else { "was rolled back to" };
        let run = self.journal.holder.interrupted(clock::seconds());
        let words = format!("an interrupted run ({run}) {ended} {name}");
        [words].iter().chain(&self.notes).map(String::as_str).collect::<Vec<_>>().join("; ")
    }

    fn report(&self, host: &Host) -> Report {
        let why = if self.committed {
            "the run was complete except for the cleanup"
        } else {
            "the change of the run was undone"
        };
        Report {
            schema: SCHEMA,
            host: State::read(host).map(|(state, _)| state.host).unwrap_or_default(),
            outcome: match (self.committed, self.journal.has_touched()) {
                (true, _) => Outcome::Ok,
                (false, true) => Outcome::RolledBack,
                (false, false) => Outcome::Blocked,
            },
            reason_code: None,
            before: self.journal.before.clone(),
            after: self.generation.clone(),
            steps_done: if self.committed { self.journal.entries.len() } else { 0 },
            backups: if self.committed { self.journal.backups() } else { Vec::new() },
            notes: self.notes.clone(),
            problem: (!self.committed).then(|| interrupted(why)),
            recovered: Some(self.words()),
            health_checks: Vec::new(),
            left_to_others: Vec::new(),
            apt: None,
            duration_ms: 0,
        }
    }
}

/// Recovers from an interrupted run: finishes its transaction if the transaction was committed, otherwise
/// undoes the transaction. Records the result of the interrupted run. Returns a description of the result, or
/// `None` if there was nothing to recover. The caller must hold the lock.
///
/// # Errors
/// [`Code::Recovery`] or [`Code::State`]. In this case, the caller must not change the host.
pub fn recover(host: &Host) -> Result<Option<String>, Problem> {
    let Some(recovered) = put_right(host, UndoTime::Running)? else { return Ok(None) };
    record_last_run(host, recovered.journal.holder.clone(), &recovered.report(host));
    Ok(Some(recovered.words()))
}

fn put_right(host: &Host, moment: UndoTime) -> Result<Option<Recovered>, Problem> {
    let Some(journal) = Journal::read(host)? else {
        // A run that was killed just before it wrote its journal, or just after it removed the journal,
        // leaves its garbage collection roots. This call removes them.
        undo::forget_transaction(host)?;
        return Ok(None);
    };
    let (state, _) = State::read(host)?;
    let committed = state.transaction == journal.transaction;
    info!(transaction = journal.transaction, committed, ?moment, "recovering from an interrupted run");
    let committed = committed || completes(host, &journal);
    let (generation, notes) = if committed {
        commit::finish(host, &journal)?;
        (Some(journal.after.clone()), Vec::new())
    } else {
        let notes = undo::undo(host, &journal, moment)?;
        (journal.before.clone(), notes)
    };
    Ok(Some(Recovered { journal, generation, committed, notes }))
}

/// Completes a transaction that was confirmed but was then interrupted while it changed what the host boots.
/// Returns whether the transaction is committed now. The transaction is not completed if its undo has begun,
/// or if the host was restarted and no longer runs the system that was activated or becomes the boot default.
fn completes(host: &Host, journal: &Journal) -> bool {
    let runs = |to: &AbsPath| nixos::running(host).as_ref() == Some(to);
    let stands = journal.systems().all(|entry| match entry {
        SystemEntry::Activate(step) => runs(&step.to),
        SystemEntry::SetBootDefault(step, _) => !journal.is_of_earlier_boot(host) || runs(&step.to),
        SystemEntry::BootOnce(..) => true,
    });
    let is_staged = || {
        State::staged(host)
            .is_ok_and(|state| state.is_some_and(|state| state.transaction == journal.transaction))
    };
    if journal.phase != JournalPhase::Confirmed || !stands || !is_staged() {
        return false;
    }
    let completed = execute::boot(host, journal).and_then(|_| commit::commit_staged(host, journal));
    completed.inspect_err(|problem| warn!("not completed: {}", Brief(problem))).is_ok()
}

/// Takes the lock, recovers the host, and records the result of the interrupted run. Returns `None` if no run
/// was interrupted.
///
/// # Errors
/// Fails with [`Code::Locked`] if another run holds the lock, or with the same errors as [`recover`].
pub fn recover_alone(host: &Host, moment: UndoTime) -> Result<Option<Report>, Problem> {
    let _lock = Lock::take(host, &lock::this_process("root@localhost", "recover"))?;
    let recovered = put_right(host, moment);
    let recovered = recovered.inspect_err(|problem| warn!("not recovered: {}", Brief(problem)))?;
    let Some(recovered) = recovered else { return Ok(None) };
    let report = recovered.report(host);
    record_last_run(host, recovered.journal.holder, &report);
    Ok(Some(report))
}

/// Writes the report of a run that ended without a report. If the run was interrupted, recovers the host
/// first.
///
/// # Errors
/// Fails with the same errors as [`recover`], or if the report cannot be written.
pub fn stand_in(host: &Host, run: &RunId) -> Result<(), Problem> {
    let transcript = Transcript::of(host, run);
    if !transcript.exists() || transcript.report().is_some() {
        return Ok(());
    }
    // The run may have recorded its result before it ended. This result contains the report.
    let noted = || status::last_run(host).filter(|last| last.holder.run.as_ref() == Some(run));
    let recovered = match recover_alone(host, UndoTime::Running) {
        // A run that takes the lock recovers the host first.
        Err(problem) if problem.code == Code::Locked => Ok(None),
        recovered => recovered,
    };
    let report = match recovered {
        Ok(Some(report)) => report,
        Ok(None) => match noted() {
            Some(last) => last.report,
            None if apt::recover::is_interrupted(host) => {
                let problem =
                    interrupted("apt may have changed packages, and the next apply or update completes them");
                let reason_code = Some(ReasonCode::AptUnfinished);
                Report { reason_code, ..unfinished(host, Outcome::Partial, problem)? }
            }
            None => unfinished(host, Outcome::Blocked, interrupted("the run had not changed anything yet"))?,
        },
        Err(problem) => unfinished(host, Outcome::Failed, problem)?,
    };
    transcript.say(&report)
}

/// Creates the report of a run that ended without a report, or of a recovery that was refused.
///
/// # Errors
/// The generations of the host cannot be read.
pub fn unfinished(host: &Host, outcome: Outcome, problem: Problem) -> Result<Report, Problem> {
    let current = Profile::read(host)?.current;
    Ok(Report {
        schema: SCHEMA,
        host: State::read(host).map(|(state, _)| state.host).unwrap_or_default(),
        outcome,
        reason_code: None,
        before: current.clone(),
        after: current,
        steps_done: 0,
        backups: Vec::new(),
        notes: Vec::new(),
        problem: Some(problem),
        recovered: None,
        health_checks: Vec::new(),
        left_to_others: Vec::new(),
        apt: None,
        duration_ms: 0,
    })
}

fn interrupted(why: &str) -> Problem {
    Problem::new(Code::Interrupted, "the run ended before it was complete")
        .because(format!("the process of the run was killed, or the host went down; {why}"))
        .help("apply again")
}

/// Records the result of a run, if the run has an id. A write error is ignored, since the record does not
/// affect the host.
pub fn record_last_run(host: &Host, holder: Holder, report: &Report) {
    if holder.run.is_some() {
        let last =
            LastRun::ended(holder, report.clone(), clock::seconds()).with_earlier(status::last_run(host));
        let _ = host.write_record(LastRun::RECORD, &last);
    }
}
