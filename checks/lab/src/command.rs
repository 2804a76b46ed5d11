//! Runs programs. Arguments are a list, input is bytes, and every program has a time limit unless
//! [`Program::unlimited`] removes the limit.

use std::ffi::OsStr;
use std::fmt;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nixfleet_contract::backoff::Backoff;

/// The factor by which every time limit is multiplied. The limits in the code are chosen for an idle machine.
/// They exist only to stop programs that hang, so no step of the suite may reach its limit because the
/// machine is busy.
pub const PATIENCE: u32 = 5;

/// The words that are put before a command to lower its priority, if the results of other programs are more
/// urgent. The command then gets the processor time that other programs leave, and a little more. At the
/// lowest priority, the command would make almost no progress beside two programs that are always busy.
pub const PATIENTLY: [&str; 3] = ["nice", "-n", "5"];

/// The default time limit of a program.
const MINUTE: Duration = Duration::from_secs(60);
/// The time limit for reading the remaining output after a program has ended.
const DRAIN: Duration = Duration::from_secs(5);

/// Returns a limit multiplied by [`PATIENCE`].
const fn stretched(limit: Duration) -> Duration {
    limit.saturating_mul(PATIENCE)
}

/// The result of a program: its exit code and its output.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The command line, for messages.
    pub command: String,
    /// The exit code of the program, or 128 + the signal number if a signal ended it.
    pub code: i32,
    /// The text on standard output.
    pub stdout: String,
    /// The text on standard error.
    pub stderr: String,
    /// The duration of the run.
    pub took: Duration,
}

impl Finished {
    /// Whether the exit code is 0.
    #[must_use]
    pub const fn ok(&self) -> bool {
        self.code == 0
    }

    /// Returns this result if the exit code is 0.
    ///
    /// # Errors
    /// The exit code is not 0. The message contains the output of the program.
    pub fn success(self) -> Result<Self> {
        if self.ok() { Ok(self) } else { bail!("{self}") }
    }

    /// Returns the standard output without trailing whitespace.
    #[must_use]
    pub fn line(&self) -> &str {
        self.stdout.trim_end()
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ended with exit code {}", self.command, self.code)?;
        for (name, text) in [("standard output", &self.stdout), ("standard error", &self.stderr)] {
            if !text.trim().is_empty() {
                write!(f, "\n--- {name}\n{}", text.trim_end())?;
            }
        }
        Ok(())
    }
}

/// A program to run.
#[derive(Debug)]
pub struct Program {
    command: Command,
    name: Option<String>,
    input: Option<Vec<u8>>,
    limit: Duration,
}

impl Program {
    /// Creates a program without arguments or input, with a limit of one minute times [`PATIENCE`].
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self { command: Command::new(program), name: None, input: None, limit: stretched(MINUTE) }
    }

    /// Creates a program that runs at a lower priority, see [`PATIENTLY`].
    #[must_use]
    pub fn patient(program: impl AsRef<OsStr>) -> Self {
        let [first, rest @ ..] = PATIENTLY;
        Self::new(first).args(rest).arg(program)
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes an environment variable.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Clears the environment.
    #[must_use]
    pub fn clean_env(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// Sets the directory in which the program runs.
    #[must_use]
    pub fn dir(mut self, dir: impl AsRef<std::path::Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Passes bytes to the program on standard input.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Sets the name for messages, which is the command line by default.
    #[must_use]
    pub fn called(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the time limit, which is multiplied by [`PATIENCE`].
    #[must_use]
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.limit = stretched(limit);
        self
    }

    /// Removes the time limit. This is for compilers. A compiler always makes progress, but its speed depends
    /// on the machine and on the machine's other work.
    #[must_use]
    pub const fn unlimited(mut self) -> Self {
        self.limit = Duration::MAX;
        self
    }

    /// Runs the program to its end and collects its output.
    ///
    /// # Errors
    /// The program cannot be started, or exceeds its time limit. An exit code other than 0 is not an error
    /// here.
    pub fn run(mut self) -> Result<Finished> {
        let shown = self.shown();
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        let begun = Instant::now();
        let mut child = self.command.spawn().with_context(|| format!("Failed to start `{shown}`"))?;
        if let (Some(bytes), Some(mut pipe)) = (self.input.take(), child.stdin.take()) {
            // It is not an error if the program does not read its input.
            thread::spawn(move || pipe.write_all(&bytes).ok());
        }
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        let status = wait(&mut child, begun.checked_add(self.limit));
        let finished = Finished {
            command: shown,
            code: status.map_or(-1, code),
            stdout: text(&stdout),
            stderr: text(&stderr),
            took: begun.elapsed(),
        };
        if status.is_none() {
            bail!("`{}` did not end within {:?}\n{finished}", finished.command, self.limit);
        }
        Ok(finished)
    }

    /// Runs the program to its end on this process's terminal and returns its exit code.
    ///
    /// # Errors
    /// The program cannot be started, or exceeds its time limit.
    pub fn run_here(mut self) -> Result<i32> {
        let shown = self.shown();
        let mut child = self.command.spawn().with_context(|| format!("Failed to start `{shown}`"))?;
        match wait(&mut child, Instant::now().checked_add(self.limit)) {
            Some(status) => Ok(code(status)),
            None => bail!("`{shown}` did not end within {:?}", self.limit),
        }
    }

    fn shown(&self) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    /// Returns the command, for a caller that starts the program itself and leaves it running.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command
    }
}

/// Waits for a child process to end, and kills it at the deadline. Without a deadline, waits forever.
fn wait(child: &mut Child, deadline: Option<Instant>) -> Option<ExitStatus> {
    let mut backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(20));
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            child.kill().ok();
            child.wait().ok();
            return None;
        }
        thread::sleep(backoff.pause());
    }
}

fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

fn collect(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            stream.read_to_end(&mut bytes).ok();
        }
        sender.send(bytes).ok();
    });
    receiver
}

/// Returns the collected output as text. If another process still has the pipe open after the program has
/// ended, this returns an empty text after a time limit.
fn text(bytes: &Receiver<Vec<u8>>) -> String {
    let bytes = bytes.recv_timeout(stretched(DRAIN)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits until `condition` is true, and checks it every few milliseconds.
///
/// # Errors
/// The condition cannot be checked, or is still false after `limit` times [`PATIENCE`].
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let limit = stretched(limit);
    let deadline = Instant::now() + limit;
    let mut backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(200));
    while !condition().with_context(|| format!("Failed to see whether {what}"))? {
        if Instant::now() > deadline {
            bail!("Waited {limit:?} in vain until {what}");
        }
        thread::sleep(backoff.pause());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_ends_what_hangs_and_leaves_time_to_a_busy_machine() {
        let limit = Duration::from_millis(200);
        let slow = Program::new("sleep").arg("0.6").limit(limit).run().unwrap();
        assert!(slow.ok() && slow.took > limit, "{slow}");
        let error = Program::new("sleep").arg("600").limit(Duration::from_millis(10)).run().unwrap_err();
        assert!(error.to_string().contains("did not end within 50ms"), "{error}");
        assert!(Program::new("true").unlimited().run().unwrap().ok());

        let begun = Instant::now();
        wait_until("a moment has passed", limit, || Ok(begun.elapsed() > limit * 2)).unwrap();
        let error = wait_until("never", Duration::from_millis(10), || Ok(false)).unwrap_err();
        assert_eq!(error.to_string(), "Waited 50ms in vain until never");
    }
}
