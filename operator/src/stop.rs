//! The reasons why an operation ends before it works on hosts.

use nixfleet_contract::problem::Problem;
use tokio::task::JoinError;

use crate::host_result::HostResult;

/// An error that ends an operation as a whole. An error on one host, while work on other hosts continues, is
/// part of that host's result.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// A problem that the user must solve.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// Some hosts have problems, so the operation stops. Contains the result of each host. No host was
    /// changed.
    #[error("some hosts have problems: {}", names(.0))]
    Hosts(Vec<HostResult>),
    /// A bug in this program.
    #[error("this is a bug in nixfleet: {0:?}")]
    Bug(anyhow::Error),
}

impl Stop {
    /// Creates the error for a situation that only a bug in this program can cause.
    #[must_use]
    pub fn bug(error: impl Into<anyhow::Error>) -> Self {
        Self::Bug(error.into())
    }
}

/// Converts the error of a task that panicked.
impl From<JoinError> for Stop {
    fn from(error: JoinError) -> Self {
        Self::bug(error)
    }
}

/// Returns the names of the hosts that have a problem, separated by commas.
fn names(results: &[HostResult]) -> String {
    let with_problem = results.iter().filter(|result| result.problem.is_some());
    with_problem.map(|result| result.host.as_str()).collect::<Vec<_>>().join(", ")
}
