//! Determines the keys that permit a login: the keys in the files that sshd would read for the user.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::engine::validate::sshd::SshdSettings;
use crate::host::accounts::Account;
use crate::host::preview::{self, Changes, Ids, PathChange};
use crate::host::{HOME, Host};

/// The maximum number of bytes that are read from a file of keys.
const LIMIT: u64 = 4 * 1024 * 1024;

/// Returns the base64 text of the public keys that permit a login of a user. Returns `None` if keys may also
/// come from another source than files.
#[must_use]
pub fn keys(
    host: &Host,
    user: &str,
    account: &Account,
    settings: &SshdSettings,
    changes: &Changes,
) -> Option<BTreeSet<String>> {
    let elsewhere = ["authorizedkeyscommand", "trustedusercakeys", "authorizedprincipalscommand"];
    if elsewhere.iter().any(|setting| settings.value(setting).is_some()) {
        return None;
    }
    let strict = settings.value("strictmodes") != Some("no");
    let reader = KeyReader { host, account, changes, strict };
    let files = settings.words("authorizedkeysfile").filter(|file| *file != "none");
    Some(files.flat_map(|file| reader.file(&expanded(file, user, account))).collect())
}

/// Expands a pattern of `AuthorizedKeysFile`, see `sshd_config(5)`.
fn expanded(pattern: &str, user: &str, account: &Account) -> String {
    let mut path = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match (letter, if letter == '%' { letters.next() } else { None }) {
            ('%', Some('h')) => path.push_str(&account.home),
            ('%', Some('u')) => path.push_str(user),
            ('%', Some('U')) => path.push_str(&account.uid.to_string()),
            ('%', Some(other)) => path.push(other),
            (letter, _) => path.push(letter),
        }
    }
    if path.starts_with('/') { path } else { format!("{}/{path}", account.home) }
}

struct KeyReader<'a> {
    host: &'a Host,
    account: &'a Account,
    changes: &'a Changes,
    /// Whether sshd ignores files that other users could have written (`StrictModes`).
    strict: bool,
}

impl KeyReader<'_> {
    fn file(&self, path: &str) -> BTreeSet<String> {
        let (Some(source), Some(ids)) = (self.source(path), self.ids(path)) else { return BTreeSet::new() };
        if !self.can_read(ids) || (self.strict && !self.is_safe(path)) {
            return BTreeSet::new();
        }
        let mut text = Vec::new();
        let read = File::open(source).and_then(|file| file.take(LIMIT).read_to_end(&mut text));
        if read.is_err() {
            return BTreeSet::new();
        }
        String::from_utf8_lossy(&text).lines().filter_map(key).map(str::to_owned).collect()
    }

    fn change(&self, path: &str) -> Option<PathChange> {
        preview::change_at(self.changes, path)
    }

    /// Returns the location of the content that will be at a path, or `None` if no file will be there.
    fn source(&self, path: &str) -> Option<PathBuf> {
        match self.change(path) {
            Some(PathChange::File { source, .. }) => Some(source),
            Some(PathChange::Restored { from }) => Some(self.host.path(&from.to_string_lossy())),
            Some(PathChange::Link { target }) => Some(PathBuf::from(target)),
            Some(PathChange::Directory { .. } | PathChange::Gone) => None,
            Some(PathChange::Access { .. }) | None => Some(self.host.path(path)),
        }
    }

    /// Returns the owner and mode that a path will have, or `None` if nothing will exist there.
    fn ids(&self, path: &str) -> Option<Ids> {
        match self.change(path) {
            Some(
                PathChange::File { access, .. }
                | PathChange::Directory { access }
                | PathChange::Access { access },
            ) => Some(access),
            Some(PathChange::Gone) => None,
            Some(PathChange::Link { .. } | PathChange::Restored { .. }) => Ids::of(&self.source(path)?).ok(),
            None => Ids::of(&self.host.path(path)).ok(),
        }
    }

    /// Whether sshd may read a file. For this, sshd takes the rights of the user.
    fn can_read(&self, ids: Ids) -> bool {
        let bit = if ids.uid == self.account.uid {
            0o400
        } else if ids.gid == self.account.gid {
            0o040
        } else {
            0o004
        };
        self.account.uid == 0 || ids.mode & bit != 0
    }

    /// Whether only root and the user can write to a file and to its parent directories, up to the home
    /// directory.
    fn is_safe(&self, path: &str) -> bool {
        let closed = |path: &str| {
            self.ids(path)
                .is_some_and(|ids| (ids.uid == 0 || ids.uid == self.account.uid) && ids.mode & 0o022 == 0)
        };
        let mut above = Path::new(path).ancestors().filter_map(Path::to_str).filter(|path| *path != "/");
        let mut last = String::new();
        above.all(|path| {
            // sshd does not check the directories above the home directory.
            let beyond = last == self.account.home;
            path.clone_into(&mut last);
            beyond || path == HOME || closed(path)
        })
    }
}

