//! Compares the packages of two NixOS systems by name and version.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::manifest::Package;
use nixfleet_contract::plan::PackageChanges;

/// Maps the name of each package to its versions, and each version to a store path.
type Versions = BTreeMap<String, BTreeMap<String, String>>;

/// Returns the packages that were added, were removed, or have another version. A package that was only
/// rebuilt has the same version and is not returned. Units, the NixOS systems themselves, and store paths
/// without a version, such as scripts, do not count as packages.
#[must_use]
pub fn changes(old: &[String], new: &[String]) -> PackageChanges {
    let (old, new) = (versions(old), versions(new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut changes = PackageChanges::default();
    for name in names {
        match (old.get(name), new.get(name)) {
            (Some(before), None) => changes.removed.push(package(name, before)),
            (None, Some(after)) => changes.added.push(package(name, after)),
            (Some(before), Some(after)) if !before.keys().eq(after.keys()) => {
                changes.changed.push((package(name, before), package(name, after)));
            }
            (Some(_) | None, Some(_) | None) => {}
        }
    }
    changes
}

fn package(name: &str, versions: &BTreeMap<String, String>) -> Package {
    Package {
        name: name.to_owned(),
        version: versions.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
        path: versions.values().next().cloned().unwrap_or_default(),
    }
}

fn versions(paths: &[String]) -> Versions {
    let mut all = Versions::new();
    for path in paths {
        let is_package = |name: &str| !["nixos-system-", "unit-"].iter().any(|own| name.starts_with(own));
        if let Some((name, version)) = named(path).filter(|(name, _)| is_package(name)) {
            all.entry(name.to_owned()).or_default().insert(version.to_owned(), path.clone());
        }
    }
    all
}

/// Splits a store path into the name and the version of its package, as `parseDrvName` of Nix does. If the
/// store path ends with the name of an output, such as `-bin`, this name is left out.
fn named(path: &str) -> Option<(&str, &str)> {
    let (_, name) = path.rsplit_once('/')?.1.split_once('-')?;
    let starts = name
        .match_indices('-')
        .find(|(at, _)| name[at + 1..].starts_with(|first: char| first.is_ascii_digit()));
    let at = starts?.0;
    let version = &name[at + 1..];
    let is_output = |word: &str| word.chars().all(|letter| letter.is_ascii_lowercase());
    let version = match version.rsplit_once('-') {
        Some((version, output)) if is_output(output) => version,
        _ => version,
    };
    Some((&name[..at], version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| format!("/nix/store/hash-{name}")).collect()
    }

    #[test]
    fn packages_are_compared_by_version() {
        let old = [
            "nginx-1.26.0",
            "openssl-3.0.13-bin",
            "openssl-3.0.13",
            "unit-a.service",
            "gone-1",
            "x-1",
            "nixos-system-db-1-26.05",
        ];
        let new =
            ["nginx-1.26.2", "openssl-3.0.13", "unit-b.service", "unit-b-1.service", "come-2", "x-1", "x-2"];
        let changes = changes(&paths(&old), &paths(&new));
        let shown = |package: &Package| format!("{} {}", package.name, package.version);
        assert_eq!(changes.added.iter().map(shown).collect::<Vec<_>>(), ["come 2"]);
        assert_eq!(changes.removed.iter().map(shown).collect::<Vec<_>>(), ["gone 1"]);
        let other: Vec<_> =
            changes.changed.iter().map(|(old, new)| format!("{} → {}", shown(old), new.version)).collect();
        assert_eq!(other, ["nginx 1.26.0 → 1.26.2", "x 1 → 1, 2"]);
    }
}
