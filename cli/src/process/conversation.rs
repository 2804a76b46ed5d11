//! A program that is talked with before it goes on by itself.

use std::fs::File;
use std::io::{self, BufReader};
use std::os::fd::OwnedFd;
use std::process::{self, Stdio};

use tokio::process::ChildStdout;
use tokio::task;

use super::{Failure, Invocation, Output, read};

/// Its two ends, both blocking.
#[derive(Debug)]
pub struct Ends {
    /// What it says.
    pub output: BufReader<File>,
    /// What it hears.
    pub input: File,
}

impl Invocation {
    /// Runs it, and lets `talk` talk with it first, on a thread of its own. When that returns, its input ends, and what it
    /// says from then on is read as by [`Self::run`].
    ///
    /// # Errors
    /// As for [`Self::run`]. What `talk` says comes along in any other case.
    pub async fn converse<T: Send + 'static>(
        self,
        talk: impl FnOnce(&mut Ends) -> T + Send + 'static,
    ) -> Result<(Output, T), Failure> {
        let mut child = self.command().stdin(Stdio::piped()).spawn().map_err(Failure::Start)?;
        let broken = || Failure::Start(io::ErrorKind::BrokenPipe.into());
        let stderr = child.stderr.take();
        let stdin = child.stdin.take().ok_or_else(broken)?.into_owned_fd().map_err(Failure::Start)?;
        let stdout = child.stdout.take().ok_or_else(broken)?.into_owned_fd().map_err(Failure::Start)?;
        let talking = task::spawn_blocking(move || {
            let mut ends = Ends { output: BufReader::new(stdout.into()), input: stdin.into() };
            let said = talk(&mut ends);
            (said, ends.output)
        });
        let rest = async {
            let (said, output) = talking.await.map_err(|error| Failure::Start(error.into()))?;
            let mut stdout = output.buffer().to_vec();
            let pipe = process::ChildStdout::from(OwnedFd::from(output.into_inner()));
            let pipe = ChildStdout::from_std(pipe).map_err(Failure::Start)?;
            stdout.extend(read(Some(pipe), self.lines).await?);
            Ok::<_, Failure>((said, stdout))
        };
        let finish = async {
            let (rest, stderr) = tokio::join!(rest, read(stderr, None));
            let (said, stdout) = rest?;
            let status = child.wait().await.map_err(Failure::Start)?;
            Ok((Output { status, stdout, stderr: stderr? }, said))
        };
        match tokio::time::timeout(self.limit, finish).await {
            Ok(result) => result,
            Err(_) => Err(Failure::TimedOut(self.limit)),
        }
    }
}
