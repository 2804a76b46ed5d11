//! The packages that installed packages need and provide.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::PackageName;

use super::answer;
use super::dpkg::native;

/// The names that a package has in its relations, without versions and architectures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relations {
    /// The packages that it needs or recommends, with all alternatives.
    pub needs: BTreeSet<String>,
    /// The virtual packages that it provides.
    pub provides: BTreeSet<String>,
}

const FORMAT: &str = "--showformat=${binary:Package}\\t${db:Status-Status}\\t\
                      ${Pre-Depends}, ${Depends}, ${Recommends}\\t${Provides}\\n";

impl Relations {
    /// Parses fields of a control file: relations are separated by commas, alternatives by bars.
    #[must_use]
    pub fn parse(needs: &str, provides: &str) -> Self {
        let names = |field: &str| {
            let words = field.split([',', '|']).filter_map(|relation| relation.split_whitespace().next());
            words.map(|word| word.split(['(', ':']).next().unwrap_or(word).to_owned()).collect()
        };
        Self { needs: names(needs), provides: names(provides) }
    }
}

/// Reads the relations of all packages of this machine, except those that are removed.
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::Packages`] if dpkg does not answer.
pub fn read(architecture: &str) -> Result<BTreeMap<PackageName, Relations>, Problem> {
    let listed = answer(&["dpkg-query", "--show", FORMAT])?;
    let relations = listed.lines().filter_map(|line| {
        let [name, status, needs, provides] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
        let is_gone = ["config-files", "not-installed"].contains(&status);
        let name = native(name, architecture).parse().ok()?;
        (!is_gone).then(|| (name, Relations::parse(needs, provides)))
    });
    Ok(relations.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_without_versions_and_architectures() {
        let relations = Relations::parse(
            "libc6 (>= 2.36), default-mta | mail-transport-agent, python3:any, , ",
            "app-abi (= 1)",
        );
        let names: Vec<_> = relations.needs.iter().map(String::as_str).collect();
        assert_eq!(names, ["default-mta", "libc6", "mail-transport-agent", "python3"]);
        assert!(relations.provides.contains("app-abi"));
    }
}
