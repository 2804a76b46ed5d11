//! Runs host tools without a shell, with a clean environment, limited output and a time limit.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use nixfleet_contract::backoff::Backoff;
use rustix::fs::CWD;
use rustix::process::{Pid, Signal, kill_process_group};
use tracing::debug;

use super::fault::{self, FaultPoint, FaultSubject};

/// Directories that may contain host tools. [`path`] omits directories in which a user other than root can
/// create programs.
const PATH: [&str; 7] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    // The directory of the tools on a NixOS host.
    "/run/current-system/sw/bin",
];

/// Tools whose arguments may be logged, since NixFleet passes only names to them and never a secret.
const OPEN: [&str; 5] = ["systemctl", "systemd-analyze", "getent", "sshd", "visudo"];

/// The maximum number of bytes that are kept of each output stream of a tool. This is enough for
/// `systemctl show` with thousands of units.
const LIMIT: u64 = 4 * 1024 * 1024;

/// The time to wait for further output after a tool has ended, since a child process of the tool may keep the
/// pipe open.
const DRAIN: Duration = Duration::from_millis(500);

/// The result of a tool that has ended.
#[derive(Debug)]
pub struct Finished {
    /// The exit status, or `None` if the tool was killed because of the time limit or a cancellation.
    pub status: Option<ExitStatus>,
    /// Standard output, at most [`LIMIT`] bytes.
    pub stdout: String,
    /// Standard error, at most [`LIMIT`] bytes.
    pub stderr: String,
}

impl Finished {
    /// Whether the tool ended with exit code 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// Describes how the tool failed: its exit code or signal, followed by a colon and its messages, if it
    /// wrote any. `tell` can modify the messages. Returns `None` if the tool was killed because of the time
    /// limit or a cancellation.
    #[must_use]
    pub fn failure(&self, tell: impl FnOnce(String) -> String) -> Option<String> {
        let status = self.status?;
        let how = status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"));
        let is_silent = self.stderr.trim().is_empty() && self.stdout.trim().is_empty();
        Some(if is_silent { how } else { format!("{how}: {}", tell(self.why())) })
    }

    /// Describes why the tool failed: the last lines that it wrote or, if it wrote nothing, its exit status.
    /// At most ten lines are returned, and long lines are cut.
    #[must_use]
    pub fn why(&self) -> String {
        let spoken = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        self.why_of(&[spoken])
    }

    /// Like [`Self::why`], but with the last lines of both streams, standard output first. This is for a tool
    /// that runs scripts, because a script may write to either stream.
    #[must_use]
    pub fn why_of_both(&self) -> String {
        self.why_of(&[&self.stdout, &self.stderr])
    }

    fn why_of(&self, streams: &[&str]) -> String {
        let short = |line: &str| line.chars().take(300).collect::<String>();
        let last = |text: &&str| {
            let lines: Vec<String> = text.trim().lines().rev().take(10).map(short).collect();
            lines.into_iter().rev()
        };
        let words: Vec<String> = streams.iter().flat_map(last).collect();
        match self.status {
            None => "it took too long and was killed".to_owned(),
            Some(status) if words.is_empty() => format!("it ended with {status} and no message"),
            Some(_) => words.join("\n"),
        }
    }
}

/// Returns the `PATH` for host tools. The tools run as root, so directories to which anyone else can write
/// are omitted. On some hosts, for example, a group can write to `/usr/local/bin`.
#[must_use]
pub fn path() -> &'static str {
    static SAFE: OnceLock<String> = OnceLock::new();
    SAFE.get_or_init(|| {
        let is_roots = |directory: &&&str| {
            fs::metadata(directory).is_ok_and(|found| found.uid() == 0 && found.mode() & 0o022 == 0)
        };
        PATH.iter().filter(is_roots).copied().collect::<Vec<_>>().join(":")
    })
}

/// Runs a tool and waits for it.
///
/// # Errors
/// The tool could not be started.
pub fn run<S: AsRef<OsStr>>(argv: &[S], limit: Duration) -> io::Result<Finished> {
    run_to_end(argv, None, limit, path(), &[], &|| false)
}

/// Runs a tool with further variables in its environment, and waits for it. If `is_off` returns true while
/// the tool runs, the tool is killed.
///
/// # Errors
/// The tool could not be started.
pub fn run_in<S: AsRef<OsStr>>(
    environment: &[(&str, &str)],
    argv: &[S],
    limit: Duration,
    is_off: &dyn Fn() -> bool,
) -> io::Result<Finished> {
    run_to_end(argv, None, limit, path(), environment, is_off)
}

/// Runs a tool with an input and waits for it.
///
/// # Errors
/// The tool could not be started.
pub fn run_with<S: AsRef<OsStr>>(argv: &[S], input: Vec<u8>, limit: Duration) -> io::Result<Finished> {
    run_to_end(argv, Some(input), limit, path(), &[], &|| false)
}

/// Runs a program from the directories in `path` and waits for it. If `is_off` returns true while the program
/// runs, the program is killed.
///
/// # Errors
/// The program could not be started.
pub fn run_from<S: AsRef<OsStr>>(
    path: &str,
    argv: &[S],
    limit: Duration,
    is_off: impl Fn() -> bool,
) -> io::Result<Finished> {
    run_to_end(argv, None, limit, path, &[], &is_off)
}

