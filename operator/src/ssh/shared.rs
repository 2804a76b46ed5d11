//! A command over the shared connection, by its own protocol: starting `ssh` for each command would cost this
//! machine several times as much.
//!
//! The protocol is OpenSSH's, `PROTOCOL.mux` in its source.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;

use openssh_mux_client::{Connection, Error, NonZeroByteSlice, Session, SessionStatus};

use super::SSH_FAILED;
use crate::process::{Drained, Invocation, Theirs};

/// Runs a command and waits for its end. Where no connection listens at `socket`, or it takes no further
/// command, `ssh` runs it over one of its own. Where the connection breaks, this ends as `ssh` does, and says
/// why in its place.
///
/// # Errors
/// `ssh` was needed and cannot be started.
pub async fn run(
    socket: PathBuf,
    command: String,
    streams: Theirs,
    drained: Drained,
    ssh: Invocation,
) -> io::Result<ExitStatus> {
    let Ok(connection) = Connection::connect(&socket).await else {
        return ssh.spawn(streams)?.end_behind(drained).await;
    };
    let term: &NonZeroByteSlice = "".try_into().map_err(io::Error::other)?;
    let words: &NonZeroByteSlice = command.as_str().try_into().map_err(io::Error::other)?;
    let session = Session::builder().term(Cow::Borrowed(term)).cmd(Cow::Borrowed(words)).build();
    let opened = match connection.open_new_session(&session, &streams.raw()).await {
        Ok(opened) => opened,
        // The host has not heard of it: sshd lets one connection carry only so many commands at once.
        Err(Error::RequestFailure(_) | Error::PermissionDenied(_)) => {
            return ssh.spawn(streams)?.end_behind(drained).await;
        }
        // The host may have heard of it. `ssh` would send it once more, which not every command bears.
        Err(error) => {
            let _ = writeln!(File::from(streams.stderr), "the shared connection: {error}");
            return Ok(ended(None));
        }
    };
    // The other side has them now, and when it closes them they are to end.
    drop(streams);
    // The code of a command may overtake what it has said, and who takes it goes away and gets no more.
    let _ = drained.await;
    Ok(match opened.wait().await {
        Ok(SessionStatus::Exited { exit_value }) => ended(exit_value),
        Ok(SessionStatus::TtyAllocFail(_)) | Err(_) => ended(None),
    })
}

/// The end of a command, of which the exit code came over, if it did.
fn ended(code: Option<u32>) -> ExitStatus {
    let code = code.and_then(|code| u8::try_from(code).ok()).map_or(SSH_FAILED, i32::from);
    ExitStatus::from_raw(code << 8)
}
