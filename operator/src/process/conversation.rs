//! Conversations with a running program. After a conversation, the rest of the program's output is read.

use std::fs::File;
use std::io::{self, BufReader};
use std::os::fd::OwnedFd;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::task;
use tracing::Span;

use super::reading::Taken;
use super::{Failure, Invocation, LastLine, Output, Running, within};

/// This process's ends of the program's standard input and output, both in blocking mode.
#[derive(Debug)]
pub struct Ends {
    /// The standard output of the program.
    pub output: BufReader<File>,
    /// The standard input of the program.
    pub input: File,
}

impl Invocation {
    /// Runs `talk` on a separate thread, connected to the running program. When `talk` returns, the input of
    /// the program is closed, and the rest of its output is read as by [`Self::run`].
    ///
    /// # Errors
    /// As for [`Self::run`]. Otherwise the result includes the value that `talk` returned, even if that value
    /// is an error.
    pub async fn converse<T: Send + 'static>(
        self,
        running: Running,
        talk: impl FnOnce(&mut Ends) -> T + Send + 'static,
    ) -> Result<(Output, T), Failure> {
        let Running { ours, draining, end } = running;
        let stdin = ours.stdin.ok_or_else(|| Failure::Start(io::ErrorKind::BrokenPipe.into()))?;
        let stderr = Receiver::from_owned_fd(ours.stderr).map_err(Failure::Start)?;
        let span = Span::current();
        let talking = task::spawn_blocking(move || {
            let _within = span.entered();
            let mut ends = Ends { output: BufReader::new(ours.stdout.into()), input: stdin.into() };
            let said = talk(&mut ends);
            (said, ends.output)
        });
        let Self { hears, limit, .. } = self;
        let last = LastLine::default();
        let rest = async {
            let (said, output) = talking.await.map_err(|error| Failure::Start(error.into()))?;
            let buffered = output.buffer().to_vec();
            let pipe = Receiver::from_owned_fd(OwnedFd::from(output.into_inner())).map_err(Failure::Start)?;
            // The bytes that are already buffered may contain a notice (a line in which a host reports what a
            // change is waiting for), so they are read like the rest of the output.
            let stdout = hears.clone().output(buffered.as_slice().chain(pipe)).await?;
            Ok::<_, Failure>((said, stdout))
        };
        let finish = async {
            let read = async {
                let read = tokio::try_join!(rest, hears.errors(stderr, None, &last));
                drop(draining);
                read
            };
            let ended = async { end.await.map_err(Failure::Start) };
            let (((said, stdout), stderr), status) = tokio::try_join!(read, ended)?;
            let Taken { bytes: stdout, .. } = stdout;
            Ok((Output { status, stdout, stderr }, said))
        };
        within(limit, &last, finish).await
    }
}
