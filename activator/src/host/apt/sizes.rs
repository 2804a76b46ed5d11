//! The sizes of installed packages, as the packages state them.

use std::collections::BTreeMap;

use nixfleet_contract::problem::Problem;

use super::answer;

/// The sizes of installed packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstalledSizes(BTreeMap<String, u64>);

impl InstalledSizes {
    /// Reads the sizes of the packages of this machine.
    ///
    /// # Errors
    /// Fails with [`nixfleet_contract::problem::Code::Packages`] if dpkg does not answer.
    pub fn read() -> Result<Self, Problem> {
        let format = "--showformat=${Package}:${Architecture}\\t${Installed-Size}\\n";
        Ok(Self::parse(&answer(&["dpkg-query", "--show", format])?))
    }

    /// Parses lines such as `nginx:amd64`, a tab, and a size in KiB. A package without a size is left out.
    pub(crate) fn parse(listed: &str) -> Self {
        let of_line = |line: &str| {
            let (name, size) = line.split_once('\t')?;
            Some((name.to_owned(), size.parse::<u64>().ok()?.saturating_mul(1024)))
        };
        Self(listed.lines().filter_map(of_line).collect())
    }

    /// Returns the size of an installed package, in bytes.
    #[must_use]
    pub fn of(&self, name: &str, architecture: &str) -> Option<u64> {
        self.0.get(&format!("{name}:{architecture}")).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_known_by_name_and_architecture() {
        let sizes = InstalledSizes::parse("libc6:amd64\t12\nlibc6:i386\t3\nmeta:all\t\n");
        assert_eq!(sizes.of("libc6", "amd64"), Some(12 * 1024));
        assert_eq!((sizes.of("meta", "all"), sizes.of("gone", "all")), (None, None));
    }
}
