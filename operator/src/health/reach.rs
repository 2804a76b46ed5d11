//! Before a change begins, finds the health checks whose address this machine cannot reach. Such a check
//! would fail after the change, and a good change would be rolled back.

use std::time::Duration;

use nixfleet_activate::health::Vantage;
use nixfleet_activate::health::probe::{address, tcp};
use nixfleet_contract::health::{Check, Probe};
use nixfleet_contract::problem::{Code, Problem};

use super::{host_of, vantage};
use crate::ssh::Session;

/// The time limit of a direct connection to a host that SSH reaches through another host.
const DIRECT: Duration = Duration::from_secs(3);
/// The time limit for resolving a host name.
const LOOK_UP: Duration = Duration::from_secs(10);

/// A health check that connects to the address of the host, and the port that the check connects to.
struct Aim {
    check: Check,
    port: u16,
}

/// Returns a problem for each health check that cannot reach the address of the host from this machine. A
/// health check that connects to another address is not tested, because the user manages that address, and
/// the change itself may create it.
pub async fn obstacles(session: &Session, checks: &[Check]) -> Vec<Problem> {
    let addr = &session.host().addr;
    let aims: Vec<Aim> = checks
        .iter()
        .filter_map(|check| {
            let (host, port) = host_of(&check.probe)?;
            (host == *addr).then(|| Aim { check: check.clone(), port })
        })
        .collect();
    if aims.is_empty() {
        return Vec::new();
    }
    let from = vantage(session, checks).await;
    let resolved = session.resolved().await.clone();
    let (name, addr) = (session.host().name.clone(), addr.clone());
    let look = move || {
        let why = |aim: &Aim| obstacle(&addr, aim.port, resolved.through.as_deref(), &from);
        aims.iter().filter_map(|aim| why(aim).map(|why| problem(&name, &aim.check, &why))).collect()
    };
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}

/// Returns why this machine cannot reach a port of the host. Returns `None` if the port may be reachable.
fn obstacle(addr: &str, port: u16, through: Option<&str>, from: &Vantage) -> Option<String> {
    if let Err(why) = address::of(addr, port, from, LOOK_UP) {
        return Some(why);
    }
    let through = through?;
    match tcp::attempt(addr, port, from, DIRECT) {
        Ok(_) => None,
        // The host refused the connection, so the host can be reached. The change may start a service on this
        // port.
        Err(why) if why.contains("refused") => None,
        Err(why) => {
            Some(format!("ssh reaches the host through {through}, but a direct connection fails: {why}"))
        }
    }
}

fn problem(host: &str, check: &Check, why: &str) -> Problem {
    let option = format!("nixfleet.healthChecks.{}", check.name);
    let instead = match &check.probe {
        Probe::Http(_) => format!("{option}.http.url = \"http://…\";"),
        _ => format!("{option}.tcp.host = \"…\";"),
    };
    Problem::new(Code::HealthCheck, format!("health check {} cannot be tried from this machine", check.name))
        .at(format!("{host}: {option}.from"))
        .because(why)
        .help(format!(
            "let the host try the check: {option}.from = \"host\"; or set an address that this machine \
             reaches without ssh: {instead}"
        ))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn only_what_cannot_pass_is_in_the_way() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let path = std::env::var("PATH").unwrap();
        let from =
            Vantage { names: [("inner".to_owned(), "127.0.0.1".to_owned())].into(), ..Vantage::of(&path) };
        assert_eq!(obstacle("inner", port, None, &from), None);
        assert_eq!(obstacle("inner", port, Some("gate"), &from), None);
        drop(listener);
        assert_eq!(obstacle("inner", port, Some("gate"), &from), None, "it may come with the change");
        let unknown = obstacle("nowhere.invalid", port, None, &from).unwrap();
        assert!(unknown.contains("nowhere.invalid"), "{unknown}");
    }
}
