//! Something that is talked with before it goes on by itself.

use std::fs::File;
use std::io::{self, BufReader};
use std::os::fd::OwnedFd;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::task;
use tracing::Span;

use super::reading::Taken;
use super::{Failure, Invocation, LastLine, Output, Running, within};

/// Its two ends, both blocking.
#[derive(Debug)]
pub struct Ends {
    /// What it says.
    pub output: BufReader<File>,
    /// What it hears.
    pub input: File,
}

impl Invocation {
    /// Lets `talk` talk with what runs, on a thread of its own. When that returns, its input ends, and what
    /// it says from then on is read as by [`Self::run`].
    ///
    /// # Errors
    /// As for [`Self::run`]. What `talk` says comes along in any other case.
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
            // What has come already may hold a notice.
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
