//! Paths on a host that NixFleet must leave to other tools, such as `/etc/passwd`.
//!
//! The list is in `reserved.json`, which the Nix library reads too, so that evaluation and build refuse the
//! same paths. The file is in this crate because the crate is built without the rest of the repository.
//! Unlike [`super::ManagedPath::FORBIDDEN`], the list applies only to new declarations: if a later version
//! lists a path that a host already manages, the manifests with this path can still be read and rolled back
//! to, and the path can be released.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::problem::{Code, Problem};

/// A group of reserved paths that share one reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reserved {
    /// The paths. Everything below them is reserved too. A `*` at the end matches the rest of a name.
    paths: Vec<String>,
    /// The reason why nothing can be declared at these paths, in one clause.
    pub why: String,
    /// Advice on what to do instead.
    pub help: String,
}

static LIST: LazyLock<Vec<Reserved>> =
    LazyLock::new(|| serde_json::from_str(include_str!("reserved.json")).unwrap_or_default());

impl Reserved {
    /// Returns the group that reserves a path, if any. The group forbids only new declarations of the path.
    #[must_use]
    pub fn at(path: &str) -> Option<&'static Self> {
        LIST.iter().find(|reserved| reserved.paths.iter().any(|place| covers(place, path)))
    }

    /// Returns a reserved path that is equal to `path` or below `path`, if any. A directory that contains a
    /// reserved path cannot be removed.
    #[must_use]
    pub fn below(path: &str) -> Option<&'static str> {
        let mut places = LIST.iter().flat_map(|reserved| &reserved.paths);
        places.find(|place| covers(path, place)).map(String::as_str)
    }

    /// Returns the problem to report if a reserved path is declared. The caller adds where it is declared.
    #[must_use]
    pub fn refuses(&self, path: &str) -> Problem {
        Problem::new(Code::InvalidManifest, format!("{path} cannot be managed"))
            .because(&self.why)
            .help(&self.help)
    }
}

fn covers(place: &str, path: &str) -> bool {
    match place.strip_suffix('*') {
        Some(beginning) => path.starts_with(beginning),
        None => path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{AbsPath, ManagedPath};

    #[test]
    fn a_place_is_reserved_with_all_below_it_and_nothing_beside_it() {
        for reserved in [
            "/etc/passwd",
            "/etc/passwd/below",
            "/etc/gshadow-",
            "/etc/alternatives",
            "/etc/alternatives/editor",
            "/var/lib/dpkg/info/app.list",
            "/run/nixfleet-secrets/a",
        ] {
            assert!(Reserved::at(reserved).is_some(), "{reserved}");
        }
        for free in [
            "/etc/passwd.d/a",
            "/etc/passwords",
            "/etc",
            "/etc/fstab",
            "/etc/ssh/ssh_host_ed25519_key-cert.pub",
            "/etc/alternatives.conf",
            "/var/lib",
            "/run/nixfleets",
        ] {
            assert!(Reserved::at(free).is_none(), "{free}");
        }
    }

    #[test]
    fn a_directory_that_holds_a_reserved_place_is_known() {
        assert_eq!(Reserved::below("/etc/ssh"), Some("/etc/ssh/ssh_host_dsa_key"));
        for path in ["/etc", "/var", "/var/lib", "/usr/lib", "/run", "/etc/alternatives"] {
            assert!(Reserved::below(path).is_some(), "{path}");
        }
        for path in ["/etc/ssh/sshd_config.d", "/etc/s", "/srv/app", "/var/lib/app"] {
            assert_eq!(Reserved::below(path), None, "{path}");
        }
    }

    #[test]
    fn each_place_is_a_path_with_a_reason_and_a_way_out() {
        assert!(!LIST.is_empty());
        for Reserved { paths, why, help } in &*LIST {
            assert!(!why.is_empty() && !help.is_empty(), "{paths:?}");
            for place in paths {
                assert!(place.trim_end_matches('*').parse::<AbsPath>().is_ok(), "{place}");
            }
        }
    }

    #[test]
    fn what_can_never_be_managed_is_reserved() {
        for tree in ManagedPath::FORBIDDEN {
            assert!(Reserved::at(tree).is_some(), "{tree}");
        }
    }
}
