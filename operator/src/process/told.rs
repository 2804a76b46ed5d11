//! What diagnostics tell of a program: how it ended, or that it was given up.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Instant;

use tracing::{Level, Span, debug, enabled};

use super::Argv;
use crate::diagnostics::milliseconds;

/// A program that was started. If it is dropped, it was given up.
#[derive(Debug)]
pub struct Told {
    /// The command; nothing where nobody listens, or its end was told.
    command: Option<String>,
    /// Who started it may be gone when it ends.
    span: Span,
    began: Instant,
}

impl Told {
    /// Of a program that is being started.
    pub(super) fn begin(argv: Argv<'_>) -> Self {
        let command = enabled!(Level::DEBUG).then(|| argv.to_string());
        Self { command, span: Span::current(), began: Instant::now() }
    }

    /// Tells how it ended.
    pub fn ended(mut self, status: ExitStatus) {
        let Some(command) = self.command.take() else { return };
        let duration_ms = milliseconds(self.began.elapsed());
        let (exit, signal) = (status.code(), status.signal());
        self.span.in_scope(|| debug!(command, duration_ms, exit, signal, "process ended"));
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let Some(command) = self.command.take() else { return };
        let duration_ms = milliseconds(self.began.elapsed());
        self.span.in_scope(|| debug!(command, duration_ms, "process given up"));
    }
}
