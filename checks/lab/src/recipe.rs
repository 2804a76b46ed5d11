//! What goes into a root filesystem of the lab, besides what the packages bring.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The Debian release the lab's hosts run.
pub const SUITE: &str = "trixie";

/// The user NixFleet logs in as. Its ids are fixed so that files can be placed before the first boot.
pub const DEPLOY_UID: u32 = 1000;

/// A root filesystem: packages, files and commands.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// A word for its directory.
    pub name: &'static str,
    /// Debian packages; their dependencies come along, recommendations do not.
    pub packages: Vec<&'static str>,
    /// Files: path without the leading slash, mode, content.
    pub files: Vec<(&'static str, u32, &'static str)>,
    /// Links: path without the leading slash, target.
    pub links: Vec<(&'static str, &'static str)>,
    /// Paths removed in the end, without the leading slash.
    pub removed: Vec<&'static str>,
    /// Commands run inside, in order, after the files are in place.
    pub commands: Vec<&'static [&'static str]>,
}

impl Recipe {
    /// Root for hosts and for the operator's machine.
    #[must_use]
    pub fn host() -> Self {
        Self {
            name: "host",
            packages: vec![
                "systemd",
                "systemd-sysv",
                "dbus",
                "libpam-systemd",
                "openssh-server",
                "sudo",
                "nix-bin",
                "nix-setup-systemd",
                "unattended-upgrades",
                "iproute2",
                "ca-certificates",
                "curl",
                "git",
                "busybox-static",
                "python3",
                // Login shells that are unlike others. Operators type into bash, fish and zsh, and read
                // manual pages.
                "bash-completion",
                "fish",
                "man-db",
                "tcsh",
                "zsh",
            ],
            files: vec![
                ("etc/nix/nix.conf", 0o644, NIX_CONF),
                ("etc/ssh/sshd_config.d/lab.conf", 0o644, SSHD_CONF),
                ("etc/sudoers.d/deploy", 0o440, "deploy ALL=(ALL:ALL) NOPASSWD: ALL\n"),
                ("etc/systemd/system.conf.d/lab.conf", 0o644, "[Manager]\nDefaultTimeoutStopSec=5s\n"),
                ("etc/systemd/journald.conf.d/lab.conf", 0o644, "[Journal]\nRateLimitBurst=0\n"),
            ],
            links: vec![
                ("etc/systemd/system/apt-daily.timer", "/dev/null"),
                ("etc/systemd/system/apt-daily-upgrade.timer", "/dev/null"),
                ("etc/systemd/system/dpkg-db-backup.timer", "/dev/null"),
                ("etc/systemd/system/man-db.timer", "/dev/null"),
                (
                    "etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
                    "/usr/lib/systemd/system/systemd-networkd.service",
                ),
            ],
            removed: vec![
                "etc/ssh/ssh_host_rsa_key",
                "etc/ssh/ssh_host_rsa_key.pub",
                "etc/ssh/ssh_host_ecdsa_key",
                "etc/ssh/ssh_host_ecdsa_key.pub",
                "etc/ssh/ssh_host_ed25519_key",
                "etc/ssh/ssh_host_ed25519_key.pub",
            ],
            commands: vec![
                &["useradd", "--create-home", "--uid", "1000", "--shell", "/bin/bash", "deploy"],
                // Debian lets only this group talk to the Nix daemon.
                &["usermod", "--append", "--groups", "nix-users", "deploy"],
                &["nix-store", "--init"],
                &["ldconfig"],
                &["journalctl", "--update-catalog"],
                // Says that /etc and /var are newer than /usr, so that the first boot does none of it again.
                &["/usr/lib/systemd/systemd-update-done"],
            ],
        }
    }

    /// Like [`Self::host`], with Ansible: the operator's machine of the benchmark.
    #[must_use]
    pub fn ansible() -> Self {
        let mut recipe = Self::host();
        recipe.name = "ansible";
        recipe.packages.push("ansible-core");
        recipe
    }

    /// Changes with anything in the recipe: 12 hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&format!("{SUITE} {self:?}"))
    }
}

/// 12 hexadecimal digits that change with a text.
pub(crate) fn digest(text: &str) -> String {
    let mut digits = String::new();
    for byte in Sha256::digest(text).iter().take(6) {
        write!(digits, "{byte:02x}").ok();
    }
    digits
}

/// Hosts of the lab reach no binary cache, and a sandbox cannot be nested into their container.
const NIX_CONF: &str = "\
build-users-group = nixbld
experimental-features = nix-command flakes
sandbox = false
substituters =
trusted-users = root deploy
";

/// One host key, made before the first boot; sessions are logged so that tests can count them.
const SSHD_CONF: &str = "\
HostKey /etc/ssh/ssh_host_ed25519_key
LogLevel VERBOSE
";
