//! The settings of sshd for one user and one connection, as printed by `sshd -T`.

use std::net::IpAddr;
use std::time::Duration;

use nixfleet_contract::login::{Connection, Login};

use crate::host::accounts::Accounts;
use crate::host::command;

/// The time limit for sshd.
const LIMIT: Duration = Duration::from_secs(30);

/// The settings and their values, with names in lower case. A repeated setting has one element for each
/// value.
#[derive(Clone, Debug)]
pub struct SshdSettings(Vec<(String, String)>);

impl SshdSettings {
    /// Asks sshd for the settings that apply to a login. Returns `None` if sshd cannot print these settings.
    #[must_use]
    pub fn ask(login: &Login, connection: Connection) -> Option<Self> {
        let Connection { client, server, port } = connection;
        let of = format!("user={},host={client},addr={client},laddr={server},lport={port}", login.user);
        let finished = command::run(&["sshd", "-T", "-C", &of], LIMIT).ok()?;
        finished.success().then(|| Self::parse(&finished.stdout))
    }

    /// Parses the output of `sshd -T`.
    #[must_use]
    pub fn parse(said: &str) -> Self {
        let pair = |line: &str| {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Self(said.lines().map(pair).collect())
    }

    /// Returns the words in all values of a setting.
    pub fn words<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .flat_map(|(_, value)| value.split_ascii_whitespace())
    }

    /// Returns the first value of a setting, or `None` if the value is missing, empty or `none`.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty() && *value != "none")
    }

    /// Returns the settings that prevent a user with a key from logging in. Each has the form `setting:
    /// reason`.
    #[must_use]
    pub fn obstacles(&self, login: &Login, connection: Connection, accounts: &Accounts) -> Vec<String> {
        let user = login.user.as_str();
        let mut found = Vec::new();
        if self.value("pubkeyauthentication") == Some("no") {
            found.push("sshd, PubkeyAuthentication: keys are no longer accepted".to_owned());
        }
        let alone = |method: &str| method == "any" || method == "publickey";
        if self.words("authenticationmethods").next().is_some()
            && !self.words("authenticationmethods").any(alone)
        {
            found.push("sshd, AuthenticationMethods: a key alone is no longer sufficient".to_owned());
        }
        let root_without_key = matches!(self.value("permitrootlogin"), Some("no" | "forced-commands-only"));
        if user == "root" && root_without_key {
            found.push("sshd, PermitRootLogin: root can no longer log in".to_owned());
        }
        for (setting, name) in [("forcecommand", "ForceCommand"), ("chrootdirectory", "ChrootDirectory")] {
            if let Some(value) = self.value(setting) {
                found.push(format!("sshd, {name}: every login of {user} is limited to `{value}`"));
            }
        }
        if !self.listens_on(connection) {
            let Connection { server, port, .. } = connection;
            found.push(format!(
                "sshd, Port and ListenAddress: sshd no longer listens on {server} port {port}, which this \
                 connection uses"
            ));
        }
        found.extend(self.lists(user, connection.client, accounts));
        found
    }

    /// Checks whether `DenyUsers`, `AllowUsers`, `DenyGroups` and `AllowGroups` let a user log in from a
    /// client. Returns the reasons why they do not.
    fn lists(&self, user: &str, client: IpAddr, accounts: &Accounts) -> Vec<String> {
        let groups = groups_of(user, accounts);
        let user_is = |pattern: &str| match pattern.rsplit_once('@') {
            // A network in CIDR notation is not evaluated. It is assumed to contain the client.
            Some((name, from)) => {
                matches(name, user) && (from.contains('/') || matches(from, &client.to_string()))
            }
            None => matches(pattern, user),
        };
        let group_is = |pattern: &str| groups.iter().any(|group| matches(pattern, group));
        let mut found = Vec::new();
        if self.words("denyusers").any(user_is) {
            found.push(format!("sshd, DenyUsers: the list contains {user}"));
        }
        if self.words("allowusers").next().is_some() && !self.words("allowusers").any(user_is) {
            found.push(format!("sshd, AllowUsers: the list does not contain {user}"));
        }
        if groups.is_empty() {
            // Only a directory service knows the user, and the groups of the user. So the lists of groups
            // cannot be checked.
            return found;
        }
        if self.words("denygroups").any(group_is) {
            found.push(format!("sshd, DenyGroups: {user} is in a listed group"));
        }
        if self.words("allowgroups").next().is_some() && !self.words("allowgroups").any(group_is) {
            found.push(format!("sshd, AllowGroups: {user} is in no listed group"));
        }
        found
    }

    fn listens_on(&self, connection: Connection) -> bool {
        let Connection { server, port, .. } = connection;
        let listens = |word: &str| {
            let Some((address, listening)) = word.rsplit_once(':') else { return false };
            let address = address.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
            listening == port.to_string()
                && address.is_ok_and(|address| address.is_unspecified() || address == server)
        };
        let mut addresses = self.words("listenaddress").peekable();
        addresses.peek().is_none() || addresses.any(listens)
    }
}

