//! A login inside the shared connection, for a host whose sshd others keep from listening.
//!
//! A user of a host can have so many logins under way that its sshd drops ours (`MaxStartups`). One that is
//! open already stays. Through it a second sshd is started for one login, which goes by the same
//! configuration, keys and accounts.

use std::sync::Arc;
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};

use super::{Over, Session, Shared, call, marked};
use crate::process::{Hears, Invocation, Output, limits};

impl Session {
    /// Runs a script over a login of its own that comes in through `door`, a script which turns its standard
    /// input and output into a connection. What `ssh` does is as in [`Self::script_afresh`].
    ///
    /// # Errors
    /// As there; also where the shared connection is gone.
    pub async fn script_inside(
        &self,
        door: &str,
        script: &str,
        arguments: &[&str],
        stdin: Vec<Arc<[u8]>>,
        limit: Duration,
    ) -> Result<Output, Problem> {
        let door = call::call(door, &[], false)?;
        let (options, destination) = (self.arguments("ControlMaster=no", Shared::Yes), self.destination());
        // Without the shared connection it would be a login like any other.
        let alone = ["-o", "ProxyCommand=false", "-T", "--", &destination, &door];
        let through = ["ssh"].into_iter().chain(options.iter().map(String::as_str)).chain(alone);
        let through = shlex::try_join(through).map_err(|error| {
            Problem::new(Code::Usage, "the command cannot be sent to the host").because(error)
        })?;
        let call = call::call(script, arguments, !stdin.is_empty())?;
        // `ssh` has the shell of the user run it, which may quote like no other.
        let ssh = Invocation { hears: Hears::Document(limits::DOCUMENT), ..Invocation::new("env", limit) };
        let invocation = ssh
            .args(["SHELL=/bin/sh", "ssh", "-o", &format!("ProxyCommand={}", through.replace('%', "%%"))])
            .args(self.arguments("ControlMaster=no", Shared::No))
            .args(["-T", "--", &destination, &call])
            .stdin(marked(stdin));
        self.alone(script, Over::Inside, invocation).await
    }
}
