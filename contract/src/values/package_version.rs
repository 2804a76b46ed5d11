//! Versions of packages, see deb-version(7).

use serde::{Deserialize, Serialize};

use super::{Invalid, checked_string, glob};

/// The version of a package, such as `1:9.2p1-2+deb12u5`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackageVersion(String);

checked_string!(PackageVersion);

impl PackageVersion {
    fn check(text: &str) -> Result<(), Invalid> {
        if is_version(text, ".+~:-") {
            Ok(())
        } else {
            Err(Invalid(format!("`{}` is not the version of a package", text.escape_debug())))
        }
    }
}

/// A version of a package, or a pattern such as `1.22.*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionPattern(String);

checked_string!(VersionPattern);

impl VersionPattern {
    fn check(text: &str) -> Result<(), Invalid> {
        if is_version(text, ".+~:*-") {
            Ok(())
        } else {
            Err(Invalid(format!("`{}` is neither a version nor a pattern for one", text.escape_debug())))
        }
    }

    /// Returns whether the pattern matches a version.
    #[must_use]
    pub fn matches(&self, version: &PackageVersion) -> bool {
        glob::matches(self, version)
    }
}

/// Returns whether a text starts with a digit, and consists of letters, digits and the characters in
/// `others`.
fn is_version(text: &str, others: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_what_dpkg_accepts() {
        for good in ["1.22.1-9+deb12u11", "1:9.2p1-2", "0", "2.0~rc1-1ubuntu0.22.04.3"] {
            assert!(good.parse::<PackageVersion>().is_ok(), "{good}");
        }
        for bad in ["", "latest", "-1", "1.*", "1 2", "1\n", "1_2", "1=2"] {
            assert!(bad.parse::<PackageVersion>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_pattern_matches_versions() {
        let pattern: VersionPattern = "1.22.*".parse().unwrap();
        assert!(pattern.matches(&"1.22.1-9".parse().unwrap()));
        assert!(!pattern.matches(&"1.24.0-2".parse().unwrap()));
    }
}
