//! Runs the user's own `ssh`, with one shared connection per host.
//!
//! A master connection is opened once and stays open for a minute, so that further steps on the host and the
//! next command need no new handshake. All other settings of `ssh` come from the user's own configuration.

mod askpass;
mod call;
pub mod failure;
pub mod host_key;
mod inside;
mod line;
mod log;
mod master;
mod options;
mod patience;
mod resolved;
mod shared;
mod sockets;
mod turns;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use line::Lines;
use log::{Over, SSH, ScriptLog};
use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::{Code, Problem};
use tokio::sync::OnceCell;
use tokio::sync::mpsc::Sender;
use tracing::debug;
use turns::Turns;

use crate::password::Password;
use crate::process::{Ends, Failure, Hears, Invocation, Output, Running, limits};

pub use call::FIRST_LINE;
pub use resolved::Resolved;
pub use sockets::Sockets;

/// The time that an idle master connection stays open for the next command, in seconds.
const PERSIST: u64 = 60;
/// The time that an idle master connection stays open in a large fleet, in seconds. Many idle connections
/// would burden this machine.
const PERSIST_OF_MANY: u64 = 5;
/// The number of hosts in a command above which the fleet counts as large.
const MANY: usize = 64;
/// The exit code with which `ssh` reports that the connection failed. Any other exit code comes from the
/// command on the host.
pub const SSH_FAILED: i32 = 255;

/// Whether a command uses the shared connection.
#[derive(Clone, Copy)]
enum Shared {
    Yes,
    No,
}

/// A host and the connection to it.
#[derive(Debug)]
pub struct Session {
    host: Host,
    socket: PathBuf,
    options: Vec<String>,
    retries: u32,
    persist: u64,
    connected: OnceCell<Result<(), Problem>>,
    /// Whether an earlier command opened the connection. Such a connection may be broken although `ssh` has
    /// not noticed yet.
    inherited: AtomicBool,
    /// The destination that `ssh` resolves the address to. It is determined when it is first needed.
    resolved: OnceCell<Resolved>,
    turns: Turns,
    lines: Lines,
    /// The password for the login, if the host may not accept a key yet.
    password: Option<Password>,
    /// Whether the host accepted the password.
    used_password: AtomicBool,
}

impl Session {
    /// Creates a session without connecting. `hosts` is the number of hosts in the command. `retries` is the
    /// number of further attempts to reach a host that does not answer.
    ///
    /// # Errors
    /// The pinned host key is invalid, or cannot be stored.
    pub fn new(host: Host, sockets: &Sockets, hosts: usize, retries: u32) -> Result<Self, Problem> {
        let socket = sockets.socket(&host);
        let options = options::of(&host, sockets)?;
        Ok(Self {
            host,
            socket,
            options,
            retries,
            persist: if hosts > MANY { PERSIST_OF_MANY } else { PERSIST },
            connected: OnceCell::new(),
            inherited: AtomicBool::new(false),
            resolved: OnceCell::new(),
            turns: sockets.turns(),
            lines: sockets.lines(),
            password: None,
            used_password: AtomicBool::new(false),
        })
    }

    /// Sets the password to log in with if the host accepts no key.
    #[must_use]
    pub fn with_password(self, password: Option<Password>) -> Self {
        Self { password, ..self }
    }

    /// Whether the host accepted no key, so that the password was used.
    pub fn used_password(&self) -> bool {
        self.used_password.load(Ordering::Relaxed)
    }

    /// Returns the host of this session.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// Runs a shell script of NixFleet on the host, with arguments and standard input. If the connection of
    /// an earlier command turns out to be broken, opens a new connection and sends the script again. Only the
    /// first script of a command can find a broken connection, and that script changes nothing.
    ///
    /// # Errors
    /// The connection fails, or a limit is exceeded. Errors of the script itself are part of the output.
    pub async fn script(
        &self,
        script: &str,
        arguments: &[&str],
        stdin: Vec<Arc<[u8]>>,
        limit: Duration,
    ) -> Result<Output, Problem> {
        self.connect().await?;
        let first = self.send(script, arguments, stdin.clone(), limit).await;
        match first {
            Err(problem)
                if problem.code == Code::Unreachable && self.inherited.swap(false, Ordering::Relaxed) =>
            {
                self.within(async { debug!(target: SSH, "the connection of an earlier command is lost") })
                    .await;
                self.reconnect().await?;
                self.send(script, arguments, stdin, limit).await
            }
            first => {
                self.inherited.store(false, Ordering::Relaxed);
                first
            }
        }
    }