/// Returns the key in a line of an `authorized_keys` file, after any options.
fn key(line: &str) -> Option<&str> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let is_type = |word: &&str| {
        ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"].iter().any(|prefix| word.starts_with(prefix))
    };
    let mut words = line.split_ascii_whitespace();
    words.find(is_type)?;
    words.next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::accounts::Accounts;

    #[test]
    fn a_key_is_found_behind_its_options() {
        assert_eq!(key("ssh-ed25519 AAAA ada"), Some("AAAA"));
        assert_eq!(key("from=\"10.*\",command=\"echo hi\" sk-ssh-ed25519@openssh.com BBBB"), Some("BBBB"));
        assert_eq!(key("# ssh-ed25519 AAAA"), None);
        assert_eq!(key(""), None);
    }

    #[test]
    fn keys_count_where_sshd_would_read_them() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::open(root.path()).unwrap();
        let me = rustix::process::geteuid().as_raw();
        let passwd = format!("ada:x:{me}:{}::/home/ada:/bin/bash\n", rustix::process::getegid().as_raw());
        let accounts = Accounts::parse(&passwd, "");
        let settings =
            SshdSettings::parse("authorizedkeysfile .ssh/authorized_keys /etc/keys/%u\nstrictmodes yes");
        let keys = |changes: &Changes| {
            keys(&host, "ada", &accounts.users["ada"], &settings, changes)
                .unwrap()
                .into_iter()
                .collect::<Vec<_>>()
        };
        let ssh = root.path().join("home/ada/.ssh");
        std::fs::create_dir_all(&ssh).unwrap();
        std::fs::write(ssh.join("authorized_keys"), "ssh-ed25519 AAAA ada\n").unwrap();
        assert_eq!(keys(&Changes::new()), ["AAAA"]);

        let source = root.path().join("new");
        std::fs::write(&source, "ssh-ed25519 BBBB ada\n").unwrap();
        let change =
            |uid, mode| PathChange::File { source: source.clone(), access: Ids { uid, gid: 0, mode } };
        let changed = |path: &str, change| Changes::from([(path.parse().unwrap(), change)]);
        assert_eq!(keys(&changed("/home/ada/.ssh/authorized_keys", change(me, 0o600))), ["BBBB"]);
        assert_eq!(keys(&changed("/home/ada/.ssh/authorized_keys", change(me, 0o622))), [] as [&str; 0]);
        assert_eq!(keys(&changed("/home/ada/.ssh/authorized_keys", PathChange::Gone)), [] as [&str; 0]);
        let open = PathChange::Access { access: Ids { uid: me, gid: 0, mode: 0o777 } };
        assert_eq!(keys(&changed("/home/ada", open)), [] as [&str; 0]);
        let command = SshdSettings::parse("authorizedkeyscommand /usr/bin/keys");
        assert_eq!(super::keys(&host, "ada", &accounts.users["ada"], &command, &Changes::new()), None);
    }
}
