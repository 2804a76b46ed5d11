//! The program that reads the output of this program, such as an SSH client.

use std::io::stdout;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Whether the reader of the standard output has ended, for example because its connection was closed. sshd
/// sends no signal to programs without a terminal in this case, but it closes its end of their output.
#[must_use]
pub fn has_left() -> bool {
    let stdout = stdout();
    // An ended reader is reported without being asked for.
    let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut polled, Some(&now)).is_ok() && polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}
