//! Opens the shared connection to a host.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nixfleet_contract::backoff::Backoff;
use nixfleet_contract::problem::{Code, Problem};
use tracing::debug;

use super::askpass::Askpass;
use super::log::SSH;
use super::{Session, Shared, failure, options, sockets};
use crate::diagnostics::{milliseconds, retried};
use crate::password::Password;
use crate::process::Invocation;

/// The pause before another attempt to reach a host that did not answer. Each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Session {
    /// Opens the shared connection, unless it is already open. Further calls return the same result.
    ///
    /// # Errors
    /// The host cannot be reached, does not accept the key of the user, or shows another host key than
    /// expected.
    pub async fn connect(&self) -> Result<(), Problem> {
        self.connected.get_or_init(|| self.within(self.open_patiently())).await.clone()
    }

    async fn open_patiently(&self) -> Result<(), Problem> {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        for attempt in 1..=self.retries {
            match self.open_in_line().await {
                Err(problem) if problem.code == Code::Unreachable => {
                    let pause = backoff.pause();
                    retried("connection", attempt, pause, &problem);
                    self.pause(&problem, pause).await;
                }
                answered => return answered,
            }
        }
        self.open_in_line().await
    }

    pub(super) async fn open_master(&self) -> Result<(), Problem> {
        // Another process that holds the lock is opening the same connection. If two processes ran `ssh -M`,
        // the second would find the socket in use, and would remain as a connection that no process uses or
        // ends.
        let Some(_lock) = sockets::lock(&self.socket).await else { return Ok(()) };
        if UnixStream::connect(&self.socket).is_ok() {
            self.inherited.store(true, Ordering::Relaxed);
            debug!(target: SSH, "connection of an earlier command used");
            return Ok(());
        }
        // A master process that was killed leaves its socket behind, and `ssh` would not replace that socket.
        let _ = std::fs::remove_file(&self.socket);
        match self.start_master(Invocation::new("ssh", self.to_log_in()), &[]).await {
            Err(problem) if problem.code == Code::SshAuth => match &self.password {
                Some(password) => self.open_with(password).await,
                None => Err(problem),
            },
            opened => opened,
        }
    }

    /// Opens the connection with a password. The host has refused the keys of the user before. The key of the
    /// host must be pinned, so that the helper can tell the host from jump hosts.
    async fn open_with(&self, password: &Password) -> Result<(), Problem> {
        let private = self.socket.parent().unwrap_or(Path::new("/nonexistent"));
        let alias = options::alias(&self.host);
        let askpass = Askpass::create(private, &alias, password).await?;
        let invocation = Invocation::new("env", self.to_log_in()).args(askpass.environment()).args(["ssh"]);
        // `ssh` uses the first value of each option. sshd counts each refused key as a failed login.
        let options = ["BatchMode=no", "NumberOfPasswordPrompts=1", "PubkeyAuthentication=no"];
        self.start_master(invocation, &options).await?;
        self.used_password.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Returns how long `ssh` may take to open the connection.
    fn to_log_in(&self) -> Duration {
        self.to_connect() + self.to_be_silent()
    }

    /// Runs the invocation of `ssh` with the arguments that make it the master of the shared connection, and
    /// with further options.
    async fn start_master(&self, ssh: Invocation, options: &[&str]) -> Result<(), Problem> {
        let invocation = ssh
            .args(["-M".to_owned(), "-N".to_owned(), "-f".to_owned()])
            .args(["-o".to_owned(), format!("ControlPersist={}", self.persist)])
            .args(options.iter().flat_map(|option| ["-o", option]))
            .args(self.arguments("ControlMaster=yes", Shared::Yes))
            .args(["--".to_owned(), self.destination()]);
        let began = Instant::now();
        let output = invocation.detach().await.map_err(|failure| self.failed(failure))?;
        let duration_ms = milliseconds(began.elapsed());
        if output.status.success() {
            debug!(target: SSH, duration_ms, "connection opened");
            self.let_in();
            return Ok(());
        }
        let stderr = output.stderr_text();
        let problem = failure::classify(&stderr, &self.host)
            .unwrap_or_else(|| failure::unreachable(&self.host, &stderr));
        debug!(target: SSH, duration_ms, code = %problem.code, why = problem.why, "connection not opened");
        Err(problem)
    }

    /// Opens the shared connection again after it broke.
    ///
    /// # Errors
    /// As for [`Self::connect`].
    pub async fn reconnect(&self) -> Result<(), Problem> {
        let _ = std::fs::remove_file(&self.socket);
        self.within(self.open_master()).await
    }

    /// Ensures that the shared connection works. To be called before sending a command that must not be sent
    /// twice.
    ///
    /// # Errors
    /// As for [`Self::connect`].
    pub async fn verify(&self) -> Result<(), Problem> {
        self.connect().await?;
        if self.inherited.load(Ordering::Relaxed) {
            self.script(":", &[], Vec::new(), self.to_connect()).await?;
        }
        Ok(())
    }
}
