//! The options that are passed to `ssh` for a host. All other settings come from the user's own
//! configuration.

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::Problem;

use super::Sockets;

/// The number of unanswered keep-alive messages after which a connection counts as broken.
const ALIVE_COUNT: u64 = 3;
/// The default port of `ssh`. The inventory contains this port for every host that sets no port. This default
/// port is therefore not passed to `ssh`, so that the port in the user's configuration applies.
pub const USUAL_PORT: u16 = 22;

/// Returns the options for a host, each in the form that follows `-o`.
///
/// # Errors
/// The pinned host key is invalid, or cannot be stored.
pub fn of(host: &Host, sockets: &Sockets) -> Result<Vec<String>, Problem> {
    let mut options = vec![
        "BatchMode=yes".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        format!("ConnectTimeout={}", host.timeouts.connect),
        format!("ServerAliveInterval={}", host.timeouts.silence.div_ceil(ALIVE_COUNT)),
        format!("ServerAliveCountMax={ALIVE_COUNT}"),
        "LogLevel=INFO".to_owned(),
        // A remote command in the user's configuration would be run instead of the script.
        "RemoteCommand=none".to_owned(),
        // A terminal on the host would change bytes of the data that is copied.
        "RequestTTY=no".to_owned(),
        "ClearAllForwardings=yes".to_owned(),
        "ForwardAgent=no".to_owned(),
        "ForwardX11=no".to_owned(),
    ];
    options.extend(port(host.ssh.port));
    if let Some(key) = &host.ssh.host_key {
        let (known_hosts, alias) = sockets.pin(host, key)?;
        options.extend([
            format!("HostKeyAlias={alias}"),
            format!("UserKnownHostsFile={}", known_hosts.display()),
            "GlobalKnownHostsFile=none".to_owned(),
            "UpdateHostKeys=no".to_owned(),
            "VerifyHostKeyDNS=no".to_owned(),
            "CheckHostIP=no".to_owned(),
        ]);
    }
    Ok(options)
}

/// Returns the name of a host in files of known hosts, and in questions of `ssh`, if its key is pinned.
pub fn alias(host: &Host) -> String {
    format!("nixfleet-{}", host.name)
}

/// Returns the option that sets the port, unless it is the default port.
pub fn port(port: u16) -> Option<String> {
    (port != USUAL_PORT).then(|| format!("Port={port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_nobody_chose_is_left_to_the_configuration_of_the_user() {
        assert_eq!(port(USUAL_PORT), None);
        assert_eq!(port(2222).as_deref(), Some("Port=2222"));
    }
}