/// The receiver of an output stream of a tool.
type Output = Option<Receiver<Vec<u8>>>;

/// Runs a tool and waits for it. If the time limit passes or `is_off` returns true, the tool is killed along
/// with all processes of its process group.
fn run_to_end<S: AsRef<OsStr>>(
    argv: &[S],
    input: Option<Vec<u8>>,
    limit: Duration,
    path: &str,
    environment: &[(&str, &str)],
    is_off: &dyn Fn() -> bool,
) -> io::Result<Finished> {
    let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    fault::point(FaultPoint::Run, &[FaultSubject::In(CWD, program.as_ref().as_ref())])?;
    #[expect(clippy::disallowed_methods, reason = "this is the module that may")]
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C.UTF-8")
        .envs(environment.iter().copied())
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let (stdout, stderr) = match attend(&mut child, input) {
        Ok(receivers) => receivers,
        Err(error) => {
            end(&mut child)?;
            child.wait()?;
            return Err(error);
        }
    };
    let began = Instant::now();
    let deadline = began + limit;
    // The first pauses are short, since most tools end within a few milliseconds.
    let mut backoff = Backoff::new(Duration::from_micros(500), Duration::from_millis(20));
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if Instant::now() >= deadline || is_off() {
            end(&mut child)?;
            child.wait()?;
            break None;
        }
        thread::sleep(backoff.pause());
    };
    debug!(
        target: "nixfleet::process",
        command = %Shown(argv),
        duration_ms = began.elapsed().as_millis(),
        end = %status.map_or_else(|| "ended by us".to_owned(), |status| status.to_string()),
        "process ended"
    );
    Ok(Finished { status, stdout: collect(stdout), stderr: collect(stderr) })
}

/// A command, formatted for log messages. Arguments are shown only for the tools in [`OPEN`], since the
/// arguments of other programs come from the fleet and may be secret.
struct Shown<'a, S>(&'a [S]);

impl<S: AsRef<OsStr>> fmt::Display for Shown<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((program, arguments)) = self.0.split_first() else { return Ok(()) };
        write!(f, "{}", program.as_ref().display())?;
        if OPEN.iter().any(|open| program.as_ref() == *open) {
            return arguments.iter().try_for_each(|argument| write!(f, " {}", argument.as_ref().display()));
        }
        if arguments.is_empty() { Ok(()) } else { f.write_str(" …") }
    }
}

/// Starts threads that write the input of a tool and read its output. Returns the receivers of its standard
/// output and standard error.
///
/// # Errors
/// A thread could not be started.
fn attend(child: &mut Child, input: Option<Vec<u8>>) -> io::Result<(Output, Output)> {
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // Ignore errors: a tool that does not read its whole input reports the reason itself.
        thread::Builder::new().spawn(move || stdin.write_all(&input))?;
    }
    Ok((child.stdout.take().map(drain).transpose()?, child.stderr.take().map(drain).transpose()?))
}

/// Kills a tool and the processes that it has started.
fn end(child: &mut Child) -> io::Result<()> {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    // The tool itself must be killed even if its process group cannot be.
    let _ = group.map(|group| kill_process_group(group, Signal::KILL));
    child.kill()
}

fn drain(mut stream: impl Read + Send + 'static) -> io::Result<Receiver<Vec<u8>>> {
    let (sender, receiver) = channel();
    thread::Builder::new().spawn(move || {
        let mut kept = Vec::new();
        // Ignore errors: the output up to a read error is still useful.
        let _ = stream.by_ref().take(LIMIT).read_to_end(&mut kept);
        let _ = sender.send(kept);
        let _ = io::copy(&mut stream, &mut io::sink());
    })?;
    Ok(receiver)
}

fn collect(receiver: Output) -> String {
    let bytes = receiver.and_then(|receiver| receiver.recv_timeout(DRAIN).ok()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_takes_too_long_is_ended() {
        let finished = run(&["sleep", "60"], Duration::from_millis(50)).unwrap();
        assert!(!finished.success());
        assert_eq!(finished.why(), "it took too long and was killed");
    }

    #[test]
    fn output_and_the_way_it_ended_are_kept() {
        let finished = run(&["sh", "-c", "echo out; echo err >&2; exit 3"], Duration::from_secs(10)).unwrap();
        assert_eq!((finished.stdout.as_str(), finished.why().as_str()), ("out\n", "err"));
        assert_eq!(finished.status.and_then(|status| status.code()), Some(3));
        assert!(run(&["/nonexistent/tool"], Duration::from_secs(1)).is_err());
    }

    #[test]
    fn arguments_that_may_be_secret_are_not_shown() {
        let shown = |argv: &[&str]| Shown(argv).to_string();
        assert_eq!(shown(&["systemctl", "show", "--", "a.service"]), "systemctl show -- a.service");
        assert_eq!(shown(&["/opt/check", "--password", "hunter2"]), "/opt/check …");
        // A program in another directory may be anything, even if it has the name of a host tool. So its
        // arguments are hidden.
        assert_eq!(shown(&["/opt/systemctl", "hunter2"]), "/opt/systemctl …");
        assert_eq!(shown(&["curl", "--header", "Authorization: hunter2"]), "curl …");
        assert_eq!(shown(&["true"]), "true");
    }
}
