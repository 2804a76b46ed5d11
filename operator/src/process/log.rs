//! Diagnostic events about programs, which log how a program ended or that it was abandoned.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Instant;

use tracing::{Level, Span, debug, enabled};

use super::Argv;
use crate::diagnostics::milliseconds;

/// The `tracing` target of the diagnostic events about programs.
const PROCESS: &str = "nixfleet::process";

/// The diagnostic record of a program that was started. Dropping the record before the program has ended logs
/// that the program was abandoned.
#[derive(Debug)]
pub struct ProcessLog {
    /// The formatted command. `None` if diagnostic events about programs are disabled, or if the end of the
    /// program was already logged.
    command: Option<String>,
    /// The span in which the program was started. The code that started the program may have left this span
    /// before the program ends.
    span: Span,
    began: Instant,
}

impl ProcessLog {
    /// Creates the record of a program that is being started.
    pub(super) fn begin(argv: Argv<'_>) -> Self {
        let command = enabled!(target: PROCESS, Level::DEBUG).then(|| argv.to_string());
        Self { command, span: Span::current(), began: Instant::now() }
    }

    /// Logs that the program could not be started.
    pub(super) fn failed(mut self, error: &io::Error) {
        let Some(command) = self.command.take() else { return };
        self.span.in_scope(|| debug!(target: PROCESS, command, %error, "process not started"));
    }

    /// Logs how the program ended.
    pub fn ended(mut self, status: ExitStatus) {
        let Some(command) = self.command.take() else { return };
        let duration_ms = milliseconds(self.began.elapsed());
        let (exit, signal) = (status.code(), status.signal());
        self.span.in_scope(|| debug!(target: PROCESS, command, duration_ms, exit, signal, "process ended"));
    }
}

impl Drop for ProcessLog {
    fn drop(&mut self) {
        let Some(command) = self.command.take() else { return };
        let duration_ms = milliseconds(self.began.elapsed());
        self.span.in_scope(|| debug!(target: PROCESS, command, duration_ms, "process given up"));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::diagnostics::{captured, of_host};
    use crate::process::Invocation;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn each_program_is_told_once_with_its_host_and_without_its_words() {
        let (events, _guard) = captured();
        let shell = |script: &str| Invocation::new("sh", LIMIT).args(["-c", script]);
        let stdin = vec![b"hunter2".as_slice().into()];
        of_host("web-1", shell("cat; exit 3 # hunter2").stdin(stdin).run()).await.unwrap();
        shell("kill -9 $$").run().await.unwrap();
        let _ = Invocation { limit: Duration::from_millis(50), ..shell("exec sleep 60") }.run().await;
        let _ = Invocation::new("/nonexistent/tool", LIMIT).run().await;
        let told = regex_lite::Regex::new(r"duration_ms=\d+").unwrap();
        let told = told.replace_all(&events.text(), "duration_ms=N").into_owned();
        expect_test::expect![[r#"
            DEBUG work{host="web-1"}: nixfleet::process: process ended command="sh …" duration_ms=N exit=3
            DEBUG nixfleet::process: process ended command="sh …" duration_ms=N signal=9
            DEBUG nixfleet::process: process given up command="sh …" duration_ms=N
            DEBUG nixfleet::process: process not started command="/nonexistent/tool" error=No such file or directory (os error 2)
        "#]]
        .assert_eq(&told);
    }
}
