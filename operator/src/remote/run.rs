//! Runs a command of the user on a host and forwards its output as it arrives.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Child;
use tokio::sync::mpsc::Sender;

use super::login_shell::ran_nothing;
use super::{PRELUDE, sudo};
use crate::diagnostics::of_host;
use crate::event::{EventKind, Stream};
use crate::process::HELD;
use crate::process::limits::{COMMAND, HELD as HELD_BYTES, NOISE, SMALL};
use crate::ssh::{SSH_FAILED, Session, failure};

/// The longest piece of output that is forwarded as one line, in bytes.
const LINE_LIMIT: u64 = 64 << 10;
/// The prefix of the line that precedes the output of the command.
const MARK: &[u8] = b"@nixfleet";
/// The exit code of a command that exceeded its time limit, the same as that of `timeout`.
const GIVEN_UP: i32 = 124;
/// The time limit for killing a command on the host after it exceeded its own time limit.
const TO_END: Duration = Duration::from_secs(10);

/// A command to run on a host.
#[derive(Clone, Debug)]
pub struct RemoteCommand {
    /// The words of the command, which reach the host exactly as given.
    pub words: Vec<String>,
    /// Whether the command runs as root.
    pub sudo: bool,
    /// The time limit of the command.
    pub limit: Duration,
    /// Whether the output is stored as a whole instead of being forwarded line by line.
    pub keep: bool,
}

/// The result of a command on a host.
#[derive(Clone, Debug, Default)]
pub struct Finished {
    /// The exit code. After a signal it is 128 plus the number of the signal, as in shells.
    pub exit: i32,
    /// Standard output and standard error, if they are stored.
    pub output: [Vec<u8>; 2],
    /// The reason why the command was ended early.
    pub problem: Option<Problem>,
}

/// Runs a command, and sends each line of its output as an event as soon as it arrives, without the line
/// break. `input` is the standard input of the command.
///
/// # Errors
/// The host cannot be reached, the command was not started there, or its output cannot be read.
pub async fn run(
    session: &Session,
    command: &RemoteCommand,
    input: Option<Stdio>,
    events: &Sender<EventKind>,
) -> Result<Finished, Problem> {
    of_host(&session.host().name, run_there(session, command, input, events)).await
}

async fn run_there(
    session: &Session,
    command: &RemoteCommand,
    input: Option<Stdio>,
    events: &Sender<EventKind>,
) -> Result<Finished, Problem> {
    session.verify().await?;
    let host = session.host();
    let root = if command.sudo && host.ssh.user != "root" { "sudo" } else { "" };
    let arguments: Vec<&str> =
        std::iter::once(root).chain(command.words.iter().map(String::as_str)).collect();
    let script = include_str!("scripts/run.sh");
    let invocation = session.command(script, &arguments, input.is_some(), command.limit)?;
    let mut process = invocation.command();
    if let Some(input) = input {
        process.stdin(input);
    }
    let log = invocation.log();
    let mut child = process.spawn().map_err(|error| failure::broken(host, &error.to_string()))?;
    // This closes this process's copy of the input, so that the writer of the input notices when the command
    // stops reading.
    drop(process);
    let streams = [Stream::Stdout, Stream::Stderr];
    let [mut out, mut errors] =
        streams.map(|stream| StreamReader::new(&host.name, stream, command.keep, events));
    let finish = async {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        // If the host exceeds the limit of one stream, the other stream is not read to its end.
        tokio::try_join!(out.listen(stdout), errors.listen(stderr))?;
        child.wait().await
    };
    let ended = tokio::time::timeout(command.limit, finish).await;
    let Ok(ended) = ended else {
        let problem = give_up(session, &mut child, out.process(), root, command.limit).await;
        let output = [out.kept, errors.kept];
        return Ok(Finished { exit: GIVEN_UP, output, problem: Some(problem) });
    };
    let status = ended.map_err(|error| {
        Problem::new(Code::BadAnswer, "the output of the command cannot be read")
            .at(&host.name)
            .because(error)
    })?;
    log.ended(status);
    let exit = status.code().unwrap_or(SSH_FAILED);
    if exit == SSH_FAILED
        && let Some(problem) = failure::classify(&errors.last, host)
    {
        return Err(problem);
    }
    if !out.begun {
        return Err(not_begun(session, &out.noise, &errors.noise, exit));
    }
    Ok(Finished { exit, output: [out.kept, errors.kept], problem: None })
}

/// Kills a command that exceeded its time limit, and the `ssh` of this machine through which the command
/// runs.
async fn give_up(
    session: &Session,
    child: &mut Child,
    process: Option<String>,
    root: &str,
    limit: Duration,
) -> Problem {
    let ended = match &process {
        Some(process) => {
            let script = format!("{PRELUDE}\n{}", include_str!("scripts/kill.sh"));
            let ended = session.script(&script, &[process, root], Vec::new(), TO_END).await;
            ended.is_ok_and(|output| output.status.success())
        }
        None => false,
    };
    // Killing `ssh` closes the input and the output of the command.
    let _ = child.start_kill();
    let seconds = limit.as_secs();
    let s = if seconds == 1 { "" } else { "s" };
    let fate =
        if ended { "the command was killed on the host" } else { "the command may still run on the host" };
    Problem::new(Code::TimedOut, "the command did not end in time")
        .at(&session.host().name)
        .because(format!("the limit is {seconds} second{s}; {fate}"))
        .help("allow more time: --timeout SECONDS")
}

