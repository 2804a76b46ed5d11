//! Why an operation ends before it has come to its hosts.

use nixfleet_contract::problem::Problem;
use tokio::task::JoinError;

use crate::host_result::HostResult;

/// What ends an operation as a whole. What goes wrong on a host while others go on is in the result of that
/// host.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// Somebody has to do something about it.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// Some hosts stop all: what each host has to do with that. Nothing was changed on any.
    #[error("hosts cannot be gone on with: {}", names(.0))]
    Hosts(Vec<HostResult>),
    /// A mistake in this program.
    #[error("this is a bug in nixfleet: {0:?}")]
    Bug(anyhow::Error),
}

impl Stop {
    /// For an error that only a mistake in this program can cause.
    #[must_use]
    pub fn bug(error: impl Into<anyhow::Error>) -> Self {
        Self::Bug(error.into())
    }
}

/// A task panicked.
impl From<JoinError> for Stop {
    fn from(error: JoinError) -> Self {
        Self::bug(error)
    }
}

/// The hosts with a problem.
fn names(results: &[HostResult]) -> String {
    let with_problem = results.iter().filter(|result| result.problem.is_some());
    with_problem.map(|result| result.host.as_str()).collect::<Vec<_>>().join(", ")
}
