//! What diagnostics tell of the events of a command: which, and about what. The words of hosts and the causes of problems are left
//! to those who are to hear them.

use nixfleet_contract::problem::Problem;
use tracing::debug;

use super::EventKind;

/// Tells of an event that is a step of the work.
pub(super) fn tell(kind: &EventKind) {
    let code = |problem: &Option<Problem>| problem.as_ref().map(|problem| problem.code.to_string());
    match kind {
        EventKind::StageBegan { stage } => debug!(?stage, "stage began"),
        EventKind::StageEnded { stage, duration_ms, problem } => {
            debug!(?stage, duration_ms, code = code(problem), "stage ended");
        }
        EventKind::WaveBegan { wave, of, hosts } => debug!(wave, of, hosts = hosts.len(), "wave began"),
        EventKind::WaveSoaking { wave, seconds } => debug!(wave, seconds, "wave watched"),
        EventKind::WaveEnded { wave, failed, .. } => debug!(wave, failed, "wave ended"),
        EventKind::HostPhase { host, phase } => debug!(host, ?phase, "host at work"),
        EventKind::HostPlanned { host, steps, problem, .. } => {
            debug!(host, steps, code = code(problem), "host planned");
        }
        EventKind::HostEnded(end) => {
            let (host, outcome, duration_ms) = (&end.host, end.outcome, end.duration_ms);
            debug!(host, %outcome, duration_ms, code = code(&end.problem), "host ended");
        }
        EventKind::RolloutPaused { reason } => debug!(reason, "rollout paused"),
        EventKind::RolloutReturning { hosts } => debug!(hosts = hosts.len(), "rollout goes back"),
        EventKind::RolloutInterrupted => debug!("rollout interrupted"),
        EventKind::RolloutEnded { end, duration_ms } => debug!(?end, duration_ms, "rollout ended"),
        EventKind::CommandBegan { .. }
        | EventKind::CommandEnded { .. }
        | EventKind::FleetKnown { .. }
        | EventKind::Declined
        | EventKind::RolloutBegan { .. }
        | EventKind::Output { .. }
        | EventKind::Log { .. } => {}
    }
}
