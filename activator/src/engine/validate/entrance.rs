//! Checks whether a user can log in over SSH and become root. The check reads the files of the mount
//! namespace of this process.
//!
//! Every obstacle is reported by name. An obstacle that existed before the change does not count against the
//! change. Anything that cannot be determined, such as keys from a directory service, is not an obstacle.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use nixfleet_contract::login::Login;

use crate::engine::validate::keys;
use crate::engine::validate::sshd::SshdSettings;
use crate::host::Host;
use crate::host::accounts::{Account, Accounts};
use crate::host::preview::{self, Changes, PathChange};
use crate::host::{clock, command};

/// The time limit for sudo.
const LIMIT: Duration = Duration::from_secs(30);
/// The names of shells that prevent a login.
const NO_SHELLS: [&str; 2] = ["nologin", "false"];

/// The obstacles to a login of one user, and the keys that permit the login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entrance {
    /// The obstacles, each in the form `subject: reason`.
    obstacles: Vec<String>,
    /// The public keys that permit a login, or `None` if the keys cannot be determined from files.
    keys: Option<BTreeSet<String>>,
}

impl Entrance {
    /// Checks the login of a user. `program` is the program to run with sudo. `changes` contains the planned
    /// changes of paths, because the preview does not show all of these changes.
    #[must_use]
    pub fn look(host: &Host, login: &Login, program: &Path, changes: &Changes) -> Self {
        let Ok(accounts) = Accounts::read(host) else { return Self::default() };
        let account = accounts.users.get(&login.user);
        let mut entrance = Self::default();
        if let Some(account) = account {
            entrance.obstacles.extend(shell(host, &login.user, account, changes));
            entrance.obstacles.extend(expiry(&login.user, account));
        }
        if let Some(connection) = login.connection
            && let Some(settings) = SshdSettings::ask(login, connection)
        {
            entrance.obstacles.extend(settings.obstacles(login, connection, &accounts));
            entrance.keys =
                account.and_then(|account| keys::keys(host, &login.user, account, &settings, changes));
        }
        if let Some(account) = account.filter(|account| account.uid != 0) {
            entrance.obstacles.extend(sudo(&login.user, account, program));
        }
        entrance
    }

    /// Returns the obstacles that do not exist in `before`.
    #[must_use]
    pub fn obstacles_since(&self, before: &Self) -> Vec<String> {
        // The reason may be worded differently although the obstacle is the same, so compare only the
        // subjects.
        let about = |obstacle: &str| obstacle.split(": ").next().unwrap_or_default().to_owned();
        let known: BTreeSet<String> = before.obstacles.iter().map(|obstacle| about(obstacle)).collect();
        let mut new = self.obstacles.clone();
        new.retain(|obstacle| !known.contains(&about(obstacle)));
        if let (Some(now), Some(before)) = (&self.keys, &before.keys)
            && !before.is_empty()
            && now.is_disjoint(before)
        {
            let which = if before.len() == 1 {
                "the key that was accepted".to_owned()
            } else {
                format!("none of the {} keys that were accepted", before.len())
            };
            let gone = if before.len() == 1 { "is no longer accepted" } else { "is accepted now" };
            new.push(format!("authorized keys: {which} before {gone}"));
        }
        new
    }
}

/// Returns the obstacle if the shell of the account prevents a login.
fn shell(host: &Host, user: &str, account: &Account, changes: &Changes) -> Option<String> {
    let shell = if account.shell.is_empty() { "/bin/sh" } else { account.shell.as_str() };
    let name = shell.rsplit('/').next().unwrap_or_default();
    if NO_SHELLS.contains(&name) {
        return Some(format!("the shell of {user}: {shell} allows no login"));
    }
    let runs = match preview::change_at(changes, shell) {
        Some(PathChange::File { access, .. } | PathChange::Access { access }) => access.mode & 0o111 != 0,
        Some(PathChange::Gone | PathChange::Directory { .. }) => false,
        Some(PathChange::Link { .. } | PathChange::Restored { .. }) => true,
        None => fs::metadata(host.path(shell))
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0),
    };
    (!runs).then(|| format!("the shell of {user}: the program {shell} does not exist"))
}

/// Returns the obstacle if the account has expired. The expiry date in shadow(5) is in days since 1970-01-01.
fn expiry(user: &str, account: &Account) -> Option<String> {
    let day = account.expires.parse::<u64>().ok()?;
    let today = clock::seconds() / 86_400;
    (day <= today).then(|| format!("the account {user}: it has expired, or is disabled"))
}

/// Returns the obstacle if the user cannot run a program with sudo without a password. The program is tried
/// as that user.
fn sudo(user: &str, account: &Account, program: &Path) -> Option<String> {
    let ids = [format!("--reuid={}", account.uid), format!("--regid={}", account.gid)];
    let program = program.to_string_lossy();
    // `-k` ignores cached credentials.
    let sudo = ["--", "sudo", "-n", "-k", "--", &program, "--version"];
    let argv: Vec<&str> = ["setpriv", &ids[0], &ids[1], "--init-groups"].into_iter().chain(sudo).collect();
    let finished = command::run(&argv, LIMIT).ok()?;
    if finished.success() {
        return None;
    }
    Some(format!("sudo: {user} can no longer become root without a password ({})", finished.why()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entrance(obstacles: &[&str], keys: Option<&[&str]>) -> Entrance {
        let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        Entrance {
            obstacles: owned(obstacles),
            keys: keys.map(|keys| keys.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn only_what_was_not_there_before_stands_in_the_way() {
        let before = entrance(&["a: one reason"], Some(&["AAAA", "BBBB"]));
        let since = |now: Entrance| now.obstacles_since(&before);
        assert_eq!(since(entrance(&["a: another"], Some(&["BBBB", "CCCC"]))), [] as [&str; 0]);
        assert_eq!(since(entrance(&["a", "b: why"], Some(&["BBBB"]))), ["b: why"]);
        assert_eq!(since(entrance(&[], Some(&["CCCC"]))).len(), 1);
        // A user whose keys cannot be determined from files counts as able to log in.
        assert_eq!(since(entrance(&[], None)), [] as [&str; 0]);
        assert_eq!(entrance(&[], Some(&[])).obstacles_since(&entrance(&[], Some(&[]))), [] as [&str; 0]);
    }

    #[test]
    fn an_account_is_over_from_the_day_on_which_it_expires() {
        let accounts = Accounts::parse("ada:x:1000:1000::/home/ada:/bin/bash\n", "ada:x:1000:\n");
        let is_over = |expires: String| {
            expiry("ada", &Account { expires, ..accounts.users["ada"].clone() })
                .is_some_and(|obstacle| obstacle.starts_with("the account ada: it has expired"))
        };
        let today = clock::seconds() / 86_400;
        for day in [0, 1, today - 1, today] {
            assert!(is_over(day.to_string()), "{day}");
        }
        // These accounts have not expired: no expiry date, a value that is not a date, and a date that is
        // still in the future if midnight passes during the test.
        for day in [String::new(), "-1".to_owned(), (today + 2).to_string()] {
            assert!(!is_over(day.clone()), "{day}");
        }
    }
}
