//! The functions that print. If a reader such as `head` closes standard output early, the command continues.
//! If the command ended instead, it would leave hosts half changed.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::OnceLock;

use serde::Serialize;

use nixfleet_operator::text::{json_line, steady};

/// The first error that occurred when writing to standard output.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Prints a text on standard output. Styles are removed if the output does not support them.
pub fn out(text: &str) {
    let mut out = anstream::stdout();
    note(out.write_all(steady(text).as_bytes()).and_then(|()| out.flush()));
}

/// Prints a line on standard error. Styles are removed if the output does not support them.
pub fn err(line: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{}", steady(&line.to_string()));
}

/// Prints a JSON document on standard output.
///
/// # Errors
/// The document cannot be serialized, which is a bug.
pub fn json<T: Serialize>(document: &T) -> serde_json::Result<()> {
    let out = io::stdout().lock();
    let is_terminal = out.is_terminal();
    // The document is written piece by piece and not built in memory, since it is large for thousands of
    // hosts.
    let mut out = BufWriter::new(out);
    let written = match json_line(&mut out, document, is_terminal) {
        Err(error) if !error.is_io() => return Err(error),
        Err(error) => Err(error.into()),
        Ok(()) => out.flush(),
    };
    note(written);
    Ok(())
}

/// Returns the error that made standard output incomplete, if any. It is no error if a reader closed standard
/// output early.
pub fn lost() -> Option<&'static io::Error> {
    LOST.get()
}

fn note(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        // `set` fails if an earlier error is stored already. Only the first error is needed.
        let _ = LOST.set(error);
    }
}
