//! Runs other programs. This is the only module that does so. Each program has limits on its time and output,
//! and its input is written while its output is read.

mod argv;
mod conversation;
mod large;
mod last_line;
pub mod limits;
mod log;
mod memory;
mod output;
mod reading;
mod running;
mod streams;

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::process::Command;
use tokio::sync::mpsc::UnboundedSender;

pub use conversation::Ends;
pub use large::HELD;
pub use log::ProcessLog;
pub use memory::{PeakMemory, available_memory};
pub use output::Output;
pub use reading::Hears;
pub use running::{Drained, OwnedProcess, Running};
pub use streams::Theirs;

use argv::Argv;
use large::LARGE;
use last_line::LastLine;
use limits::Limit;
use reading::Taken;
use streams::streams;

/// The interval for checking how much a program has written into a file.
const LOOK: Duration = Duration::from_millis(50);

/// The maximum number of open files, if the system allows as many. A conversation with a host takes four open
/// files, and seven while it starts. The number is not higher, because some programs iterate over all file
/// descriptors that they may have open.
const FILES: u64 = 16 << 10;

/// Raises the limit on open files, which most logins set low.
pub fn allow_files() {
    let limits = getrlimit(Resource::Nofile);
    let target = limits.maximum.map_or(FILES, |most| most.min(FILES));
    if limits.current.is_some_and(|current| current < target) {
        // If the limit cannot be raised, programs for some hosts may fail to start, which is reported for
        // those hosts.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(target), ..limits });
    }
}

/// A program to run, with its input and its limits.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The name of the program, which is searched for in `PATH`.
    pub program: Cow<'static, str>,
    /// The arguments of the program.
    pub args: Vec<OsString>,
    /// The pieces of standard input, in order. Several programs may share a piece.
    pub stdin: Vec<Arc<[u8]>>,
    /// The time limit of the program.
    pub limit: Duration,
    /// The output to read from the program.
    pub hears: Hears,
    /// Receives each line of a local program's standard error as it arrives. The result contains all of
    /// standard error as well.
    pub errors: Option<UnboundedSender<Vec<u8>>>,
    /// Receives the largest amount of memory that a local program uses.
    pub memory: Option<PeakMemory>,
}

