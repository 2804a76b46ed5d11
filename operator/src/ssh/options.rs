//! What `ssh` is told beside the host: all other settings are the user's.

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::Problem;

use super::Sockets;

/// How often a host that says nothing is asked whether it is still there before it is given up.
const ALIVE_COUNT: u64 = 3;
/// The port that `ssh` takes where nobody says another. The inventory says it of every host for which its
/// author wrote none, so it is no wish, and what the user's configuration says of the host has its way.
pub const USUAL_PORT: u16 = 22;

/// The options for a host, each as it follows `-o`.
///
/// # Errors
/// The pinned host key is no key, or cannot be stored.
pub fn of(host: &Host, sockets: &Sockets) -> Result<Vec<String>, Problem> {
    let mut options = vec![
        "BatchMode=yes".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        format!("ConnectTimeout={}", host.timeouts.connect),
        format!("ServerAliveInterval={}", host.timeouts.silence.div_ceil(ALIVE_COUNT)),
        format!("ServerAliveCountMax={ALIVE_COUNT}"),
        "LogLevel=INFO".to_owned(),
        // What a user may have set for their own logins has no place in ours.
        "RemoteCommand=none".to_owned(),
        // A terminal in between would change the bytes of a copy.
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

fn port(port: u16) -> Option<String> {
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
