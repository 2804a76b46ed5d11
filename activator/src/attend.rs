//! Runs a change in a separate systemd unit, and follows the unit until it reports.

use std::ffi::OsString;
use std::time::Duration;

use nixfleet_contract::holder::Holder;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::report::Report;
use nixfleet_contract::run::Confirmation;
use nixfleet_contract::run_id::RunId;

use crate::engine::apply::{ApplyRequest, apply_within};
use crate::engine::os::update;
use crate::engine::status::last_run;
use crate::engine::transaction::window::Window;
use crate::host::Host;
use crate::host::nixos;
use crate::host::systemd::Systemd;
use crate::host::transcript::{Transcript, TranscriptLine};
use crate::host::transient::Transient;

/// Carries out a change in this process, as the run `run`, and writes its report to the transcript. With a
/// limit, the change is undone unless it is confirmed within that time.
///
/// # Errors
/// The report cannot be written. The run has ended nevertheless.
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

/// Updates the operating system in this process, as the run `run`, and writes the report to the transcript.
/// `expect`: the fingerprint of the update.
///
/// # Errors
/// The report cannot be written. The run has ended nevertheless.
pub fn update(host: &Host, expect: &str, holder: Holder, run: &RunId) -> Result<(), Problem> {
    Transcript::of(host, run).say(&update::update(host, expect, holder.of_run(run.clone())))
}

/// Whether changes to a host can run in separate systemd units.
#[must_use]
pub fn has_units(host: &Host) -> bool {
    Systemd::of(host).is_some()
}

/// Starts this program with `arguments` in a transient unit, and follows the run until its report. `hand_on`
/// is called with each line of the transcript.
///
/// # Errors
/// The unit cannot be started, or the run ends without a report.
pub fn in_a_unit(
    host: &Host,
    run: &RunId,
    arguments: impl IntoIterator<Item = OsString>,
    hand_on: impl FnMut(&TranscriptLine),
) -> Result<Report, Problem> {
    let transcript = Transcript::of(host, run);
    transcript.begin(host)?;
    let mut unit = Transient::start(run, nixos::is_nixos(host), arguments)?;
    transcript.follow(hand_on, || unit.check())
}

/// Follows a run that was started over another connection, until its report. `hand_on` is called with each
/// line of the transcript.
///
/// # Errors
/// The host does not know the run, or the run ends without a report.
pub fn follow(host: &Host, run: &RunId, hand_on: impl FnMut(&TranscriptLine)) -> Result<Report, Problem> {
    let transcript = Transcript::of(host, run);
    if transcript.exists() {
        let mut unit = Transient::of(run);
        return transcript.follow(hand_on, || unit.check());
    }
    // A reboot removes the transcript, but the record of the last run remains.
    let last = last_run(host).filter(|last| last.holder.run.as_ref() == Some(run));
    last.map(|last| last.report).ok_or_else(|| {
        Problem::new(Code::NoRun, "the host has no record of this run")
            .at(run)
            .because("the run never started on this host, or a later run replaced the record of this run")
            .help("check the state of the host: nixfleet status")
    })
}

/// Confirms a run, and passes on the results of the health checks that ran elsewhere.
///
/// # Errors
/// The host does not know the run, or the confirmation cannot be written.
pub fn confirm(host: &Host, run: &RunId, confirmation: &Confirmation) -> Result<(), Problem> {
    let transcript = Transcript::of(host, run);
    if transcript.exists() {
        return transcript.confirm(confirmation);
    }
    Err(Problem::new(Code::NoRun, "the host has no run that waits for a confirmation").at(run))
}
