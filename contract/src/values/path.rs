//! Paths on a host.

use serde::{Deserialize, Serialize};

use super::{Invalid, checked_string};

/// An absolute path without `.`, `..`, empty components or control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AbsPath(String);

checked_string!(AbsPath);

impl AbsPath {
    fn check(text: &str) -> Result<(), Invalid> {
        let invalid = |why: &str| Err(Invalid(format!("path `{}` {why}", text.escape_debug())));
        let Some(relative) = text.strip_prefix('/') else {
            return invalid("is not absolute");
        };
        if text.chars().any(char::is_control) {
            return invalid("contains a control character");
        }
        // The limits are PATH_MAX of Linux without the terminating null byte, and NAME_MAX.
        if text.len() > 4095 || relative.split('/').any(|component| component.len() > 255) {
            return invalid("is too long");
        }
        if text != "/" && relative.split('/').any(|component| matches!(component, "" | "." | "..")) {
            return invalid("is not normal: it has an empty, `.` or `..` component");
        }
        Ok(())
    }
}

/// An absolute path that `NixFleet` may manage. It is outside the directory trees that belong to Nix, to the
/// kernel or to `NixFleet` itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ManagedPath(String);

checked_string!(ManagedPath);

impl ManagedPath {
    /// Directory trees in which no path may be managed.
    pub const FORBIDDEN: [&str; 6] = ["/nix", "/proc", "/sys", "/dev", "/var/lib/nixfleet", "/run/nixfleet"];

    fn check(text: &str) -> Result<(), Invalid> {
        AbsPath::check(text)?;
        if text == "/" {
            return Err(Invalid("path `/` cannot be managed".to_owned()));
        }
        for tree in Self::FORBIDDEN {
            let inside = text.strip_prefix(tree).is_some_and(|rest| {
                // Directories such as `/run/nixfleet-secrets` belong to NixFleet, like `/run/nixfleet`.
                rest.is_empty() || rest.starts_with('/') || (tree == "/run/nixfleet" && rest.starts_with('-'))
            });
            if inside {
                return Err(Invalid(format!("path `{text}` is below {tree}, where nothing can be managed")));
            }
        }
        Ok(())
    }

    /// Returns the last component of the path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the parent directory; `None` for a path directly below `/`.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (parent, _) = self.0.rsplit_once('/')?;
        (!parent.is_empty()).then(|| Self(parent.to_owned()))
    }

    /// Returns every directory above the path except `/`, outermost first.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        self.0.match_indices('/').skip(1).map(|(at, _)| Self(self.0[..at].to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_managed_path_is_absolute_normal_and_outside_foreign_trees() {
        for good in ["/etc/web.conf", "/nixos", "/run/nixfleets", "/devices/a", "/etc/ü b"] {
            assert!(good.parse::<ManagedPath>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "etc",
            "/",
            "/etc/",
            "//etc",
            "/etc/../nix",
            "/etc/./a",
            "/a\nb",
            "/a\0b",
            "/nix",
            "/nix/store/x",
            "/dev/null",
            "/proc/1",
            "/sys/x",
            "/var/lib/nixfleet/state.json",
            "/run/nixfleet",
            "/run/nixfleet-secrets/a",
        ] {
            assert!(bad.parse::<ManagedPath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ancestors_come_outermost_first() {
        let path: ManagedPath = "/etc/a/b".parse().unwrap();
        let ancestors: Vec<_> = path.ancestors().map(String::from).collect();
        assert_eq!(ancestors, ["/etc", "/etc/a"]);
        assert_eq!(path.name(), "b");
        assert_eq!(path.parent().unwrap().as_ref(), "/etc/a");
    }
}
