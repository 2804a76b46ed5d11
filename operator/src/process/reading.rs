//! Reads the output of a running program, up to its limits.

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::sync::mpsc::{Sender, UnboundedSender};

use super::large::{Intake, Large};
use super::limits::{self, Limit};
use super::{Failure, LARGE, LastLine};

/// The number of bytes read at once.
const PIECE: usize = 64 << 10;

/// The kind of output to read from a running program.
#[derive(Clone, Debug)]
pub enum Hears {
    /// All output of a local program, on standard output and standard error.
    Ours,
    /// One document from a host, and the beginning and the end of its standard error.
    Document(Limit),
    /// The lines of a run on a host. Short lines may be notices, which report what the run is waiting for.
    /// Short lines are sent to this channel as they arrive, and are dropped if the channel is full. The first
    /// lines and the last line of the output are kept.
    Lines(Sender<Vec<u8>>),
}

/// The output that was read. A large output occupies one of the places for large answers until this value is
/// dropped.
#[derive(Debug)]
pub struct Taken {
    /// The bytes of the output that are kept.
    pub bytes: Vec<u8>,
    _intake: Option<Intake<'static>>,
}

impl Hears {
    /// Reads standard output.
    pub(super) async fn output(self, stream: impl AsyncRead + Unpin) -> Result<Taken, Failure> {
        match self {
            Self::Ours => Ok(Taken { bytes: ours(stream, None).await?, _intake: None }),
            Self::Document(limit) => {
                let (bytes, intake) = document(stream, limit, &LARGE).await?;
                Ok(Taken { bytes, _intake: Some(intake) })
            }
            Self::Lines(notices) => {
                let (bytes, intake) = lines(stream, &notices, &LARGE).await?;
                Ok(Taken { bytes, _intake: Some(intake) })
            }
        }
    }

    /// Reads standard error. `lines` receives each line of a local program. `last` receives the output of a
    /// host as it arrives.
    pub(super) async fn errors(
        &self,
        stream: impl AsyncRead + Unpin,
        lines: Option<UnboundedSender<Vec<u8>>>,
        last: &LastLine,
    ) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Ours => ours(stream, lines).await,
            Self::Document(_) | Self::Lines(_) => ends(stream, last).await,
        }
    }
}

async fn ours(
    stream: impl AsyncRead + Unpin,
    lines: Option<UnboundedSender<Vec<u8>>>,
) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut reader = BufReader::new(stream.take(limits::OURS.bytes as u64 + 1));
    loop {
        let begin = bytes.len();
        let read = match &lines {
            Some(_) => reader.read_until(b'\n', &mut bytes).await,
            None => reader.read_to_end(&mut bytes).await,
        };
        if read.map_err(Failure::Start)? == 0 {
            return Ok(bytes);
        }
        if bytes.len() > limits::OURS.bytes {
            return Err(Failure::TooMuch(limits::OURS));
        }
        // Sending fails if the receiver was dropped. This error is ignored, because the result has to contain
        // the whole output in any case.
        let _ = lines.as_ref().map(|lines| lines.send(bytes[begin..].to_vec()));
    }
}

async fn document(
    stream: impl AsyncRead + Unpin,
    limit: Limit,
    large: &Large,
) -> Result<(Vec<u8>, Intake<'_>), Failure> {
    let mut reader = BufReader::with_capacity(PIECE, stream);
    let (mut bytes, mut intake) = (Vec::new(), large.intake());
    loop {
        let piece = intake.next(&mut reader, bytes.len(), bytes.len()).await?;
        let length = piece.len();
        if length == 0 {
            return Ok((bytes, intake));
        }
        if bytes.len() + length > limit.bytes {
            return Err(Failure::TooMuch(limit));
        }
        bytes.extend_from_slice(piece);
        reader.consume(length);
    }
}

async fn lines<'a>(
    stream: impl AsyncRead + Unpin,
    notices: &Sender<Vec<u8>>,
    large: &'a Large,
) -> Result<(Vec<u8>, Intake<'a>), Failure> {
    let mut reader = BufReader::with_capacity(PIECE, stream);
    let (mut before, mut line, mut read) = (Vec::new(), Vec::new(), 0);
    let mut intake = large.intake();
    loop {
        let piece = intake.next(&mut reader, read, line.len()).await?;
        if piece.is_empty() {
            before.append(&mut line);
            return Ok((before, intake));
        }
        if line.ends_with(b"\n") {
            if before.len() + line.len() <= limits::BEFORE {
                before.extend_from_slice(&line);
            }
            line.clear();
        }
        let length = piece.iter().position(|byte| *byte == b'\n').map_or(piece.len(), |end| end + 1);
        read += length;
        if line.len() + length > limits::LINE.bytes {
            return Err(Failure::TooMuch(limits::LINE));
        }
        if read > limits::RUN.bytes {
            return Err(Failure::TooMuch(limits::RUN));
        }
        line.extend_from_slice(&piece[..length]);
        reader.consume(length);
        if line.ends_with(b"\n") && line.starts_with(b"{") && line.len() <= limits::NOTICE {
            // If the channel is full, the notice is dropped, because a host may send any number of notices.
            let _ = notices.try_send(line.clone());
        }
    }
}

/// Reads a stream to its end. Returns its beginning and its end, without the middle if the stream is long.
async fn ends(stream: impl AsyncRead + Unpin, last: &LastLine) -> Result<Vec<u8>, Failure> {
    let mut reader = BufReader::with_capacity(PIECE, stream);
    let (mut kept, mut read, mut lacks) = (Vec::new(), 0, false);
    loop {
        let piece = reader.fill_buf().await.map_err(Failure::Start)?;
        let length = piece.len();
        if length == 0 {
            break;
        }
        read += length;
        if read > limits::ERRORS.bytes {
            return Err(Failure::TooMuch(limits::ERRORS));
        }
        kept.extend_from_slice(piece);
        last.push(piece);
        reader.consume(length);
        // The middle of the kept bytes is removed only when they exceed this length, not after each piece.
        if kept.len() > 8 * limits::END_OF_ERRORS {
            shorten(&mut kept);
            lacks = true;
        }
    }
    if kept.len() > 2 * limits::END_OF_ERRORS {
        shorten(&mut kept);
        lacks = true;
    }
    if lacks {
        let middle = kept.len().min(limits::END_OF_ERRORS);
        kept.splice(middle..middle, *b"\n[...]\n");
    }
    Ok(kept)
}

fn shorten(kept: &mut Vec<u8>) {
    kept.drain(limits::END_OF_ERRORS..kept.len() - limits::END_OF_ERRORS);
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
