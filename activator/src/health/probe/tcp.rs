//! Probe of a TCP port.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{Attempt, Finding, address};
use crate::health::vantage::Vantage;

/// Opens a connection and closes it.
///
/// # Errors
/// Fails with the reason why no address of the host accepts a connection.
pub fn attempt(host: &str, port: u16, from: &Vantage, limit: Duration) -> Attempt {
    let deadline = Instant::now() + limit;
    let addresses = address::of(host, port, from, limit)?;
    connect(&addresses, deadline)
}

/// Tries the addresses one at a time. The remaining time is divided equally among the remaining addresses, so
/// that an address that does not respond cannot use up the time of other addresses.
fn connect(addresses: &[SocketAddr], deadline: Instant) -> Attempt {
    let mut why = Vec::new();
    for (address, behind) in addresses.iter().zip((0..addresses.len()).rev()) {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left.checked_div(u32::try_from(behind + 1).unwrap_or(u32::MAX)).unwrap_or_default();
        if share.is_zero() {
            why.push(format!("{address}: no time was left to try it"));
            break;
        }
        #[expect(clippy::disallowed_methods, reason = "a health check may connect")]
        match TcpStream::connect_timeout(address, share) {
            Ok(_) => return Ok(Finding(format!("{address} accepts connections"))),
            Err(error) => why.push(format!("{address}: {error}")),
        }
    }
    Err(why.join("; "))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Returns an address that does not respond, because the queue of its listener is full.
    fn silent() -> (TcpListener, Vec<TcpStream>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ask = || TcpStream::connect_timeout(&address, Duration::from_millis(50)).ok();
        (listener, std::iter::from_fn(ask).collect(), address)
    }

    #[test]
    fn an_address_that_says_nothing_leaves_time_for_the_next_one() {
        let (_silent, _waiting, first) = silent();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let second = listener.local_addr().unwrap();
        let within = |addresses: &[SocketAddr]| connect(addresses, Instant::now() + Duration::from_secs(1));
        assert_eq!(within(&[first, second]).unwrap().0, format!("{second} accepts connections"));
        assert!(within(&[first]).is_err());
    }
}
