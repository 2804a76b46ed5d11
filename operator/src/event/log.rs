//! Logs events as diagnostics, and decides which events and which of their fields are logged. The output of
//! hosts and the causes of problems are omitted, since only the listeners on the bus should receive them.

use nixfleet_contract::problem::Problem;
use tracing::debug;

use super::EventKind;

/// The tracing target of the logged events.
const STEP: &str = "nixfleet::step";

/// Logs an event, if it is a step of the work.
pub(super) fn log(kind: &EventKind) {
    let code = |problem: &Option<Problem>| problem.as_ref().map(|problem| problem.code.to_string());
    match kind {
        EventKind::StageBegan { stage } => debug!(target: STEP, ?stage, "stage began"),
        EventKind::StageEnded { stage, duration_ms, problem } => {
            debug!(target: STEP, ?stage, duration_ms, code = code(problem), "stage ended");
        }
        EventKind::WaveBegan { wave, of, hosts } => {
            debug!(target: STEP, wave, of, hosts = hosts.len(), "wave began");
        }
        EventKind::WaveSoaking { wave, seconds } => debug!(target: STEP, wave, seconds, "wave watched"),
        EventKind::WaveEnded { wave, failed, .. } => debug!(target: STEP, wave, failed, "wave ended"),
        EventKind::HostPhase { host, phase } => debug!(target: STEP, host, ?phase, "host at work"),
        EventKind::HostAwaitsApt { host, holder } => {
            let process = holder.as_ref().map(|holder| holder.process);
            debug!(target: STEP, host, process, "host waits for apt");
        }
        EventKind::HostDownloaded { host, units } => {
            debug!(target: STEP, host, units = units.len(), "host downloaded packages");
        }
        EventKind::HostPlanned { host, steps, problem, .. } => {
            debug!(target: STEP, host, steps, code = code(problem), "host planned");
        }
        EventKind::HostEnded(end) => {
            let (host, outcome, duration_ms) = (&end.host, end.outcome, end.duration_ms);
            debug!(target: STEP, host, %outcome, duration_ms, code = code(&end.problem), "host ended");
        }
        EventKind::RolloutPaused { reason } => debug!(target: STEP, reason, "rollout paused"),
        EventKind::RolloutReturning { hosts } => {
            debug!(target: STEP, hosts = hosts.len(), "rollout goes back");
        }
        EventKind::RolloutInterrupted => debug!(target: STEP, "rollout interrupted"),
        EventKind::RolloutEnded { end, duration_ms } => {
            debug!(target: STEP, ?end, duration_ms, "rollout ended");
        }
        EventKind::CommandBegan { .. }
        | EventKind::CommandEnded { .. }
        | EventKind::FleetKnown { .. }
        | EventKind::Declined
        | EventKind::RolloutBegan { .. }
        | EventKind::Output { .. }
        | EventKind::Log { .. } => {}
    }
}
