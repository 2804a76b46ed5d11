//! Names → addresses.
//!
//! The machine's own `getent` looks names up: a static program cannot load what `nsswitch.conf` names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::host::command;

/// The most addresses of a name that are tried.
const MOST: usize = 8;

/// The addresses of a host.
///
/// # Errors
/// It has none.
pub fn of(host: &str, port: u16, path: &str, limit: Duration) -> Result<Vec<SocketAddr>, String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = match bare.parse::<IpAddr>() {
        Ok(address) => vec![address],
        // RFC 6761: always the machine itself.
        Err(_) if bare == "localhost" => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        Err(_) => look_up(bare, path, limit)?,
    };
    Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
}

fn look_up(name: &str, path: &str, limit: Duration) -> Result<Vec<IpAddr>, String> {
    let unknown = |why: &str| format!("the name {name} cannot be resolved{why}");
    let finished = command::run_from(path, &["getent", "ahosts", name], limit, || false)
        .map_err(|error| unknown(&format!(": getent cannot be run: {error}")))?;
    let addresses = parse(&finished.stdout);
    if addresses.is_empty() { Err(unknown("")) } else { Ok(addresses) }
}

/// Lines such as `10.0.0.1  STREAM web.example.org`, each address once for each type of socket.
fn parse(lines: &str) -> Vec<IpAddr> {
    let stream = lines.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next()?.parse().ok()?;
        (words.next() == Some("STREAM")).then_some(address)
    });
    stream.take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stand_for_themselves_and_names_are_looked_up_once_each() {
        let of = |host: &str| of(host, 80, "/usr/bin:/bin", Duration::from_secs(5)).unwrap();
        assert_eq!(of("10.0.0.1"), ["10.0.0.1:80".parse().unwrap()]);
        assert_eq!(of("[::1]"), ["[::1]:80".parse().unwrap()]);
        assert_eq!(of("localhost")[0], "127.0.0.1:80".parse().unwrap());
        let lines =
            "10.0.0.1  STREAM web\n10.0.0.1  DGRAM  \n10.0.0.1  RAW    \nfe80::1 STREAM\nnoise STREAM\n";
        assert_eq!(parse(lines), ["10.0.0.1".parse::<IpAddr>().unwrap(), "fe80::1".parse().unwrap()]);
    }
}