/// Returns the names of all groups of a user.
fn groups_of(user: &str, accounts: &Accounts) -> Vec<String> {
    let Some(account) = accounts.users.get(user) else { return Vec::new() };
    account.groups.iter().cloned().chain([accounts.group_of(account.gid).to_string()]).collect()
}

/// Matches a pattern of `ssh_config(5)`, in which `*` matches any text and `?` matches one character.
fn matches(pattern: &str, text: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => {
            matches(&pattern[1..], text) || (!text.is_empty() && matches(pattern, &text[first_len(text)..]))
        }
        (Some('?'), Some(_)) => matches(&pattern[1..], &text[first_len(text)..]),
        (Some(declared), Some(found)) if declared == found => {
            matches(&pattern[first_len(pattern)..], &text[first_len(text)..])
        }
        _ => false,
    }
}

fn first_len(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obstacles(said: &str) -> String {
        obstacles_of("ada", said)
    }

    fn obstacles_of(user: &str, said: &str) -> String {
        let login = Login::of(Some(user), Some("10.0.1.2 50000 10.0.1.11 22")).unwrap();
        let accounts = Accounts::parse(
            "root:x:0:0::/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/bash\n",
            "root:x:0:\nada:x:1000:\nwheel:x:4:ada\n",
        );
        SshdSettings::parse(said).obstacles(&login, login.connection.unwrap(), &accounts).join("; ")
    }

    #[test]
    fn settings_that_let_the_user_in_are_no_obstacle() {
        for said in [
            "port 22\nlistenaddress 0.0.0.0:22\nlistenaddress [::]:22\npubkeyauthentication yes\nauthenticationmethods any",
            "listenaddress 10.0.1.11:22\nallowusers bob\nallowusers a*@10.0.1.?\nallowgroups wheel",
            "allowusers ada@10.0.0.0/16",
            "permitrootlogin no\nforcecommand none\nchrootdirectory none\ndenyusers root adam\nauthenticationmethods publickey,password publickey",
        ] {
            assert_eq!(obstacles(said), "", "{said}");
        }
    }

    #[test]
    fn each_setting_that_keeps_the_user_out_is_named() {
        for (said, setting) in [
            ("pubkeyauthentication no", "PubkeyAuthentication"),
            ("authenticationmethods publickey,password", "AuthenticationMethods"),
            ("listenaddress 0.0.0.0:2222", "Port"),
            ("listenaddress 10.9.9.9:22", "ListenAddress"),
            ("allowusers bob", "AllowUsers"),
            ("allowusers ada@192.168.*", "AllowUsers"),
            ("denyusers ad?", "DenyUsers"),
            ("allowgroups admins", "AllowGroups"),
            ("denygroups ada", "DenyGroups"),
            ("forcecommand /bin/false", "ForceCommand"),
            ("chrootdirectory /srv/sftp", "ChrootDirectory"),
        ] {
            assert!(obstacles(said).contains(setting), "{said}: {}", obstacles(said));
        }
    }

    #[test]
    fn root_is_kept_out_only_where_no_key_of_root_opens() {
        for value in ["no", "forced-commands-only"] {
            let said = format!("permitrootlogin {value}");
            assert!(obstacles_of("root", &said).contains("PermitRootLogin"), "{value}");
            assert_eq!(obstacles(&said), "", "{value}");
        }
        for value in ["yes", "prohibit-password", "without-password"] {
            assert_eq!(obstacles_of("root", &format!("permitrootlogin {value}")), "", "{value}");
        }
    }
}
