//! The one way to print. A reader that went away, as `head` does, is no reason to leave hosts half done.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::OnceLock;

use serde::Serialize;

use nixfleet_operator::text::{json_line, steady};

/// Why something could not be printed, the first time.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Prints on standard output, without styles where they are not wanted.
pub fn out(text: &str) {
    let mut out = anstream::stdout();
    note(out.write_all(steady(text).as_bytes()).and_then(|()| out.flush()));
}

/// Prints a line on standard error, without styles where they are not wanted.
pub fn err(line: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{}", steady(&line.to_string()));
}

/// Prints a document of JSON on standard output.
///
/// # Errors
/// Only a bug: it cannot be written as JSON.
pub fn json<T: Serialize>(document: &T) -> serde_json::Result<()> {
    let out = io::stdout().lock();
    let is_terminal = out.is_terminal();
    // Piece by piece: the document of thousands of hosts is large.
    let mut out = BufWriter::new(out);
    let written = match json_line(&mut out, document, is_terminal) {
        Err(error) if !error.is_io() => return Err(error),
        Err(error) => Err(error.into()),
        Ok(()) => out.flush(),
    };
    note(written);
    Ok(())
}

/// Why standard output has not got all that it should have, where it has a reader.
pub fn lost() -> Option<&'static io::Error> {
    LOST.get()
}

fn note(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        // The first reason is the one to tell.
        let _ = LOST.set(error);
    }
}
