//! The result of a program.

use std::process::ExitStatus;

/// The exit status and the output of a program.
#[derive(Debug)]
pub struct Output {
    /// The exit status of the program.
    pub status: ExitStatus,
    /// The standard output of the program.
    pub stdout: Vec<u8>,
    /// The standard error of the program.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Returns standard error as text, with invalid UTF-8 replaced.
    pub(crate) fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}
