//! The problem of a host that is not managed yet.

use nixfleet_contract::problem::{Code, Problem};

use crate::ssh::Session;

/// Returns the problem of a host that has no activator.
#[must_use]
pub fn not_managed(session: &Session) -> Problem {
    let name = &session.host().name;
    Problem::new(Code::NoGeneration, "the host is not managed yet")
        .at(name)
        .help(format!("apply to the host first: nixfleet apply --host {name}"))
}
