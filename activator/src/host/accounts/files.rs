//! Users and groups in the account files.
//!
//! The account files are read directly instead of through the name service, because the activator is
//! statically linked and manages only local accounts.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::Owner;
use serde::{Deserialize, Serialize};

use crate::host::{Host, host_file};

/// A user in the account files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Numeric id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Comment field.
    pub description: String,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
    /// Names of the groups in group(5) that list the user as a member, sorted.
    pub groups: Vec<String>,
    /// Names of the groups in gshadow(5) that list the user as a member, sorted. These names differ from
    /// `groups` if a tool was killed after it wrote only one of the two files.
    pub shadow_groups: Vec<String>,
    /// The day when the account expires, in the format of shadow(5), or empty if the account never expires.
    pub expires: String,
    /// Whether the user has a password that is locked. Unlocking makes the same password usable again.
    pub locked_password: bool,
}

/// All users and groups of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Users by name.
    pub users: BTreeMap<String, Account>,
    /// Ids of groups by name.
    pub groups: BTreeMap<String, u32>,
    user_names: BTreeMap<u32, Owner>,
    group_names: BTreeMap<u32, Owner>,
}

impl Accounts {
    /// Reads the account files of a host. A missing file counts as empty.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::HostFile`].
    pub fn read(host: &Host) -> Result<Self, Problem> {
        let read = |path: &str| match fs::read(host.path(path)) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(host_file("read", path, &error)),
        };
        let [passwd, group] = [read("/etc/passwd")?, read("/etc/group")?];
        let mut accounts = Self::parse(&passwd, &group);
        accounts.parse_shadow(&read("/etc/shadow")?, &read("/etc/gshadow")?);
        Ok(accounts)
    }

    /// Parses passwd(5) and group(5). Malformed lines are ignored.
    #[must_use]
    pub fn parse(passwd: &str, group: &str) -> Self {
        let mut accounts = Self::default();
        for fields in passwd.lines().map(fields) {
            let [name, _, uid, gid, description, home, shell] = fields[..] else { continue };
            let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse()) else { continue };
            let [description, home, shell] = [description, home, shell].map(str::to_owned);
            let account = Account {
                uid,
                gid,
                description,
                home,
                shell,
                groups: Vec::new(),
                shadow_groups: Vec::new(),
                expires: String::new(),
                locked_password: false,
            };
            accounts.user_names.entry(uid).or_insert_with(|| owner(name, uid));
            accounts.users.insert(name.to_owned(), account);
        }
        for fields in group.lines().map(fields) {
            let [name, _, gid, members] = fields[..] else { continue };
            let Ok(gid) = gid.parse() else { continue };
            accounts.group_names.entry(gid).or_insert_with(|| owner(name, gid));
            accounts.groups.insert(name.to_owned(), gid);
            for member in members.split(',') {
                if let Some(account) = accounts.users.get_mut(member) {
                    account.groups.push(name.to_owned());
                }
            }
        }
        for account in accounts.users.values_mut() {
            account.groups.sort();
        }
        accounts
    }

    /// Adds the contents of shadow(5) and gshadow(5) to the users.
    pub fn parse_shadow(&mut self, shadow: &str, gshadow: &str) {
        for fields in shadow.lines().map(fields) {
            let [name, password, _, _, _, _, _, expires, _] = fields[..] else { continue };
            if let Some(account) = self.users.get_mut(name) {
                expires.clone_into(&mut account.expires);
                account.locked_password = password.len() > 1 && password.starts_with('!') && password != "!!";
            }
        }
        for fields in gshadow.lines().map(fields) {
            let [name, _, _, members] = fields[..] else { continue };
            for member in members.split(',') {
                if let Some(account) = self.users.get_mut(member) {
                    account.shadow_groups.push(name.to_owned());
                }
            }
        }
        for account in self.users.values_mut() {
            account.shadow_groups.sort();
        }
    }

    /// Returns the name of the user with an id, or the id itself if there is no such user.
    #[must_use]
    pub fn user_of(&self, uid: u32) -> Owner {
        self.user_names.get(&uid).cloned().unwrap_or_else(|| Owner::from_id(uid))
    }

    /// Returns the name of the group with an id, or the id itself if there is no such group.
    #[must_use]
    pub fn group_of(&self, gid: u32) -> Owner {
        self.group_names.get(&gid).cloned().unwrap_or_else(|| Owner::from_id(gid))
    }

    /// Whether `owner` is the user with an id. `owner` is the id as a number, or any of the names that share
    /// the id.
    #[must_use]
    pub fn is_user(&self, uid: u32, owner: &str) -> bool {
        // The owner is nearly always the first name with this id, so compare this name before looking up the
        // owner.
        self.user_names.get(&uid).is_some_and(|name| **name == *owner) || self.uid(owner) == Some(uid)
    }

    /// Whether `group` is the group with an id. `group` is the id as a number, or any of the names that share
    /// the id.
    #[must_use]
    pub fn is_group(&self, gid: u32, group: &str) -> bool {
        self.group_names.get(&gid).is_some_and(|name| **name == *group) || self.gid(group) == Some(gid)
    }

    /// Returns the id of a user, given by name or number.
    #[must_use]
    pub fn uid(&self, owner: &str) -> Option<u32> {
        self.users.get(owner).map(|account| account.uid).or_else(|| Owner::number(owner))
    }

    /// Returns the id of a group, given by name or number.
    #[must_use]
    pub fn gid(&self, group: &str) -> Option<u32> {
        self.groups.get(group).copied().or_else(|| Owner::number(group))
    }
}

/// Returns the name, or the id if the name is not valid in a manifest.
fn owner(name: &str, id: u32) -> Owner {
    name.parse().unwrap_or_else(|_| Owner::from_id(id))
}

fn fields(line: &str) -> Vec<&str> {
    line.split(':').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_files_are_read_with_all_their_oddities() {
        let mut accounts = Accounts::parse(
            "root:x:0:0:root:/root:/bin/bash\n# comment\nweb:x:999:998:Web:/srv:/bin/sh\ntoor:x:0:0::/:/bin/sh\nbad\n",
            "root:x:0:\nwww:x:33:web,ghost\nadm:x:4:web\nweb:x:998:\n",
        );
        accounts
            .parse_shadow("root:*:1:0:9:7:::\nweb:!$y$x:1:0:9:7::1:\n", "root:*::\nwww:!::web,ghost\nbad\n");
        let web = &accounts.users["web"];
        assert_eq!((web.uid, web.gid, web.expires.as_str(), web.locked_password), (999, 998, "1", true));
        assert_eq!(web.groups, ["adm", "www"]);
        assert_eq!(web.shadow_groups, ["www"]);
        assert_eq!(*accounts.user_of(0), *"root");
        assert_eq!(*accounts.user_of(4711), *"4711");
        assert!(["root", "toor", "0"].iter().all(|owner| accounts.is_user(0, owner)));
        assert!(
            !accounts.is_user(0, "web") && !accounts.is_user(0, "nobody") && accounts.is_group(33, "www")
        );
        assert_eq!(accounts.gid("www"), Some(33));
        assert_eq!(accounts.uid("1234"), Some(1234));
        assert_eq!(accounts.uid("ghost"), None);
    }
}