/// Returns the reason why the command was not started.
fn not_begun(session: &Session, out: &[u8], errors: &[u8], exit: i32) -> Problem {
    let host = session.host();
    let [out, errors] = [out, errors].map(|noise| String::from_utf8_lossy(noise).into_owned());
    if exit == SSH_FAILED {
        return failure::classify(&errors, host).unwrap_or_else(|| failure::broken(host, &errors));
    }
    if failure::is_input_read(&errors) {
        return failure::input_read(host);
    }
    let said = if errors.trim().is_empty() { &out } else { &errors };
    sudo::refused(&errors, host).unwrap_or_else(|| ran_nothing(host, said, Some(exit)))
}

/// A reader for one output stream of a command.
struct StreamReader<'a> {
    host: &'a str,
    stream: Stream,
    keep: bool,
    events: &'a Sender<EventKind>,
    /// Whether the output of the command has begun.
    begun: bool,
    /// The output that arrived before the output of the command, up to and including the `MARK` line.
    noise: Vec<u8>,
    /// The output of the command, if it is stored.
    kept: Vec<u8>,
    /// The last line, in which `ssh` reports why it failed.
    last: String,
}

impl<'a> StreamReader<'a> {
    fn new(host: &'a str, stream: Stream, keep: bool, events: &'a Sender<EventKind>) -> Self {
        let (noise, kept, last) = (Vec::new(), Vec::new(), String::new());
        Self { host, stream, keep, events, begun: false, noise, kept, last }
    }

    /// Returns the ID of the process on the host, which the `MARK` line contains.
    fn process(&self) -> Option<String> {
        let noise = self.noise.trim_ascii_end();
        let line = noise.rsplit(|byte| *byte == b'\n').next().filter(|_| self.begun)?;
        let process = line.strip_prefix(MARK)?.trim_ascii();
        let process = String::from_utf8_lossy(process).into_owned();
        (!process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit())).then_some(process)
    }

    /// Reads the stream to its end.
    async fn listen(&mut self, stream: Option<impl AsyncRead + Unpin>) -> io::Result<()> {
        let Some(stream) = stream else { return Ok(()) };
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            if (&mut reader).take(LINE_LIMIT).read_until(b'\n', &mut bytes).await? == 0 {
                return Ok(());
            }
            self.hear(&bytes).await?;
        }
    }

    /// Processes one line, or a piece of a long line.
    async fn hear(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.begun {
            if self.noise.len() > NOISE.bytes {
                return Err(io::Error::other(format!("more than {} MiB of {}", NOISE.bytes >> 20, NOISE.of)));
            }
            self.noise.extend(bytes);
            self.begun = bytes.starts_with(MARK);
            return Ok(());
        }
        let text = String::from_utf8_lossy(bytes).trim_end_matches(['\n', '\r']).to_owned();
        self.last.clone_from(&text);
        if self.keep {
            return self.keep(bytes);
        }
        let line = EventKind::Output { host: self.host.to_owned(), stream: self.stream, text };
        self.events.send(line).await.map_err(io::Error::other)
    }

    /// Stores output. Beyond the size of small output, memory is taken piece by piece from the budget that
    /// all hosts share.
    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        let before = self.kept.len();
        self.kept.extend(bytes);
        if self.kept.len() > COMMAND.bytes {
            return Err(io::Error::other(format!("more than {} MiB of {}", COMMAND.bytes >> 20, COMMAND.of)));
        }
        if before / SMALL < self.kept.len() / SMALL && !HELD.take(SMALL) {
            let why = format!("the large output of all hosts has more than {} MiB", HELD_BYTES >> 20);
            return Err(io::Error::other(why));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::channel;

    use super::*;

    async fn read_stream(output: &[u8], keep: bool) -> (Vec<String>, Vec<u8>, Option<String>) {
        let (sender, mut receiver) = channel(64);
        let mut reader = StreamReader::new("web-1", Stream::Stdout, keep, &sender);
        reader.listen(Some(output)).await.unwrap();
        let (kept, process) = (std::mem::take(&mut reader.kept), reader.process());
        drop(sender);
        let mut lines = Vec::new();
        while let Some(kind) = receiver.recv().await {
            if let EventKind::Output { text, .. } = kind {
                lines.push(text);
            }
        }
        (lines, kept, process)
    }

    #[tokio::test]
    async fn the_output_begins_after_the_mark() {
        let output = b"Welcome\nno newline\n@nixfleet 612\none\n@nixfleet 7\ntwo";
        let (lines, _, process) = read_stream(output, false).await;
        assert_eq!(lines, ["one", "@nixfleet 7", "two"]);
        assert_eq!(process.as_deref(), Some("612"));
        let (lines, kept, process) = read_stream(b"This account is not available\n", true).await;
        assert_eq!((lines.len(), kept.len(), process), (0, 0, None));
    }

    #[tokio::test]
    async fn noise_and_output_that_is_kept_have_an_end() {
        let (sender, _receiver) = channel(1);
        for (begin, limit) in [("", NOISE), ("@nixfleet 1\n", COMMAND)] {
            let mut reader = StreamReader::new("web-1", Stream::Stdout, true, &sender);
            let endless = begin.as_bytes().chain(tokio::io::repeat(b'x'));
            let error = reader.listen(Some(endless)).await.unwrap_err().to_string();
            assert!(error.contains(limit.of), "{error}");
            let most = limit.bytes + usize::try_from(LINE_LIMIT).unwrap() + 1;
            assert!(reader.kept.len().max(reader.noise.len()) <= most, "{}", limit.of);
        }
    }

    #[tokio::test]
    async fn output_that_is_kept_is_kept_to_the_byte() {
        let long = [vec![b'x'; 200 << 10], vec![0, 255, b'\n', b'\r']].concat();
        let output = [b"\n@nixfleet 1\n".to_vec(), long.clone()].concat();
        assert_eq!(read_stream(&output, true).await.1, long);
    }
}
