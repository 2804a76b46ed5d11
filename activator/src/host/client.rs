//! The program that reads the output of this program, such as an SSH client.

use std::io::stdout;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Whether the reader of the standard output has ended, for example because its connection was closed. sshd
/// sends no signal to programs without a terminal in this case, but it closes its end of their output.
#[must_use]
pub fn has_left() -> bool {
    leaves_within(Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))
}

/// Waits until the reader of the standard output has ended. Never returns if the output is neither a pipe nor
/// a socket. Returns false if the output cannot be watched.
#[must_use]
pub fn waits_until_left() -> bool {
    leaves_within(None)
}

/// Waits for the end of the reader, without a time limit if there is none. Returns whether it has ended.
fn leaves_within(limit: Option<&Timespec>) -> bool {
    let stdout = stdout();
    // Without requested events, poll(2) still reports a pipe or socket without a reader.
    let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
    poll(&mut polled, limit).is_ok() && polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}
