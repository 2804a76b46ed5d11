//! How hosts are connected.

use std::num::NonZeroUsize;
use std::sync::Arc;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::policy::Policy;
use nixfleet_contract::problem::Problem;
use serde::{Deserialize, Serialize};

use crate::ssh::{Session, Sockets};

/// The connections of an operation. What is missing is as the inventory says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Connections {
    /// How many hosts are worked on at once.
    pub parallel: Option<NonZeroUsize>,
    /// How long a host may take to accept a connection, in seconds.
    pub connect_timeout: Option<u64>,
    /// How often a host that does not answer is tried again, after 1, 2, 4 … seconds.
    pub connect_retries: u32,
}

impl Connections {
    /// How many hosts are asked at once.
    #[must_use]
    pub fn at_once(self) -> NonZeroUsize {
        self.parallel.unwrap_or(Policy::PARALLEL)
    }

    /// A session for each host; nothing is sent yet.
    ///
    /// # Errors
    /// There is no private place for sockets, or a pinned host key is none.
    pub fn sessions(self, hosts: Vec<Host>) -> Result<Vec<Arc<Session>>, Problem> {
        let sockets = Sockets::open()?;
        let count = hosts.len();
        let session = |mut host: Host| {
            host.timeouts.connect = self.connect_timeout.unwrap_or(host.timeouts.connect);
            Session::new(host, &sockets, count, self.connect_retries)
        };
        hosts.into_iter().map(|host| session(host).map(Arc::new)).collect()
    }
}