    /// Runs a script that carries out a run, and forwards the notices of the run as they arrive, as described
    /// at [`Hears::Lines`]. The script is never sent twice.
    ///
    /// # Errors
    /// As for [`Self::script`].
    pub async fn attend(
        &self,
        script: &str,
        arguments: &[&str],
        limit: Duration,
        notices: Sender<Vec<u8>>,
    ) -> Result<Output, Problem> {
        let call = call::call(script, arguments, false)?;
        let invocation =
            Invocation { hears: Hears::Lines(notices), ..self.invocation(&call, limit, Shared::No) };
        self.run(script, call, invocation).await
    }

    /// Runs a script in a conversation with `talk`, and continues as [`Self::attend`] when `talk` returns.
    /// The script is never sent twice. Returns the output of the script after the conversation, and the value
    /// that `talk` returned.
    ///
    /// # Errors
    /// The connection cannot be used, or a limit is exceeded. A connection that broke is detected by
    /// [`Self::judge`].
    pub async fn converse<T: Send + 'static>(
        &self,
        script: &str,
        arguments: &[&str],
        limit: Duration,
        notices: Sender<Vec<u8>>,
        talk: impl FnOnce(&mut Ends) -> T + Send + 'static,
    ) -> Result<(Output, T), Problem> {
        // The host speaks first, so there is no input yet that a start-up file of the login shell could read.
        let call = call::call(script, arguments, false)?;
        let invocation =
            Invocation { hears: Hears::Lines(notices), ..self.invocation(&call, limit, Shared::No) };
        let work = async {
            let log = ScriptLog::begin(script, Over::Shared, 0);
            let talked = match self.start(call, &invocation, true) {
                Ok(running) => invocation.converse(running, talk).await,
                Err(failure) => Err(failure),
            };
            let talked = talked.map_err(|failure| self.failed(failure));
            log.ended(talked.as_ref().map(|(output, _)| output));
            talked
        };
        self.within(work).await
    }

    /// Runs a script over a new connection that is used for nothing else.
    ///
    /// # Errors
    /// As for [`Self::script`].
    pub async fn script_over_new_connection(
        &self,
        script: &str,
        arguments: &[&str],
        stdin: Vec<Arc<[u8]>>,
        limit: Duration,
    ) -> Result<Output, Problem> {
        let call = call::call(script, arguments, !stdin.is_empty())?;
        let invocation = self.invocation(&call, limit, Shared::No).stdin(marked(stdin));
        self.alone(script, Over::Own, invocation).await
    }

    /// Runs a script with an invocation of `ssh` that has a separate connection.
    async fn alone(&self, script: &str, over: Over, invocation: Invocation) -> Result<Output, Problem> {
        let work = async {
            let log = ScriptLog::begin(script, over, length(&invocation.stdin));
            let ended = invocation.run().await.map_err(|failure| self.failed(failure));
            let ended = ended.and_then(|output| self.judge(output));
            log.ended(ended.as_ref());
            ended
        };
        self.within(work).await
    }

    async fn send(
        &self,
        script: &str,
        arguments: &[&str],
        stdin: Vec<Arc<[u8]>>,
        limit: Duration,
    ) -> Result<Output, Problem> {
        let call = call::call(script, arguments, !stdin.is_empty())?;
        let invocation = self.invocation(&call, limit, Shared::No).stdin(marked(stdin));
        self.run(script, call, invocation).await
    }

    /// Runs a command through the shared connection. If that is not possible, runs `invocation`, which is the
    /// same command over a separate connection.
    async fn run(&self, script: &str, call: String, invocation: Invocation) -> Result<Output, Problem> {
        let work = async {
            let log = ScriptLog::begin(script, Over::Shared, length(&invocation.stdin));
            let running = self.start(call, &invocation, !invocation.stdin.is_empty());
            let output = match running {
                Ok(running) => invocation.attend(running).await,
                Err(failure) => Err(failure),
            };
            let ended = output.map_err(|failure| self.failed(failure));
            let ended = ended.and_then(|output| self.judge(output));
            log.ended(ended.as_ref());
            ended
        };
        self.within(work).await
    }

    fn start(&self, call: String, invocation: &Invocation, input: bool) -> Result<Running, Failure> {
        let (socket, ssh) = (self.socket.clone(), invocation.clone());
        Running::start(input, |streams, drained| Ok(shared::run(socket, call, streams, drained, ssh)))
    }

    /// Separates the failures of `ssh` from the results of the script.
    ///
    /// # Errors
    /// `ssh` failed or was killed, or the input of the script did not arrive.
    pub fn judge(&self, output: Output) -> Result<Output, Problem> {
        // Without an exit code, a signal ended `ssh` on this machine, so the script has no result.
        if output.status.code().is_none_or(|code| code == SSH_FAILED) {
            let stderr = output.stderr_text();
            return Err(failure::classify(&stderr, &self.host)
                .unwrap_or_else(|| failure::broken(&self.host, &stderr)));
        }
        if failure::is_input_read(&output.stderr_text()) {
            return Err(failure::input_read(&self.host));
        }
        self.let_in();
        Ok(output)
    }

    /// Returns the invocation of `ssh` for a script with arguments. With `input`, the standard input of the
    /// script must begin with [`FIRST_LINE`].
    ///
    /// # Errors
    /// An argument contains a NUL byte.
    pub fn command(
        &self,
        script: &str,
        arguments: &[&str],
        input: bool,
        limit: Duration,
    ) -> Result<Invocation, Problem> {
        Ok(self.invocation(&call::call(script, arguments, input)?, limit, Shared::Yes))
    }

    fn invocation(&self, call: &str, limit: Duration, shared: Shared) -> Invocation {
        let options = self.arguments("ControlMaster=no", shared);
        let ssh = Invocation { hears: Hears::Document(limits::DOCUMENT), ..Invocation::new("ssh", limit) };
        ssh.args(options).args(["-T", "--", &self.destination(), call])
    }

    fn arguments(&self, master: &str, shared: Shared) -> Vec<String> {
        let path = match shared {
            Shared::Yes => format!("ControlPath={}", self.socket.display()),
            Shared::No => "ControlPath=none".to_owned(),
        };
        let options = [path.as_str(), master].into_iter().chain(self.options.iter().map(String::as_str));
        options.flat_map(|option| ["-o".to_owned(), option.to_owned()]).collect()
    }

    fn destination(&self) -> String {
        format!("{}@{}", self.host.ssh.user, self.host.addr)
    }

    fn failed(&self, failure: Failure) -> Problem {
        let why = failure.to_string();
        match failure {
            Failure::Start(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Problem::new(Code::Usage, "this machine has no `ssh` program")
                    .help("install the OpenSSH client")
            }
            Failure::Start(error) => failure::broken(&self.host, &error.to_string()),
            Failure::TimedOut { .. } => Problem::new(Code::Unreachable, "the host did not answer in time")
                .at(&self.host.name)
                .because(why)
                .help(format!(
                    "inspect the host: ssh {}; if the host is only slow, increase hosts.{}.timeouts in the \
                     inventory",
                    self.destination(),
                    self.host.name
                )),
            Failure::TooMuch(_) => failure::bad_size(&self.host, "the host sends too much output", &why),
            Failure::TooSlow => failure::bad_size(&self.host, "the host answers too slowly", &why),
        }
    }
}

/// Returns the total number of bytes in the pieces.
fn length(pieces: &[Arc<[u8]>]) -> usize {
    pieces.iter().map(|piece| piece.len()).sum()
}

/// Puts [`FIRST_LINE`] before the input of a script, if there is any input.
fn marked(mut stdin: Vec<Arc<[u8]>>) -> Vec<Arc<[u8]>> {
    if !stdin.is_empty() {
        stdin.insert(0, FIRST_LINE.into());
    }
    stdin
}
