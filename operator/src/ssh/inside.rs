//! A new login that is made through the shared connection, for a host whose sshd is kept busy by other
//! clients.
//!
//! A user of a host can start so many logins that sshd drops the logins of the operator (`MaxStartups`), but
//! a connection that is already open stays open. Through the open connection, a second sshd is started for a
//! single login, with the same configuration, keys and accounts.

use std::sync::Arc;
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};

use super::{Over, Session, Shared, call, marked};
use crate::process::{Hears, Invocation, Output, limits};

impl Session {
    /// Runs a script over a new login. The login is made through `door`, a script on the host that starts a
    /// second sshd, which uses the standard input and output of `door` as its connection. Errors are handled
    /// as in [`Self::script_over_new_connection`].
    ///
    /// # Errors
    /// As for `script_over_new_connection`, or the shared connection is lost.
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
        // With `ProxyCommand=false`, `ssh` fails if the shared connection is missing, instead of making an
        // ordinary login.
        let alone = ["-o", "ProxyCommand=false", "-T", "--", &destination, &door];
        let through = ["ssh"].into_iter().chain(options.iter().map(String::as_str)).chain(alone);
        let through = shlex::try_join(through).map_err(|error| {
            Problem::new(Code::Usage, "the command cannot be sent to the host").because(error)
        })?;
        let call = call::call(script, arguments, !stdin.is_empty())?;
        // `ssh` runs the proxy command in the shell of the user, which may have other quoting rules than
        // `sh`, so `SHELL` is set.
        let ssh = Invocation { hears: Hears::Document(limits::DOCUMENT), ..Invocation::new("env", limit) };
        let invocation = ssh
            .args(["SHELL=/bin/sh", "ssh", "-o", &format!("ProxyCommand={}", through.replace('%', "%%"))])
            .args(self.arguments("ControlMaster=no", Shared::No))
            .args(["-T", "--", &destination, &call])
            .stdin(marked(stdin));
        self.alone(script, Over::Inside, invocation).await
    }
}
