//! The facts that a host reports about itself before it is prepared.

use std::collections::{BTreeMap, BTreeSet};

use super::unfinished::Unfinished;

/// The most lines that are read. A host has a few dozen facts, and a line for each key of a user.
const MOST: usize = 2000;

/// The facts about a host. A fact that the host did not report is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The id of the distribution in `/etc/os-release`, such as `debian`.
    pub distribution: String,
    /// The distributions that this distribution is like, separated by spaces.
    pub like: String,
    /// The name and the version of the distribution, for people.
    pub release: String,
    /// The name of the processor architecture, as `uname -m` prints it.
    pub machine: String,
    /// The width of addresses of programs, in bits.
    pub bits: String,
    /// The version of systemd, if it runs the host.
    pub systemd: Option<String>,
    /// The version of apt, if there is one.
    pub apt: Option<String>,
    /// The clock of the host, in seconds since 1970.
    pub clock: Option<i64>,
    /// The first line of `dpkg --audit`, if packages are only partly installed.
    pub dpkg: Option<String>,
    /// Whether the host has lists of available packages.
    pub has_lists: bool,
    /// The packages that a bootstrap may install, by name.
    pub packages: BTreeMap<String, Package>,
    /// The version of Nix, if there is one.
    pub nix: Option<String>,
    /// The Nix daemon.
    pub daemon: Daemon,
    /// The units of the Nix daemon, and whether each is enabled, in the words of systemd.
    pub units: BTreeMap<String, String>,
    /// The free space where packages and the Nix store are.
    pub spaces: Vec<Space>,
    /// Whether `sudo` is installed.
    pub has_sudo: bool,
    /// The first line about an error in the rules of `sudo`, if there is one.
    pub sudo_error: Option<String>,
    /// The account of the SSH user, if it exists.
    pub account: Option<Account>,
    /// The public keys that may log in as the SSH user without restrictions, as type and key.
    pub keys: BTreeSet<String>,
    /// Whether the SSH user becomes root without a password.
    pub becomes_root: bool,
    /// The ed25519 host key, as type and key.
    pub host_key: Option<String>,
    /// Another bootstrap of the host.
    pub other: OtherBootstrap,
    /// The temporary directories that interrupted commands of NixFleet left.
    pub leftovers: Vec<String>,
}

/// A package of the distribution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// The installed version.
    pub installed: Option<String>,
    /// The version that apt would install.
    pub candidate: Option<String>,
}

/// The state of the Nix daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Daemon {
    /// The host has no Nix.
    #[default]
    None,
    /// The daemon answers.
    Answers,
    /// The daemon does not answer, with the message of Nix.
    Silent(String),
}

/// Another bootstrap of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OtherBootstrap {
    /// There is none, or it has ended.
    #[default]
    None,
    /// Its operator has neither confirmed nor undone its steps.
    Unfinished(Unfinished),
    /// It is changing the host now, for this operator.
    Running(String),
}

/// The free space below a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    /// The directory.
    pub path: String,
    /// The free space, in KiB.
    pub kib: Option<u64>,
    /// The free inodes, if the filesystem counts them.
    pub inodes: Option<u64>,
}

/// An account of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The home directory.
    pub home: String,
    /// The login shell.
    pub shell: String,
}

impl Facts {
    /// Reads the lines of the script. Unknown facts are ignored.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut facts = Self::default();
        for line in text.lines().take(MOST) {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            facts.note(name, value.trim());
        }
        facts
    }

    fn note(&mut self, name: &str, value: &str) {
        let text = || value.to_owned();
        let some = || (!value.is_empty()).then(text);
        match name {
            "distribution" => self.distribution = text(),
            "like" => self.like = text(),
            "release" => self.release = text(),
            "machine" => self.machine = text(),
            "bits" => self.bits = text(),
            "systemd" => self.systemd = some(),
            "apt" => self.apt = some(),
            "clock" => self.clock = value.parse().ok(),
            "dpkg" => self.dpkg = some(),
            "lists" => self.has_lists = value != "0",
            "package" => self.note_package(value),
            "nix" => self.nix = some(),
            "daemon" if value == "answers" => self.daemon = Daemon::Answers,
            "daemon" => {
                let said = value.strip_prefix("silent").unwrap_or(value).trim();
                self.daemon = Daemon::Silent(said.to_owned());
            }
            "unit" => {
                let (unit, state) = value.split_once(' ').unwrap_or((value, ""));
                self.units.insert(unit.to_owned(), state.to_owned());
            }
            "space" => self.note_space(value),
            "sudo" => self.has_sudo = true,
            "rules" => self.sudo_error = some(),
            "user" => {
                let mut words = value.split(' ').skip(1).map(str::to_owned);
                let (home, shell) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                self.account = Some(Account { home, shell });
            }
            "key" => {
                self.keys.insert(value.to_owned());
            }
            "root" => self.becomes_root = true,
            "hostKey" => self.host_key = some(),
            "running" => self.other = OtherBootstrap::Running(text()),
            "earlier" if self.other == OtherBootstrap::None => {
                self.other =
                    Unfinished::parse(value).map_or(OtherBootstrap::None, OtherBootstrap::Unfinished);
            }
            "leftover" => self.leftovers.extend(some()),
            _ => {}
        }
    }

    fn note_package(&mut self, value: &str) {
        let mut words = value.split(' ').map(str::to_owned);
        let Some(name) = words.next() else { return };
        let mut version = || words.next().filter(|word| word != "-");
        let package = Package { installed: version(), candidate: version() };
        self.packages.insert(name, package);
    }

    fn note_space(&mut self, value: &str) {
        let mut words = value.split(' ');
        let Some(path) = words.next() else { return };
        let mut number = || words.next().and_then(|word| word.parse().ok());
        self.spaces.push(Space { path: path.to_owned(), kib: number(), inodes: number() });
    }

    /// Returns a package that a bootstrap may install.
    #[must_use]
    pub fn package(&self, name: &str) -> Package {
        self.packages.get(name).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_as_the_script_prints_them() {
        let facts = Facts::parse(
            "distribution debian\nlike \nrelease Debian GNU/Linux 13 (trixie)\nbits 64\nlists 0\nclock 1796000000\n\
             package nix-bin - 2.26.3+dfsg-1\npackage sudo 1.9.16p2-3 1.9.16p2-3\nunit nix-daemon.socket enabled\n\
             daemon silent error: cannot connect\nspace /nix 1048576 -\nuser 1000 /home/deploy /bin/bash\n\
             key ssh-ed25519 AAAA\nroot yes\nnews of tomorrow\n",
        );
        assert_eq!((facts.distribution.as_str(), facts.like.as_str()), ("debian", ""));
        assert_eq!((facts.has_lists, facts.clock, facts.becomes_root), (false, Some(1_796_000_000), true));
        assert_eq!(
            facts.package("nix-bin"),
            Package { installed: None, candidate: Some("2.26.3+dfsg-1".into()) }
        );
        assert_eq!(facts.package("unknown"), Package::default());
        assert_eq!(facts.daemon, Daemon::Silent("error: cannot connect".into()));
        assert_eq!(facts.spaces, [Space { path: "/nix".into(), kib: Some(1 << 20), inodes: None }]);
        assert_eq!(facts.account.unwrap().shell, "/bin/bash");
        assert!(facts.keys.contains("ssh-ed25519 AAAA"));
    }

    #[test]
    fn any_text_can_be_read() {
        for text in ["", "\n\n", "space", "package", "user", "space / x y z", "daemon", "unit"] {
            let _ = Facts::parse(text);
        }
    }
}
