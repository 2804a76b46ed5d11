//! Names of users and groups.

use serde::{Deserialize, Serialize};

use super::{Invalid, checked_string};

/// The name of a user or group that `NixFleet` may create: a name that `useradd` of Debian and Ubuntu
/// accepts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName(String);

checked_string!(AccountName);

impl AccountName {
    fn check(text: &str) -> Result<(), Invalid> {
        let body = text.strip_suffix('$').unwrap_or(text);
        let starts = body.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        let follows =
            body.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
        // 32 is the limit of useradd, and the size of the field in utmp.
        if starts && follows && text.len() <= 32 {
            return Ok(());
        }
        Err(Invalid(format!(
            "`{}` is not a valid name for a new account: use at most 32 lower-case letters, digits, `_` \
             and `-`, and start with a lower-case letter or `_`",
            text.escape_debug()
        )))
    }
}

/// The name of any account that may exist on a host, or a number for an id that has no name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Owner(String);

checked_string!(Owner);

impl Owner {
    /// Returns `root`, which is the name of the superuser and of the superuser's group.
    #[must_use]
    pub fn root() -> Self {
        Self("root".to_owned())
    }

    /// Creates an owner from the name of an account.
    #[must_use]
    pub fn of(name: &AccountName) -> Self {
        Self(name.0.clone())
    }

    /// Creates an owner from a numeric id that has no name on the host.
    #[must_use]
    pub fn from_id(id: u32) -> Self {
        Self(id.to_string())
    }

    /// Returns the id if the owner is written as a number, and `None` if the owner is a name. The largest
    /// `u32` is not an id, since chown(2) interprets it as "leave unchanged".
    #[must_use]
    pub fn number(owner: &str) -> Option<u32> {
        owner.parse().ok().filter(|id| *id != u32::MAX)
    }

    fn check(text: &str) -> Result<(), Invalid> {
        let body = text.strip_suffix('$').unwrap_or(text);
        let starts = body.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let follows = body.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        if starts && follows && text.len() <= 32 {
            return Ok(());
        }
        Err(Invalid(format!(
            "`{}` is neither a number nor a valid account name: use at most 32 letters, digits, `_`, `-` \
             and `.`, and do not start with `-` or `.`",
            text.escape_debug()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_names_are_what_useradd_accepts() {
        for good in ["web", "_apt", "a1-b_c", "machine$"] {
            assert!(good.parse::<AccountName>().is_ok(), "{good}");
        }
        for bad in ["", "Web", "1web", "-web", "we b", "web:x", "$", "a\n", &"a".repeat(33)] {
            assert!(bad.parse::<AccountName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_owner_may_be_any_name_of_the_host_or_a_number() {
        for good in ["root", "Debian-exim", "1000", "www-data"] {
            assert!(good.parse::<Owner>().is_ok(), "{good}");
        }
        assert_eq!((Owner::number("1000"), Owner::number("4294967295")), (Some(1000), None));
        for bad in ["", "a b", "-x", "a:b"] {
            assert!(bad.parse::<Owner>().is_err(), "{bad}");
        }
    }
}
