//! Runs a command of the user on a host and hands on its output line by line.

use std::time::Duration;

use nixfleet_activate::problem::{Code, Problem};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::sync::mpsc::Sender;

use crate::event::{Happening, Stream};
use crate::process::OUTPUT_LIMIT;
use crate::ssh::{SSH_FAILED, Session, failure};

/// The longest piece that is handed on as one line, in bytes.
const LINE_LIMIT: u64 = 64 << 10;

/// How a command ended.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// Its exit code; 128 and the signal where a signal ended it, as shells have it.
    pub exit: i32,
}

/// Makes the packages of the profile known, then runs the words it is given. That there is no such command is said in words
/// of our own: the shell would say it of this script, which nobody has typed.
const SCRIPT: &str = r#"
export PATH="/nix/var/nix/profiles/nixfleet/system/sw/bin:$PATH"
command -v -- "$1" >/dev/null || { printf '%s: command not found\n' "$1" >&2; exit 127; }
exec "$@"
"#;

/// Runs a command, and tells each line of its output, without its end, as the host sends it. Its words arrive on the host
/// exactly as given; `sudo` makes it run as root.
///
/// # Errors
/// The host cannot be reached, the limit passes, or the output does not end.
pub async fn run(
    session: &Session,
    words: &[String],
    sudo: bool,
    limit: Duration,
    told: &Sender<Happening>,
) -> Result<Finished, Problem> {
    session.verify().await?;
    let host = session.host();
    // The path is set behind sudo, which would replace it.
    let root: &[&str] = if sudo && host.ssh.user != "root" { &["sudo", "-n", "--"] } else { &[] };
    let wrapped = root.iter().copied().chain(["sh", "-c", SCRIPT, "nixfleet"]);
    let invocation = session.command(wrapped.chain(words.iter().map(String::as_str)), limit)?;
    let mut child =
        invocation.command().spawn().map_err(|error| failure::broken(host, &error.to_string()))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let finish = async {
        let (stdout, stderr) = tokio::join!(
            hand_on(stdout, &host.name, Stream::Stdout, told),
            hand_on(stderr, &host.name, Stream::Stderr, told)
        );
        let status = child.wait().await;
        (stdout.and(stderr), status)
    };
    let Ok((read, status)) = tokio::time::timeout(limit, finish).await else {
        return Err(Problem::new(Code::Unreachable, "the command did not end in time")
            .at(&host.name)
            .because(format!("{} seconds are over; it may still be running on the host", limit.as_secs()))
            .help("allow it more with --timeout SECONDS"));
    };
    let last = read.map_err(|why| {
        Problem::new(Code::BadAnswer, "the output cannot be read").at(&host.name).because(why)
    })?;
    let status = status.map_err(|error| failure::broken(host, &error.to_string()))?;
    let exit = status.code().unwrap_or(SSH_FAILED);
    if exit == SSH_FAILED
        && let Some(problem) = failure::classify(&last, host)
    {
        return Err(problem);
    }
    Ok(Finished { exit })
}

/// Hands on every line. Returns the last one, where `ssh` says why it failed.
async fn hand_on(
    stream: Option<impl AsyncRead + Unpin>,
    host: &str,
    name: Stream,
    told: &Sender<Happening>,
) -> Result<String, String> {
    let Some(stream) = stream else { return Ok(String::new()) };
    let mut reader = BufReader::new(stream.take(OUTPUT_LIMIT));
    let mut last = String::new();
    loop {
        let mut bytes = Vec::new();
        let read = (&mut reader).take(LINE_LIMIT).read_until(b'\n', &mut bytes).await;
        if read.map_err(|error| error.to_string())? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
        last.clone_from(&text);
        let line = Happening::Output { host: host.to_owned(), stream: name, text };
        told.send(line).await.map_err(|error| error.to_string())?;
    }
    if reader.get_ref().limit() == 0 {
        return Err(format!("more than {} MiB of output", OUTPUT_LIMIT >> 20));
    }
    Ok(last)
}
