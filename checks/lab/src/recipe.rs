//! The contents of the lab's root filesystems: Debian packages, and the files, links and commands that are
//! added to the packages.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The id of `deploy`, the user that NixFleet logs in as. The id is fixed, so that files of this user can be
/// placed before the first boot.
pub const DEPLOY_UID: u32 = 1000;

/// The user of a bare host. The user may use `sudo` with the password [`ADMIN_PASSWORD`].
pub const ADMIN: &str = "admin";
/// The password of [`ADMIN`]. No other text on a host or on the operator's machine contains it.
pub const ADMIN_PASSWORD: &str = "Qz7-battery \"staple$";

/// The contents of a root filesystem: packages, files and commands.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The first part of the name of the root filesystem's directory.
    pub name: &'static str,
    /// The Debian release.
    pub suite: &'static str,
    /// Whether to link `/bin`, `/lib` and `/sbin` to `/usr`, as the installer of Debian 12 does. Later
    /// releases contain these links.
    pub merges_usr: bool,
    /// The Debian packages. The packages on which they depend are installed too, but not the packages that
    /// they recommend.
    pub packages: Vec<&'static str>,
    /// The files: path without the leading slash, mode and content.
    pub files: Vec<(&'static str, u32, &'static str)>,
    /// The symbolic links: path without the leading slash, and target.
    pub links: Vec<(&'static str, &'static str)>,
    /// The paths to remove after the commands have run, without the leading slash.
    pub removed: Vec<&'static str>,
    /// The commands that run inside the root filesystem, in order, after the files are placed.
    pub commands: Vec<&'static [&'static str]>,
}

