//! A terminal that may disappear when its window or SSH connection is closed. The command then continues
//! without a live view.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::TermLike;

/// A terminal on which drawing never returns an error. After the first error, nothing more is drawn.
#[derive(Debug)]
pub struct Screen<T> {
    terminal: T,
    gone: AtomicBool,
}

impl<T: TermLike> Screen<T> {
    /// Creates a screen on a terminal.
    pub const fn on(terminal: T) -> Self {
        Self { terminal, gone: AtomicBool::new(false) }
    }

    #[expect(clippy::unnecessary_wraps, reason = "what the callers have to return")]
    fn draw(&self, draw: impl FnOnce(&T) -> io::Result<()>) -> io::Result<()> {
        if !self.gone.load(Ordering::Relaxed) && draw(&self.terminal).is_err() {
            self.gone.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl<T: TermLike> TermLike for Screen<T> {
    fn width(&self) -> u16 {
        self.terminal.width()
    }

    fn height(&self) -> u16 {
        self.terminal.height()
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.draw(|terminal| terminal.move_cursor_up(lines))
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.draw(|terminal| terminal.move_cursor_down(lines))
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.draw(|terminal| terminal.move_cursor_right(columns))
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.draw(|terminal| terminal.move_cursor_left(columns))
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.draw(|terminal| terminal.write_line(text))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.draw(|terminal| terminal.write_str(text))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw(T::clear_line)
    }

    fn flush(&self) -> io::Result<()> {
        self.draw(T::flush)
    }
}
