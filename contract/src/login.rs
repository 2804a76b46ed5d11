//! The user who applies a change, and the SSH connection of this user. The change should not break this
//! remote access.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A user who logged in to a host to apply a change, directly as root or with `sudo`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Login {
    /// The account that logged in.
    pub user: String,
    /// The SSH connection; `None` for a login at a console.
    pub connection: Option<Connection>,
}

/// An SSH connection, as the host sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The address of the client.
    pub client: IpAddr,
    /// The address of the host that the client connected to.
    pub server: IpAddr,
    /// The port of the host that the client connected to.
    pub port: u16,
}

impl Login {
    /// Reads the values of `SUDO_USER` and `SSH_CONNECTION`, which sudo and sshd set. Returns `None` if
    /// neither variable is set: nobody has logged in from another machine, so there is no remote access to
    /// preserve.
    #[must_use]
    pub fn of(user: Option<&str>, connection: Option<&str>) -> Option<Self> {
        let connection = connection.and_then(Connection::parse);
        let user = user.filter(|user| !user.is_empty());
        if user.is_none() && connection.is_none() {
            return None;
        }
        Some(Self { user: user.unwrap_or("root").to_owned(), connection })
    }
}

impl Connection {
    /// Parses `SSH_CONNECTION`: address and port of the client, address and port of the host.
    fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let [client, _, server, port] = words[..] else { return None };
        Some(Self { client: address(client)?, server: address(server)?, port: port.parse().ok()? })
    }
}

/// Parses an IP address and ignores its zone, such as `%eth0`.
fn address(text: &str) -> Option<IpAddr> {
    text.split('%').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_applies_is_known_from_sudo_and_sshd() {
        let login = Login::of(Some("ada"), Some("10.0.1.2 50000 10.0.1.11 22")).unwrap();
        let connection = login.connection.unwrap();
        assert_eq!((login.user.as_str(), connection.port), ("ada", 22));
        assert_eq!(connection.client.to_string(), "10.0.1.2");
        assert_eq!(Login::of(None, Some("fe80::1%eth0 50000 fe80::2%eth0 22")).unwrap().user, "root");
        assert_eq!(Login::of(Some("ada"), Some("nonsense")).unwrap().connection, None);
        assert_eq!(Login::of(Some(""), Some("")), None);
    }
}
