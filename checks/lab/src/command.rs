//! The one runner of programs: arguments as a list, input and output as bytes, and always a time limit.

use std::ffi::OsStr;
use std::fmt;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Limits are written for a machine that has nothing else to do, and each counts this many times: a limit
/// exists only to end what hangs, and no step of the suite may fail because the machine is busy.
pub const PATIENCE: u32 = 5;

/// Words before a command that others wait for less than for anything else: it gets what they leave, and
/// enough to get on. The lowest priority of all gets next to nothing beside two programs that never rest.
pub const PATIENTLY: [&str; 3] = ["nice", "-n", "5"];

/// The limit of a program of which nobody says anything else.
const MINUTE: Duration = Duration::from_secs(60);
/// How long output may still come once a program has ended.
const DRAIN: Duration = Duration::from_secs(5);

/// How long a limit really is.
const fn stretched(limit: Duration) -> Duration {
    limit.saturating_mul(PATIENCE)
}

/// How a program ended, and what it wrote.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The command line, for messages.
    pub command: String,
    /// Its exit code; 128 + the signal where a signal ended it.
    pub code: i32,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Finished {
    /// Whether the exit code is 0.
    #[must_use]
    pub const fn ok(&self) -> bool {
        self.code == 0
    }

    /// Itself, if the exit code is 0.
    ///
    /// # Errors
    /// Any other exit code, with everything the program wrote.
    pub fn success(self) -> Result<Self> {
        if self.ok() { Ok(self) } else { bail!("{self}") }
    }

    /// Standard output without the line end.
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
    /// `program` without arguments, with a limit of one minute, [`PATIENCE`] times, and no input.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self { command: Command::new(program), name: None, input: None, limit: stretched(MINUTE) }
    }

    /// The same, [`PATIENTLY`].
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

    /// Starts with nothing in the environment.
    #[must_use]
    pub fn clean_env(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// Runs in another directory.
    #[must_use]
    pub fn dir(mut self, dir: impl AsRef<std::path::Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Gives it bytes on standard input.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// What messages call it; its command line otherwise.
    #[must_use]
    pub fn called(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Ends it after this long, [`PATIENCE`] times.
    #[must_use]
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.limit = stretched(limit);
        self
    }

    /// Never ends it: what compiles makes progress, and how fast is for the machine and its other work to
    /// say.
    #[must_use]
    pub const fn unlimited(mut self) -> Self {
        self.limit = Duration::MAX;
        self
    }

    /// Runs it to its end and collects what it writes.
    ///
    /// # Errors
    /// It cannot be started, or the time limit passes. An exit code other than 0 is no error here.
    pub fn run(mut self) -> Result<Finished> {
        let shown = self.shown();
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        let begun = Instant::now();
        let mut child = self.command.spawn().with_context(|| format!("Failed to start `{shown}`"))?;
        if let (Some(bytes), Some(mut pipe)) = (self.input.take(), child.stdin.take()) {
            // A program that does not read its input is no failure of ours.
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

    /// Runs it to its end on our own terminal and returns its exit code.
    ///
    /// # Errors
    /// It cannot be started, or the time limit passes.
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

    /// The command, to be spawned by someone who keeps it running.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command
    }
}

/// Without a deadline it waits for ever.
fn wait(child: &mut Child, deadline: Option<Instant>) -> Option<ExitStatus> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            child.kill().ok();
            child.wait().ok();
            return None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
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

/// What was collected. A grandchild that keeps the pipe open after the program's end is not waited for.
fn text(bytes: &Receiver<Vec<u8>>) -> String {
    let bytes = bytes.recv_timeout(stretched(DRAIN)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits until `condition` holds, looking again every few milliseconds.
///
/// # Errors
/// The condition cannot be judged, or does not hold within `limit`, [`PATIENCE`] times.
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let limit = stretched(limit);
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(5);
    while !condition().with_context(|| format!("Failed to see whether {what}"))? {
        if Instant::now() > deadline {
            bail!("Waited {limit:?} in vain until {what}");
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(100));
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
