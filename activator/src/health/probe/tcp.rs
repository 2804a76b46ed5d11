//! Something accepts connections.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Attempt, Finding, address};

/// Connects, and hangs up.
///
/// # Errors
/// Why no address of the host can be connected to.
pub fn attempt(host: &str, port: u16, path: &str, limit: Duration) -> Attempt {
    let deadline = Instant::now() + limit;
    let mut why = Vec::new();
    for address in address::of(host, port, path, limit)? {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            why.push(format!("{address}: no time was left for it"));
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(_) => return Ok(Finding(format!("{address} accepts connections"))),
            Err(error) => why.push(format!("{address}: {error}")),
        }
    }
    Err(why.join("; "))
}
