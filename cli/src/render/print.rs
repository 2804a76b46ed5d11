//! The one way to print. A reader that went away, as `head` does, is no reason to leave hosts half done.

use std::io::{self, BufWriter, Write};
use std::sync::OnceLock;

use serde::Serialize;

/// Why something could not be printed, the first time.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Prints on standard output, without styles where they are not wanted.
pub fn out(text: &str) {
    let mut out = anstream::stdout();
    note(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Prints a line on standard error, without styles where they are not wanted.
pub fn err(line: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Prints a document of JSON on standard output.
///
/// # Errors
/// Only a bug: it cannot be written as JSON.
pub fn json<T: Serialize>(document: &T) -> serde_json::Result<()> {
    // Piece by piece: the document of thousands of hosts is large.
    let mut out = BufWriter::new(io::stdout().lock());
    let written = match serde_json::to_writer(&mut out, document) {
        Err(error) if !error.is_io() => return Err(error),
        Err(error) => Err(error.into()),
        Ok(()) => out.write_all(b"\n").and_then(|()| out.flush()),
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
