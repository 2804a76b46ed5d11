//! Resolution of host names to addresses.
//!
//! Names are resolved by the `getent` program of the machine, because a statically linked program cannot load
//! the modules that `nsswitch.conf` names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use crate::health::vantage::Vantage;
use crate::host::command;

/// The maximum number of addresses to try for one name.
const MOST: usize = 8;

/// Returns the socket addresses of a host name or address.
///
/// # Errors
/// Fails with the reason why the host cannot be resolved.
pub fn of(host: &str, port: u16, from: &Vantage, limit: Duration) -> Result<Vec<SocketAddr>, String> {
    let bare = from.meant(host.trim_start_matches('[').trim_end_matches(']'));
    if let Some(scoped) = scoped(bare, port) {
        return scoped.map(|address| vec![address]);
    }
    let addresses = match bare.parse::<IpAddr>() {
        Ok(address) => vec![address],
        // RFC 6761: `localhost` always means the machine itself.
        Err(_) if bare == "localhost" => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        Err(_) => look_up(bare, &from.path, limit)?,
    };
    Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
}

/// Parses a link-local address with a scope, such as `fe80::1%eth0`. The scope is the number or name of a
/// network interface.
fn scoped(text: &str, port: u16) -> Option<Result<SocketAddr, String>> {
    let (address, scope) = text.split_once('%')?;
    let address: Ipv6Addr = address.parse().ok()?;
    let by_name = || {
        let plain = !scope.is_empty() && !scope.contains('/') && !scope.starts_with('.');
        let index = plain.then(|| std::fs::read_to_string(format!("/sys/class/net/{scope}/ifindex")))?;
        index.ok()?.trim().parse().ok()
    };
    let scope_id = scope.parse::<u32>().ok().or_else(by_name);
    let known = scope_id.map(|scope_id| SocketAddrV6::new(address, port, 0, scope_id).into());
    Some(known.ok_or_else(|| format!("this machine has no network interface {scope}, which {text} names")))
}

fn look_up(name: &str, path: &str, limit: Duration) -> Result<Vec<IpAddr>, String> {
    let unknown = |why: &str| format!("the name {name} cannot be resolved{why}");
    let finished = command::run_from(path, &["getent", "ahosts", name], limit, || false)
        .map_err(|error| unknown(&format!(": getent cannot be run: {error}")))?;
    let addresses = parse(&finished.stdout);
    if addresses.is_empty() { Err(unknown("")) } else { Ok(addresses) }
}

/// Parses lines such as `10.0.0.1  STREAM web.example.org`. `getent` prints each address once per socket
/// type.
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
    fn an_address_of_one_link_keeps_its_interface() {
        let found = |text: &str| scoped(text, 80).map(|found| found.map(|address| address.to_string()));
        assert_eq!(found("fe80::1%1"), Some(Ok("[fe80::1%1]:80".to_owned())));
        // The loopback interface has the number 1 on every machine.
        assert_eq!(found("fe80::1%lo"), Some(Ok("[fe80::1%1]:80".to_owned())));
        assert!(found("fe80::1%nowhere0").is_some_and(|found| found.is_err()));
        assert_eq!((found("fe80::1"), found("10.0.0.1"), found("web%1")), (None, None, None));
    }

    #[test]
    fn addresses_stand_for_themselves_and_names_are_looked_up_once_each() {
        let from = Vantage {
            names: [("inner".to_owned(), "10.0.0.2".to_owned())].into(),
            ..Vantage::of("/usr/bin:/bin")
        };
        let of = |host: &str| of(host, 80, &from, Duration::from_secs(5)).unwrap();
        assert_eq!(of("inner"), ["10.0.0.2:80".parse().unwrap()]);
        assert_eq!(of("10.0.0.1"), ["10.0.0.1:80".parse().unwrap()]);
        assert_eq!(of("[::1]"), ["[::1]:80".parse().unwrap()]);
        assert_eq!(of("localhost")[0], "127.0.0.1:80".parse().unwrap());
        let lines =
            "10.0.0.1  STREAM web\n10.0.0.1  DGRAM  \n10.0.0.1  RAW    \nfe80::1 STREAM\nnoise STREAM\n";
        assert_eq!(parse(lines), ["10.0.0.1".parse::<IpAddr>().unwrap(), "fe80::1".parse().unwrap()]);
    }
}