impl Invocation {
    /// Creates an invocation without arguments or input.
    pub fn new(program: impl Into<Cow<'static, str>>, limit: Duration) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            stdin: Vec::new(),
            limit,
            hears: Hears::Ours,
            errors: None,
            memory: None,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets the pieces of standard input.
    #[must_use]
    pub fn stdin(mut self, pieces: Vec<Arc<[u8]>>) -> Self {
        self.stdin = pieces;
        self
    }

    /// Returns the command, which runs in a separate process group. A Ctrl-C of the user therefore reaches
    /// only NixFleet, which decides whether the command ends. Dropping the handle of the child process kills
    /// the process.
    #[must_use]
    pub fn command(&self) -> Command {
        #[expect(clippy::disallowed_methods, reason = "this is the module that may")]
        let mut command = Command::new(&*self.program);
        command
            .args(&self.args)
            .stdin(if self.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }

    /// Starts the program with these standard streams.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn spawn(&self, streams: Theirs) -> io::Result<OwnedProcess> {
        let mut command = self.command();
        command.stdin(streams.stdin).stdout(streams.stdout).stderr(streams.stderr);
        let log = self.log();
        match command.spawn() {
            Ok(child) => Ok(OwnedProcess::new(child, log)),
            Err(error) => {
                log.failed(&error);
                Err(error)
            }
        }
    }

    /// Creates the diagnostic record of the program, which is about to be started.
    #[must_use]
    pub fn log(&self) -> ProcessLog {
        ProcessLog::begin(Argv { program: &self.program, arguments: &self.args })
    }

    /// Runs the program to its end.
    ///
    /// # Errors
    /// The program cannot be started, exceeds its time limit, or writes more than the limit of its output.
    pub async fn run(self) -> Result<Output, Failure> {
        let memory = self.memory.clone();
        let running = Running::start(!self.stdin.is_empty(), |streams, drained| {
            let program = self.spawn(streams)?;
            Ok(async move {
                let (id, end) = (program.id(), program.end_after_output(drained));
                match memory {
                    Some(memory) => memory.watch(id, end).await,
                    None => end.await,
                }
            })
        })?;
        self.attend(running).await
    }

    /// Runs a program that leaves a background process behind, and waits for the end of the program itself.
    /// The background process may keep standard error open, so standard error is written to a file instead of
    /// a pipe. Standard output is discarded.
    ///
    /// # Errors
    /// As for [`Self::run`].
    pub async fn detach(self) -> Result<Output, Failure> {
        let (theirs, ours) = streams(!self.stdin.is_empty()).map_err(Failure::Start)?;
        let mut errors = tempfile::tempfile().map_err(Failure::Start)?;
        let stderr = errors.try_clone().map_err(Failure::Start)?.into();
        let stdout = File::create("/dev/null").map_err(Failure::Start)?.into();
        let end = self.spawn(Theirs { stdout, stderr, ..theirs }).map_err(Failure::Start)?.end();
        let stdin = ours.stdin.map(Sender::from_owned_fd).transpose().map_err(Failure::Start)?;
        let both = async { tokio::join!(feed(stdin, &self.stdin), end) };
        let finish = async {
            tokio::select! {
                ((), status) = both => status.map_err(Failure::Start),
                failure = filled(&errors) => Err(failure),
            }
        };
        let status = within(self.limit, &LastLine::default(), finish).await?;
        let mut stderr = Vec::new();
        let most = limits::END_OF_ERRORS as u64;
        let read = errors.rewind().and_then(|()| errors.take(most).read_to_end(&mut stderr));
        read.map_err(Failure::Start)?;
        Ok(Output { status, stdout: Vec::new(), stderr })
    }

    /// Writes the input of a running program, and reads its output to the end. The program name and the
    /// arguments of this invocation are not used, because the program has already been started.
    ///
    /// # Errors
    /// As for [`Self::run`].
    pub async fn attend(self, running: Running) -> Result<Output, Failure> {
        let Running { ours, draining, end } = running;
        let stdin = ours.stdin.map(Sender::from_owned_fd).transpose().map_err(Failure::Start)?;
        let stdout = Receiver::from_owned_fd(ours.stdout).map_err(Failure::Start)?;
        let stderr = Receiver::from_owned_fd(ours.stderr).map_err(Failure::Start)?;
        let Self { hears, errors, limit, stdin: input, .. } = self;
        let last = LastLine::default();
        let finish = async {
            let talk = async {
                let write = async {
                    feed(stdin, &input).await;
                    Ok(())
                };
                let errors = hears.errors(stderr, errors, &last);
                let read = tokio::try_join!(write, hears.clone().output(stdout), errors);
                drop(draining);
                read
            };
            // If the output exceeds its limit, the end of the program is not awaited.
            let ended = async { end.await.map_err(Failure::Start) };
            let (((), stdout, stderr), status) = tokio::try_join!(talk, ended)?;
            let Taken { bytes: stdout, .. } = stdout;
            Ok(Output { status, stdout, stderr })
        };
        within(limit, &last, finish).await
    }
}

/// Returns the result of `work`, or a failure if `work` exceeds the time limit.
async fn within<T>(
    limit: Duration,
    last: &LastLine,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let timed_out = |_| Err(Failure::TimedOut { limit, last_line: last.text() });
    tokio::time::timeout(limit, work).await.unwrap_or_else(timed_out)
}

/// Writes all pieces of standard input, then closes the pipe.
async fn feed(stdin: Option<impl AsyncWrite + Unpin>, pieces: &[Arc<[u8]>]) {
    let Some(mut pipe) = stdin else { return };
    for piece in pieces {
        // Writing fails if the program ends without reading all its input. The exit code of the program then
        // tells more than this error.
        let _ = pipe.write_all(piece).await;
    }
}

/// Waits until a file exceeds the limit for standard error, and returns the failure to report.
async fn filled(errors: &File) -> Failure {
    loop {
        tokio::time::sleep(LOOK).await;
        match errors.metadata() {
            Ok(found) if found.len() <= limits::ERRORS.bytes as u64 => {}
            Ok(_) => return Failure::TooMuch(limits::ERRORS),
            Err(error) => return Failure::Start(error),
        }
    }
}

/// The reason why a program has no result.
#[derive(Debug)]
pub enum Failure {
    /// The program could not be started or waited for.
    Start(io::Error),
    /// The program exceeded its time limit.
    TimedOut {
        /// The time limit of the program.
        limit: Duration,
        /// The last line of standard error, if the program wrote one.
        last_line: Option<String>,
    },
    /// The output exceeded this limit.
    TooMuch(Limit),
    /// A host sent a large answer too slowly while other hosts waited to send large answers.
    TooSlow,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Start(error) => write!(f, "{error}"),
            Self::TimedOut { limit, last_line: None } => {
                write!(f, "it did not end within {} seconds", limit.as_secs())
            }
            Self::TimedOut { limit, last_line: Some(line) } => {
                write!(f, "it did not end within {} seconds; its last line was: {line}", limit.as_secs())
            }
            Self::TooMuch(Limit { of, bytes }) => write!(f, "more than {} MiB of {of}", bytes >> 20),
            Self::TooSlow => write!(
                f,
                "more than {} MiB arrived at less than {} KiB per second, while other hosts waited",
                limits::SMALL >> 20,
                limits::RATE >> 10
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Invocation {
        Invocation::new("sh", limit).args(["-c", script])
    }

    #[tokio::test]
    async fn large_input_and_output_pass_at_the_same_time() {
        let input = vec![b'x'; 3 << 20];
        let output =
            shell("cat", Duration::from_secs(20)).stdin(vec![input.clone().into()]).run().await.unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout, input);
    }

