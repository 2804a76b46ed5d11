//! The last line of standard error so far, to report if a program exceeds its time limit.

use std::sync::Mutex;

/// The maximum number of bytes stored. The end of a longer line is informative enough.
const MOST: usize = 256;

/// The last bytes of standard error so far.
#[derive(Debug, Default)]
pub(super) struct LastLine(Mutex<Vec<u8>>);

impl LastLine {
    /// Appends a piece of standard error.
    pub(super) fn push(&self, piece: &[u8]) {
        let Ok(mut kept) = self.0.lock() else { return };
        kept.extend_from_slice(&piece[piece.len().saturating_sub(MOST)..]);
        let surplus = kept.len().saturating_sub(MOST);
        kept.drain(..surplus);
    }

    /// Returns the last line that is not blank.
    pub(super) fn text(&self) -> Option<String> {
        let kept = self.0.lock().ok()?;
        let text = String::from_utf8_lossy(&kept);
        text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(ToOwned::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_many_pieces_is_told() {
        let last = LastLine::default();
        assert_eq!(last.text(), None);
        for piece in ["one\ntwo ", "three", "\n\n \n"] {
            last.push(piece.as_bytes());
        }
        assert_eq!(last.text().unwrap(), "two three");
        last.push(&[b'x'; 5000]);
        assert_eq!(last.text().unwrap(), "x".repeat(MOST));
    }
}
