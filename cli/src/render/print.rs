//! The one way to print. A reader that went away, as `head` does, is no reason to leave hosts half done.

use std::io::Write;

/// Prints on standard output, without styles where they are not wanted.
pub fn out(text: &str) {
    let _ = anstream::stdout().write_all(text.as_bytes());
}

/// Prints a line on standard error, without styles where they are not wanted.
pub fn err(line: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{line}");
}
