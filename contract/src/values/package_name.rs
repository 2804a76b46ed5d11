//! Names of packages of dpkg and apt.

use serde::{Deserialize, Serialize};

use super::{Invalid, checked_string};

/// The name of a package, such as `nginx`. For a package of a foreign architecture, the name has the
/// architecture as its suffix, such as `libc6:i386`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackageName(String);

checked_string!(PackageName);

impl PackageName {
    fn check(text: &str) -> Result<(), Invalid> {
        let (name, architecture) =
            text.split_once(':').map_or((text, None), |(name, arch)| (name, Some(arch)));
        let is_first = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let is_name = name.len() > 1
            && name.bytes().next().is_some_and(is_first)
            && name.bytes().all(|b| is_first(b) || b"+-.".contains(&b));
        let is_architecture = |arch: &str| !arch.is_empty() && arch.bytes().all(|b| is_first(b) || b == b'-');
        if is_name && architecture.is_none_or(is_architecture) {
            Ok(())
        } else {
            Err(Invalid(format!("`{}` is not the name of a package", text.escape_debug())))
        }
    }

    /// Returns the name without the architecture.
    #[must_use]
    pub fn plain(&self) -> &str {
        self.split_once(':').map_or(&self.0, |(name, _)| name)
    }

    /// Returns the architecture, if the name has one.
    #[must_use]
    pub fn architecture(&self) -> Option<&str> {
        self.split_once(':').map(|(_, architecture)| architecture)
    }

    /// The packages that NixFleet never removes. Without them, a host may not boot, or nobody can reach or
    /// change it: the programs that configure its network are among them. The evaluation of a fleet has the
    /// same list (`options.json`).
    pub const PROTECTED: [&str; 31] = [
        "apt",
        "bridge-utils",
        "connman",
        "dbus",
        "dhcpcd",
        "dhcpcd-base",
        "dhcpcd5",
        "dpkg",
        "dropbear",
        "dropbear-bin",
        "ifenslave",
        "ifupdown",
        "ifupdown2",
        "init",
        "iproute2",
        "isc-dhcp-client",
        "iwd",
        "libc6",
        "netplan.io",
        "network-manager",
        "nix-bin",
        "nix-setup-systemd",
        "openssh-server",
        "openssh-sftp-server",
        "sudo",
        "systemd",
        "systemd-resolved",
        "systemd-sysv",
        "udhcpc",
        "vlan",
        "wpasupplicant",
    ];

    /// Returns whether NixFleet never removes the package.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        Self::PROTECTED.contains(&self.plain())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_an_architecture() {
        let name: PackageName = "libc6:i386".parse().unwrap();
        assert_eq!((name.plain(), name.architecture()), ("libc6", Some("i386")));
        let name: PackageName = "g++".parse().unwrap();
        assert_eq!((name.plain(), name.architecture()), ("g++", None));
    }

    #[test]
    fn a_package_is_protected_on_each_architecture() {
        for (name, is_protected) in
            [("sudo", true), ("sudo:amd64", true), ("netplan.io", true), ("sudo-ldap", false)]
        {
            assert_eq!(name.parse::<PackageName>().unwrap().is_protected(), is_protected, "{name}");
        }
    }
}