impl Recipe {
    /// Returns the recipe for hosts and for the operator's machine.
    #[must_use]
    pub fn host() -> Self {
        Self {
            name: "host",
            suite: "trixie",
            merges_usr: false,
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
                // In tests, the operator uses bash, fish and zsh, and reads manual pages. Tests make fish
                // and tcsh login shells of a user on a host too, because their syntax is different.
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
                // These links disable generators that have nothing to do on the lab's hosts. Otherwise
                // systemd would run the generators at each boot and each reload. The last three, for fstab,
                // terminals and init scripts, were a third of the work of a reload.
                ("etc/systemd/system-generators/systemd-debug-generator", "/dev/null"),
                ("etc/systemd/system-generators/systemd-gpt-auto-generator", "/dev/null"),
                ("etc/systemd/system-generators/systemd-hibernate-resume-generator", "/dev/null"),
                ("etc/systemd/system-generators/systemd-rc-local-generator", "/dev/null"),
                ("etc/systemd/system-generators/systemd-run-generator", "/dev/null"),
                ("etc/systemd/system-generators/systemd-ssh-generator", "/dev/null"),
                ("etc/systemd/system-generators/systemd-system-update-generator", "/dev/null"),
                ("etc/systemd/system-generators/systemd-tpm2-generator", "/dev/null"),
                ("etc/systemd/system-generators/systemd-fstab-generator", "/dev/null"),
                ("etc/systemd/system-generators/systemd-getty-generator", "/dev/null"),
                ("etc/systemd/system-generators/systemd-sysv-generator", "/dev/null"),
                // systemd would start a manager for the user of each login, which costs more than the login.
                ("etc/systemd/system/user@.service", "/dev/null"),
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
                // This unit only waits for a shutdown, but to start it is a tenth of the work of a boot.
                "etc/systemd/system/multi-user.target.wants/unattended-upgrades.service",
                "etc/ssh/ssh_host_rsa_key",
                "etc/ssh/ssh_host_rsa_key.pub",
                "etc/ssh/ssh_host_ecdsa_key",
                "etc/ssh/ssh_host_ecdsa_key.pub",
                "etc/ssh/ssh_host_ed25519_key",
                "etc/ssh/ssh_host_ed25519_key.pub",
            ],
            commands: vec![
                &["useradd", "--create-home", "--uid", "1000", "--shell", "/bin/bash", "deploy"],
                // On Debian only the members of the group `nix-users` may connect to the Nix daemon.
                &["usermod", "--append", "--groups", "nix-users", "deploy"],
                &["nix-store", "--init"],
                &["ldconfig"],
                &["journalctl", "--update-catalog"],
                // This marks /etc and /var as newer than /usr, so that the first boot does not repeat the
                // two commands above.
                &["/usr/lib/systemd/systemd-update-done"],
            ],
        }
    }

    /// Returns the recipe for a host with Debian 12: systemd 252, OpenSSH 9.2 and Nix 2.8.
    #[must_use]
    pub fn older_host() -> Self {
        let mut recipe = Self::host();
        recipe.name = "older-host";
        recipe.suite = "bookworm";
        recipe.merges_usr = true;
        // These are for the operator's machine, and for login shells on hosts with Debian 13.
        let unused = ["bash-completion", "fish", "git", "man-db", "tcsh", "zsh"];
        recipe.packages.retain(|package| !unused.contains(package));
        // The package `systemd` of Debian 12 does not contain this program.
        recipe.commands.retain(|command| !matches!(command, [program] if program.ends_with("update-done")));
        recipe
    }

    /// Returns the recipe for a host before NixFleet: it has no Nix and no user `deploy`, but a user who
    /// may use `sudo` with a password. Its only package source is the directory `/srv/debs`.
    #[must_use]
    pub fn bare_host() -> Self {
        let mut recipe = Self::host().bare("bare-host");
        // The tests make many connections without a login, which sshd would count as attacks.
        recipe.files.push(("etc/ssh/sshd_config.d/penalties.conf", 0o644, "PerSourcePenalties no\n"));
        recipe
    }

    /// Returns the recipe of [`Self::bare_host`] for a host with Debian 12.
    #[must_use]
    pub fn older_bare_host() -> Self {
        Self::older_host().bare("older-bare-host")
    }

    /// Returns this recipe without Nix and its users.
    fn bare(mut self, name: &'static str) -> Self {
        self.name = name;
        let unused =
            ["nix-bin", "nix-setup-systemd", "bash-completion", "fish", "git", "man-db", "tcsh", "zsh"];
        self.packages.retain(|package| !unused.contains(package));
        self.files.retain(|(path, _, _)| !matches!(*path, "etc/nix/nix.conf" | "etc/sudoers.d/deploy"));
        self.files.push(("etc/apt/sources.list", 0o644, "deb [trusted=yes] file:///srv/debs ./\n"));
        self.commands.retain(|command| !matches!(command[0], "useradd" | "usermod" | "nix-store"));
        let admin: [&[&str]; 2] = [
            &["useradd", "--create-home", "--uid", "1000", "--shell", "/bin/bash", "--groups", "sudo", ADMIN],
            &["sh", "-c", "printf 'admin:%s\\n' \"$1\" | chpasswd", "sh", ADMIN_PASSWORD],
        ];
        self.commands.splice(0..0, admin);
        self
    }

    /// Returns the recipe of [`Self::host`] with Ansible, for the operator's machine of the benchmark.
    #[must_use]
    pub fn ansible() -> Self {
        let mut recipe = Self::host();
        recipe.name = "ansible";
        recipe.packages.push("ansible-core");
        recipe
    }

    /// Returns 12 hexadecimal digits that are different if any part of the recipe is different.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&format!("{self:?}"))
    }
}

/// Returns 12 hexadecimal digits of the hash of a text.
pub(crate) fn digest(text: &str) -> String {
    let mut digits = String::new();
    for byte in Sha256::digest(text).iter().take(6) {
        write!(digits, "{byte:02x}").ok();
    }
    digits
}

/// The Nix configuration of hosts. It names no binary cache, because hosts cannot reach one. It disables the
/// sandbox, because a sandbox does not work inside the container of a host.
const NIX_CONF: &str = "\
build-users-group = nixbld
experimental-features = nix-command flakes
sandbox = false
substituters =
trusted-users = root deploy
";

/// The sshd configuration of hosts. Each host has one host key, which is created before the first boot.
/// Sessions are logged, so that tests can count them.
const SSHD_CONF: &str = "\
HostKey /etc/ssh/ssh_host_ed25519_key
LogLevel VERBOSE
";
