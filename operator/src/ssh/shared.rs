//! Runs commands over the shared connection by speaking the protocol of the master process that holds the
//! connection. Starting `ssh` for each command would cost this machine several times as much as using the
//! protocol.
//!
//! The protocol is that of OpenSSH, described in `PROTOCOL.mux` of its source.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;

use openssh_mux_client::{Connection, Error, NonZeroByteSlice, Session, SessionStatus};

use super::SSH_FAILED;
use crate::process::{Drained, Invocation, Theirs};

/// Runs a command and waits for its end. If no master listens at `socket`, or if the master accepts no
/// further command, `ssh` runs the command over a separate connection. If the shared connection breaks, the
/// exit status is that of a failed `ssh`, and the reason is written to standard error.
///
/// # Errors
/// The command needs a separate connection, but `ssh` cannot be started.
pub async fn run(
    socket: PathBuf,
    command: String,
    streams: Theirs,
    drained: Drained,
    ssh: Invocation,
) -> io::Result<ExitStatus> {
    let Ok(connection) = Connection::connect(&socket).await else {
        return ssh.spawn(streams)?.end_after_output(drained).await;
    };
    let term: &NonZeroByteSlice = "".try_into().map_err(io::Error::other)?;
    let words: &NonZeroByteSlice = command.as_str().try_into().map_err(io::Error::other)?;
    let session = Session::builder().term(Cow::Borrowed(term)).cmd(Cow::Borrowed(words)).build();
    let opened = match connection.open_new_session(&session, &streams.raw()).await {
        Ok(opened) => opened,
        // The host has not received the command: sshd limits the number of concurrent commands in a
        // connection.
        Err(Error::RequestFailure(_) | Error::PermissionDenied(_)) => {
            return ssh.spawn(streams)?.end_after_output(drained).await;
        }
        // The host may have received the command. `ssh` is not started here, because it would send the
        // command again, which is not safe for every command.
        Err(error) => {
            let _ = writeln!(File::from(streams.stderr), "the shared connection: {error}");
            return Ok(ended(None));
        }
    };
    // The master has its own copies of the streams. The copies in this process must be closed, so that the
    // streams end when the master closes its copies.
    drop(streams);
    // The exit code may arrive before the last output. Receiving the exit code closes the session, so the
    // rest of the output would be lost.
    let _ = drained.await;
    Ok(match opened.wait().await {
        Ok(SessionStatus::Exited { exit_value }) => ended(exit_value),
        Ok(SessionStatus::TtyAllocFail(_)) | Err(_) => ended(None),
    })
}

/// Returns the exit status for the exit code of a command. If no exit code arrived, returns the exit status
/// of a failed `ssh`.
fn ended(code: Option<u32>) -> ExitStatus {
    let code = code.and_then(|code| u8::try_from(code).ok()).map_or(SSH_FAILED, i32::from);
    ExitStatus::from_raw(code << 8)
}
