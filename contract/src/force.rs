//! Objections that the operator can overrule with `--force`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::problem::{Code, Problem};
use crate::values::ManagedPath;

/// An objection of a host to a change, which the operator overrules with `--force`. In JSON, an objection is
/// written like the value of `--force` on the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Force {
    /// Apply a change even if it would lock out the user who applies it.
    Lockout,
    /// Apply to a host even if the configuration of another host of the inventory was last applied to it.
    HostName,
    /// Keep a change even if its health checks fail or cannot be tried.
    HealthChecks,
    /// Let a rollback install, change and remove packages of apt too.
    Packages,
    /// Leave a path and everything managed below it unchanged.
    Path(ManagedPath),
}

/// Every objection except [`Force::Path`], with its value on the command line.
const NAMED: [(Force, &str); 4] = [
    (Force::Lockout, "lockout"),
    (Force::HostName, "host-name"),
    (Force::HealthChecks, "health-checks"),
    (Force::Packages, "packages"),
];

impl Force {
    /// Returns whether this value of `--force` overrules a problem.
    #[must_use]
    pub fn overrules(&self, problem: &Problem) -> bool {
        match self {
            Self::Lockout => problem.code == Code::LockedOut,
            Self::HostName => problem.code == Code::OtherHost,
            Self::HealthChecks => problem.code == Code::HealthCheck,
            // The plan excludes the path, or includes the packages, and reports no problem. So there is no
            // problem to overrule.
            Self::Packages | Self::Path(_) => false,
        }
    }

    /// Returns the path that `--force PATH` excludes from a change; `None` for every other objection.
    #[must_use]
    pub const fn path(&self) -> Option<&ManagedPath> {
        match self {
            Self::Path(path) => Some(path),
            Self::Lockout | Self::HostName | Self::HealthChecks | Self::Packages => None,
        }
    }
}

/// Formats the objection as a value of `--force`.
impl fmt::Display for Force {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.write_str(path),
            named => f.write_str(NAMED.iter().find(|(force, _)| force == named).map_or("", |(_, word)| word)),
        }
    }
}

impl From<Force> for String {
    fn from(force: Force) -> Self {
        force.to_string()
    }
}

impl TryFrom<String> for Force {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Force {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((force, _)) = NAMED.iter().find(|(_, word)| *word == text) {
            return Ok(force.clone());
        }
        if text.starts_with('/') {
            return text.parse().map(Self::Path).map_err(|invalid| invalid.to_string());
        }
        let words: Vec<&str> = NAMED.iter().map(|(_, word)| *word).collect();
        Err(format!("expected {}, or the path of a file to leave out", words.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objection_has_one_word_and_a_path_is_one() {
        for word in ["lockout", "host-name", "health-checks", "packages", "/home/ada/.bashrc"] {
            assert_eq!(word.parse::<Force>().unwrap().to_string(), word);
        }
        for word in ["", "lock-out", "etc/motd", "/etc/../passwd", "/nix/store/x"] {
            assert!(word.parse::<Force>().is_err(), "{word}");
        }
    }
}
