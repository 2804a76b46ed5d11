//! The destination that the user's `ssh` resolves the address of a host to.

use std::time::Duration;

use super::{Session, Shared};

/// The time limit of `ssh -G`, which may run commands (`Match exec`) and look up names.
const LIMIT: Duration = Duration::from_secs(10);

/// The destination of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The name or address that `ssh` uses in place of the address in the inventory (`HostName`).
    pub hostname: String,
    /// The host or command through which the connection is made (`ProxyJump`, `ProxyCommand`).
    pub through: Option<String>,
}

impl Resolved {
    /// Parses the output of `ssh -G`.
    fn parse(settings: &str) -> Self {
        let of = |key: &str| {
            let mut values = settings.lines().filter_map(|line| line.split_once(' '));
            values.find(|(name, _)| *name == key).map(|(_, value)| value.trim().to_owned())
        };
        let given = |key: &str| of(key).filter(|value| !value.is_empty() && value != "none");
        Self {
            hostname: of("hostname").unwrap_or_default(),
            through: given("proxyjump").or_else(|| given("proxycommand")),
        }
    }

    /// Returns the gate of the destination: the first host that a connection goes through, or the command
    /// through which the connection is made.
    #[must_use]
    pub fn gate(&self) -> &str {
        let first = self.through.as_deref().unwrap_or(&self.hostname);
        first.split(',').next().unwrap_or(first)
    }
}

impl Session {
    /// Returns the destination of this host. `ssh` is queried only once.
    pub async fn resolved(&self) -> &Resolved {
        let ask = || async {
            let arguments = self.arguments("ControlMaster=no", Shared::No);
            let invocation = crate::process::Invocation::new("ssh", LIMIT)
                .args(["-G"])
                .args(arguments)
                .args(["--".to_owned(), self.destination()]);
            let said = invocation.run().await.ok().filter(|output| output.status.success());
            let found = said.map(|output| Resolved::parse(&String::from_utf8_lossy(&output.stdout)));
            let found = found.filter(|found| !found.hostname.is_empty());
            found.unwrap_or_else(|| Resolved { hostname: self.host.addr.clone(), through: None })
        };
        self.resolved.get_or_init(ask).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_a_host_are_read_as_ssh_prints_them() {
        let settings =
            "host inner\nuser deploy\nhostname 10.0.1.12\nport 2222\nproxyjump ada@gate:22,deploy@web-1\n";
        let found = Resolved::parse(settings);
        let through = Some("ada@gate:22,deploy@web-1".to_owned());
        assert_eq!(found, Resolved { hostname: "10.0.1.12".to_owned(), through });
        assert_eq!(found.gate(), "ada@gate:22");
        let plain = Resolved::parse("hostname web-1\nproxycommand none\n");
        assert_eq!((plain.gate(), &plain.through), ("web-1", &None));
        let command = Resolved::parse("hostname web-1\nproxycommand tunnel %h\n");
        assert_eq!(command.gate(), "tunnel %h");
    }
}
