//! A change of the host from the asking to the report: in a unit of its own, followed from outside.

use std::ffi::OsString;
use std::time::Duration;

use nixfleet_contract::holder::Holder;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Report;
use nixfleet_contract::run::Confirmation;
use nixfleet_contract::run_id::RunId;

use crate::engine::apply::{ApplyRequest, apply_within};
use crate::engine::status::last_run;
use crate::engine::transaction::window::Window;
use crate::host::Host;
use crate::host::systemd::Systemd;
use crate::host::transcript::{Transcript, TranscriptLine};
use crate::host::transient::Transient;

/// Carries a change out as the run of this name, in this very process, and says so in its transcript. It has
/// to be confirmed where there is a limit to how long that may take.
///
/// # Errors
/// The report cannot be written. What it says has happened all the same.
pub fn carry_out(
    host: &Host,
    request: ApplyRequest<'_>,
    holder: Holder,
    run: &RunId,
    limit: Option<Duration>,
) -> Result<(), Problem> {
    let transcript = Transcript::of(host, run);
    let window = limit.map(|limit| Window { transcript: &transcript, limit });
    transcript.say(&apply_within(host, request, holder.of_run(run.clone()), window))
}

/// Whether changes of a host can have a unit of their own.
#[must_use]
pub fn has_units(host: &Host) -> bool {
    Systemd::of(host).is_some()
}

/// Starts this program with these arguments in a unit of its own, and follows it to its report.
///
/// # Errors
/// It cannot be started, or ends without a report.
pub fn in_a_unit(
    host: &Host,
    run: &RunId,
    arguments: impl IntoIterator<Item = OsString>,
    hand_on: impl FnMut(&TranscriptLine),
) -> Result<Report, Problem> {
    let transcript = Transcript::of(host, run);
    transcript.begin(host)?;
    let mut unit = Transient::start(run, arguments)?;
    transcript.follow(hand_on, || unit.check())
}

/// Follows a run that was asked for over another connection.
///
/// # Errors
/// The host knows nothing of it, or it ends without a report.
pub fn follow(host: &Host, run: &RunId, hand_on: impl FnMut(&TranscriptLine)) -> Result<Report, Problem> {
    let transcript = Transcript::of(host, run);
    if transcript.exists() {
        let mut unit = Transient::of(run);
        return transcript.follow(hand_on, || unit.check());
    }
    // The host has booted since.
    let last = last_run(host).filter(|last| last.holder.run.as_ref() == Some(run));
    last.map(|last| last.report).ok_or_else(|| {
        Problem::new(Code::NoRun, "the host has no record of this run")
            .at(run)
            .because("it never started on this host, or a later run replaced its record")
            .help("check the state of the host: nixfleet status")
    })
}

/// Confirms a run, and says what the health checks found that are tried from elsewhere.
///
/// # Errors
/// The host knows nothing of it.
pub fn confirm(host: &Host, run: &RunId, confirmation: &Confirmation) -> Result<(), Problem> {
    let transcript = Transcript::of(host, run);
    if transcript.exists() {
        return transcript.confirm(confirmation);
    }
    Err(Problem::new(Code::NoRun, "the host has no run that waits for a confirmation").at(run))
}
