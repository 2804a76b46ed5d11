//! Patterns for names of packages.

use serde::{Deserialize, Serialize};

use super::{Invalid, PackageName, checked_string, glob};

/// The name of a package, or a pattern such as `linux-image-*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackagePattern(String);

checked_string!(PackagePattern);

impl PackagePattern {
    fn check(text: &str) -> Result<(), Invalid> {
        let (name, architecture) =
            text.split_once(':').map_or((text, None), |(name, arch)| (name, Some(arch)));
        let is_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let is_first = |b: u8| is_letter(b) || b"*?".contains(&b);
        let is_name = name.bytes().next().is_some_and(is_first)
            && name.bytes().all(|b| is_first(b) || b"+-.".contains(&b));
        let is_architecture =
            |arch: &str| !arch.is_empty() && arch.bytes().all(|b| is_letter(b) || b == b'-');
        if is_name && architecture.is_none_or(is_architecture) {
            Ok(())
        } else {
            Err(Invalid(format!("`{}` is neither the name of a package nor a pattern", text.escape_debug())))
        }
    }

    /// Returns whether the pattern matches a package. A pattern without an architecture matches the package
    /// on each architecture.
    #[must_use]
    pub fn matches(&self, package: &PackageName) -> bool {
        let text = if self.contains(':') { &**package } else { package.plain() };
        glob::matches(self, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_names_on_each_architecture_or_on_one() {
        let matches = |pattern: &str, name: &str| {
            pattern.parse::<PackagePattern>().unwrap().matches(&name.parse().unwrap())
        };
        assert!(matches("linux-image-*", "linux-image-amd64"));
        assert!(matches("libc6", "libc6:i386"));
        assert!(matches("libc?:i386", "libc6:i386"));
        assert!(!matches("libc6:i386", "libc6"));
        assert!(!matches("nginx", "nginx-core"));
    }
}
