//! Changes to users and groups, made with the host's own tools.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::Duration;

use nixfleet_contract::manifest::User;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::Owner;

use super::{Account, Accounts};
use crate::host::{Host, command};

/// The time limit for a tool. It is generous because the tools may wait for the lock of the account files.
const LIMIT: Duration = Duration::from_secs(60);
/// The login shell of a disabled user.
const NO_LOGIN: &str = "/usr/sbin/nologin";
/// The expiry date of a disabled user: 1970-01-02, in the format of shadow(5).
pub const EXPIRED: &str = "1";

/// The arguments of usermod(8) that change a user. Only fields that differ are included, since usermod
/// refuses some changes while the user is logged in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountChange {
    arguments: Vec<OsString>,
}

impl AccountChange {
    /// Returns the change from one state of a user to another. If the groups differ in group(5) or
    /// gshadow(5), usermod writes them to both files.
    #[must_use]
    pub fn between(from: &Account, to: &Account) -> Self {
        let groups = |account: &Account| [account.groups.join(","), account.shadow_groups.join(",")];
        let same_groups = groups(from) == groups(to);
        let mut change = Self::default()
            .option("--gid", &from.gid.to_string(), &to.gid.to_string())
            .option("--home", &from.home, &to.home)
            .option("--shell", &from.shell, &to.shell)
            .option("--comment", &from.description, &to.description)
            .option("--expiredate", &expiry(&from.expires), &expiry(&to.expires));
        if !same_groups {
            change.arguments.extend(["--groups".into(), to.groups.join(",").into()]);
        }
        match (from.locked_password, to.locked_password) {
            (true, false) => change.arguments.push("--unlock".into()),
            (false, true) => change.arguments.push("--lock".into()),
            _ => {}
        }
        change
    }

    /// Returns the change that disables a user: it locks the password, expires the account, removes the login
    /// shell and removes the user from `groups`.
    #[must_use]
    pub fn disable(from: &Account, groups: &BTreeSet<Owner>) -> Self {
        let arguments = ["--lock", "--expiredate", EXPIRED, "--shell", NO_LOGIN];
        let mut to = from.clone();
        to.groups.retain(|group| !groups.contains(group.as_str()));
        to.shadow_groups.retain(|group| !groups.contains(group.as_str()));
        let mut change = Self::between(from, &to);
        change.arguments.extend(arguments.map(OsString::from));
        change
    }

    fn option(mut self, name: &str, from: &str, to: &str) -> Self {
        if from != to {
            self.arguments.extend([name.into(), to.into()]);
        }
        self
    }
}

/// Returns an expiry date of shadow(5) as an argument for usermod(8). Both use the number of days since
/// 1970-01-01. Returns an empty text for anything else, which means that the account never expires.
fn expiry(days: &str) -> String {
    if days.parse::<u32>().is_ok() { days.to_owned() } else { String::new() }
}

/// Creates a group. Without `gid`, the group becomes a system group.
///
/// # Errors
/// Fails with [`Code::Account`].
pub fn create_group(host: &Host, name: &str, gid: Option<u32>) -> Result<(), Problem> {
    let mut arguments: Vec<OsString> = Vec::new();
    match gid {
        Some(gid) => arguments.extend(["--gid".into(), gid.to_string().into()]),
        None => arguments.push("--system".into()),
    }
    run(host, "groupadd", arguments, name)
}

/// Creates a user. The groups of the user must exist.
///
/// # Errors
/// Fails with [`Code::Account`].
pub fn create_user(host: &Host, user: &User) -> Result<(), Problem> {
    let groups: Vec<&str> = user.extra_groups.iter().map(|group| &**group).collect();
    // The home directory is created by a separate step, so that its creation can be undone.
    let mut arguments: Vec<OsString> = vec![
        "--gid".into(),
        user.group.to_string().into(),
        "--home-dir".into(),
        user.home.to_string().into(),
        "--no-create-home".into(),
        "--shell".into(),
        user.shell.to_string().into(),
        "--comment".into(),
        user.description.clone().into(),
        "--groups".into(),
        groups.join(",").into(),
    ];
    if user.system {
        arguments.push("--system".into());
    }
    if let Some(uid) = user.uid {
        arguments.extend(["--uid".into(), uid.to_string().into()]);
    }
    run(host, "useradd", arguments, &user.name)
}

/// Disables a user and removes the user from `groups`. Does nothing if the user does not exist.
///
/// # Errors
/// Fails with [`Code::Account`] or [`Code::HostFile`].
pub fn disable_user(host: &Host, name: &str, groups: &BTreeSet<Owner>) -> Result<(), Problem> {
    match Accounts::read(host)?.users.get(name) {
        Some(account) => modify_user(host, name, AccountChange::disable(account, groups)),
        None => Ok(()),
    }
}

/// Changes a user. Does nothing if the change is empty.
///
/// # Errors
/// Fails with [`Code::Account`].
pub fn modify_user(host: &Host, name: &str, change: AccountChange) -> Result<(), Problem> {
    if change == AccountChange::default() {
        return Ok(());
    }
    run(host, "usermod", change.arguments, name)
}

fn run(host: &Host, tool: &str, arguments: Vec<OsString>, name: &str) -> Result<(), Problem> {
    let mut argv: Vec<OsString> = vec![tool.into()];
    if !host.is_machine() {
        argv.extend(["--prefix".into(), host.root().into()]);
    }
    argv.extend(arguments);
    argv.push(name.into());
    let what =
        || Problem::new(Code::Account, format!("{tool} failed for `{name}`")).at("/etc/passwd, /etc/group");
    match command::run(&argv, LIMIT) {
        Ok(finished) if finished.success() => Ok(()),
        Ok(finished) => {
            let problem = what().because(finished.why());
            let busy = finished.stderr.contains("currently used by process");
            let help = format!(
                "stop the processes of the user (list them on the host with `pgrep -u {name} -a`), then \
                 apply again"
            );
            Err(if busy { problem.help(help) } else { problem })
        }
        Err(error) => Err(what().because(error).help("install the package `passwd` on the host")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_written_when_one_of_their_files_differs() {
        let mut accounts = Accounts::parse("web:x:1:1::/:/bin/sh\n", "adm:x:4:\n");
        let before = accounts.users["web"].clone();
        accounts.parse_shadow("", "adm:*::web\n");
        let change = AccountChange::between(&accounts.users["web"], &before);
        assert_eq!(change.arguments, ["--groups", ""]);
    }
}
