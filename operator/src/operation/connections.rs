//! The connection settings of a request.

use std::num::NonZeroUsize;
use std::sync::Arc;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::policy::Policy;
use nixfleet_contract::problem::Problem;
use serde::{Deserialize, Serialize};

use crate::password::Password;
use crate::ssh::{Session, Sockets};

/// The connection settings of a request. The inventory or a default supplies the values that are not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Connections {
    /// The maximum number of hosts to work on at once.
    pub parallel: Option<NonZeroUsize>,
    /// The time limit for a host to accept a connection, in seconds.
    pub connect_timeout: Option<u64>,
    /// How many times to try again to connect to a host that does not answer. The delays between the attempts
    /// are 1, 2, 4 … seconds.
    pub connect_retries: u32,
}

impl Connections {
    /// Returns the maximum number of hosts to query at once.
    #[must_use]
    pub fn at_once(self) -> NonZeroUsize {
        self.parallel.unwrap_or(Policy::PARALLEL)
    }

    /// Creates a session for each host, without connecting to the hosts yet.
    ///
    /// # Errors
    /// Fails if there is no private directory for SSH sockets, or if a pinned host key is malformed.
    pub fn sessions(self, hosts: Vec<Host>) -> Result<Vec<Arc<Session>>, Problem> {
        self.sessions_with(hosts, None)
    }

    /// Creates a session for each host, as [`Self::sessions`] does. A host that accepts no key is logged in
    /// to with the password.
    ///
    /// # Errors
    /// As for [`Self::sessions`].
    pub fn sessions_with(
        self,
        hosts: Vec<Host>,
        password: Option<&Password>,
    ) -> Result<Vec<Arc<Session>>, Problem> {
        let sockets = Sockets::open()?;
        let count = hosts.len();
        let session = |mut host: Host| {
            host.timeouts.connect = self.connect_timeout.unwrap_or(host.timeouts.connect);
            let session = Session::new(host, &sockets, count, self.connect_retries)?;
            Ok(Arc::new(session.with_password(password.cloned())))
        };
        hosts.into_iter().map(session).collect()
    }
}