    #[tokio::test]
    async fn a_program_that_never_ends_is_given_up() {
        let error = shell("sleep 60", Duration::from_millis(50)).run().await.unwrap_err();
        assert!(matches!(error, Failure::TimedOut { .. }));
    }

    #[tokio::test]
    async fn what_a_program_has_started_is_given_up_with_it_and_behind_it() {
        for then in ["sleep 60", "exit 0"] {
            let directory = tempfile::tempdir().unwrap();
            let mark = directory.path().join("mark");
            let script = format!("(sleep 1; touch {}) & {then}", mark.display());
            assert!(shell(&script, Duration::from_millis(300)).run().await.is_err());
            tokio::time::sleep(Duration::from_millis(1500)).await;
            assert!(!mark.exists(), "{then}");
        }
    }

    #[tokio::test]
    async fn a_program_that_never_stops_talking_is_given_up() {
        let error = shell("exec cat /dev/zero", Duration::from_secs(60)).run().await.unwrap_err();
        assert!(matches!(error, Failure::TooMuch(limits::OURS)));
    }

    #[tokio::test]
    async fn a_program_that_ignores_its_input_still_ends() {
        let output = shell("exit 3", Duration::from_secs(20))
            .stdin(vec![vec![0; 3 << 20].into()])
            .run()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(3));
    }

    #[tokio::test]
    async fn errors_are_passed_on_as_they_come_and_kept() {
        let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
        let invocation = Invocation {
            errors: Some(sender),
            ..shell("echo one >&2; read word; echo $word >&2; exit 1", Duration::from_secs(20))
        };
        let output = invocation.stdin(vec![b"two\n".as_slice().into()]).run().await.unwrap();
        assert_eq!(output.stderr_text(), "one\ntwo\n");
        let mut passed_on = Vec::new();
        while let Some(line) = lines.recv().await {
            passed_on.extend(line);
        }
        assert_eq!(passed_on, output.stderr);
    }

    #[tokio::test]
    async fn what_goes_to_a_file_is_no_longer_than_what_is_read() {
        let error = shell("exec cat /dev/zero >&2", Duration::from_secs(60)).detach().await.unwrap_err();
        assert!(matches!(error, Failure::TooMuch(limits::ERRORS)));
    }

    #[tokio::test]
    async fn a_process_left_behind_holds_nobody_up() {
        let script = "echo trouble >&2; sleep 10 & exit 255";
        let output = shell(script, Duration::from_secs(5)).detach().await.unwrap();
        assert_eq!((output.status.code(), output.stderr_text().as_str()), (Some(255), "trouble\n"));
    }
}
