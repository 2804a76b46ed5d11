//! The guard of a transaction: a program that apt starts after the download and before dpkg, while apt holds
//! the lock of dpkg. If the guard fails, apt ends, and dpkg never starts.
//!
//! apt sends the transaction in version 3 of the protocol of `DPkg::Pre-Install-Pkgs` (apt.conf(5)): its
//! configuration, an empty line, and a line for each action of dpkg.

use std::collections::BTreeMap;
use std::io;

use nixfleet_contract::apt::plan::{PackageChange, PackageOperation};

/// An action of dpkg on a package.
#[derive(Clone, Debug, PartialEq, Eq)]
struct DpkgAction<'a> {
    name: &'a str,
    /// The version that is installed now.
    from: Option<&'a str>,
    /// The version that is installed afterwards.
    to: Option<&'a str>,
    /// The architecture of the version to install, or of the installed one. It can be `all`.
    architecture: &'a str,
    kind: DpkgActionKind<'a>,
}

/// An operation of dpkg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DpkgActionKind<'a> {
    /// Unpack a file.
    Unpack(&'a str),
    /// Configure a package that is unpacked.
    Configure,
    /// Remove or purge a package.
    Remove,
}

/// Checks that apt is about to carry out exactly these changes, with files that have the planned digests.
/// `input`: what apt sends. `digest`: returns the SHA-256 of a file. Returns the packages that dpkg unpacks,
/// each with its file.
///
/// # Errors
/// Fails with a clause that says what differs.
pub fn check<'p>(
    planned: &[&'p PackageChange],
    input: &str,
    mut digest: impl FnMut(&str) -> io::Result<String>,
) -> Result<Vec<(&'p PackageChange, String)>, String> {
    let actions = parse(input)?;
    let mut unpacked = Vec::new();
    let mut left: BTreeMap<(&str, &str), &'p PackageChange> =
        planned.iter().map(|change| ((&*change.name, change.architecture.as_str()), *change)).collect();
    // A package whose installation was interrupted earlier may be unpacked already.
    let (configured, others): (Vec<_>, Vec<_>) =
        actions.iter().partition(|action| action.kind == DpkgActionKind::Configure);
    for action in others {
        let key = left.keys().copied().find(|(name, architecture)| {
            *name == action.name && [*architecture, "all"].contains(&action.architecture)
        });
        let change = key.and_then(|key| left.remove(&key));
        let change =
            change.ok_or_else(|| format!("apt would change {}, which is not planned", action.name))?;
        let (from, to) = versions(change);
        // If only configuration files of a package are left, apt still sends the version that left them.
        let is_left = matches!(change.change, PackageOperation::Purge { from: None });
        let from = if is_left { action.from } else { from };
        if (from, to) != (action.from, action.to) {
            let shown = |version: Option<&str>| version.unwrap_or("none").to_owned();
            return Err(format!(
                "apt would change {} from {} to {}, but the plan is from {} to {}",
                action.name,
                shown(action.from),
                shown(action.to),
                shown(from),
                shown(to)
            ));
        }
        if let (DpkgActionKind::Unpack(file), Some(offer)) = (action.kind, change.change.to()) {
            let found = digest(file).map_err(|error| format!("failed to read {file}: {error}"))?;
            if found != offer.sha256 {
                return Err(format!("{file} is not the planned file of {}", action.name));
            }
            unpacked.push((change, file.to_owned()));
        }
    }
    left.retain(|(name, _), change| {
        let to = change.change.to().map(|offer| &*offer.version);
        !configured.iter().any(|action| action.name == *name && action.to == to)
    });
    match left.keys().next() {
        Some((name, _)) => Err(format!("apt would not change {name}, which is planned")),
        None => Ok(unpacked),
    }
}

/// Returns the versions before and after a change.
fn versions(change: &PackageChange) -> (Option<&str>, Option<&str>) {
    let offered = change.change.to().map(|offer| &*offer.version);
    match &change.change {
        PackageOperation::Install { .. } => (None, offered),
        PackageOperation::Upgrade { from, .. } | PackageOperation::Downgrade { from, .. } => {
            (Some(&**from), offered)
        }
        PackageOperation::Reinstall { .. } => (offered, offered),
        PackageOperation::Remove { from } => (Some(&**from), None),
        PackageOperation::Purge { from } => (from.as_deref(), None),
    }
}

fn parse(input: &str) -> Result<Vec<DpkgAction<'_>>, String> {
    let rest = input.strip_prefix("VERSION 3\n").ok_or("apt does not speak version 3 of the protocol")?;
    let (_, actions) = rest.split_once("\n\n").ok_or("apt sent no transaction")?;
    actions
        .lines()
        .map(|line| action(line).ok_or_else(|| format!("apt sent the line `{}`", line.escape_debug())))
        .collect()
}

/// Parses a line: the name, the installed version, `<`, `=` or `>`, the new version, and the action. A
/// version consists of the version itself, its architecture and its multi-arch type; `-` stands for none.
fn action(line: &str) -> Option<DpkgAction<'_>> {
    let fields: Vec<&str> = line.splitn(9, ' ').collect();
    let [name, from, from_arch, _, _, to, to_arch, _, kind] = fields[..] else { return None };
    let some = |version| (version != "-").then_some(version);
    let kind = match kind {
        "**CONFIGURE**" => DpkgActionKind::Configure,
        "**REMOVE**" => DpkgActionKind::Remove,
        file if file.starts_with('/') => DpkgActionKind::Unpack(file),
        _ => return None,
    };
    let to = if kind == DpkgActionKind::Remove { None } else { some(to) };
    let architecture = if to.is_some() { to_arch } else { from_arch };
    Some(DpkgAction { name, from: some(from), to, architecture, kind })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn planned() -> Vec<PackageChange> {
        let offer = json!({ "version": "1.0", "release": {}, "size": 1, "installedSize": 1, "sha256": "aa" });
        serde_json::from_value(json!([
            { "name": "app", "architecture": "amd64", "change": "install", "to": offer, "units": null,
              "cause": "declared", "phase": "before" },
            { "name": "libapp", "architecture": "amd64", "change": "upgrade", "from": "0.9", "to": offer,
              "cause": "needed", "phase": "before" },
            { "name": "old", "architecture": "amd64", "change": "remove", "from": "2.0",
              "cause": "declared", "phase": "before" },
        ]))
        .unwrap()
    }

    /// As apt 2.6.1 and 3.0.4 send it.
    const INPUT: &str = "VERSION 3\nAPT::Architecture=amd64\nDir=/\n\n\
                         old 2.0 all none > - - none **REMOVE**\n\
                         libapp 0.9 amd64 same < 1.0 amd64 same /var/cache/apt/archives/libapp_1.0_amd64.deb\n\
                         app - - none < 1.0 all none /var/cache/apt/archives/app 1.0.deb\n\
                         libapp 0.9 amd64 same < 1.0 amd64 same **CONFIGURE**\n\
                         app - - none < 1.0 all none **CONFIGURE**\n";

    fn checked(input: &str) -> Result<Vec<String>, String> {
        let planned = planned();
        let unpacked = check(&planned.iter().collect::<Vec<_>>(), input, |_| Ok("aa".to_owned()))?;
        Ok(unpacked.into_iter().map(|(change, _)| change.name.to_string()).collect())
    }

    #[test]
    fn the_planned_transaction_passes() {
        assert_eq!(checked(INPUT), Ok(vec!["libapp".to_owned(), "app".to_owned()]));
    }

    #[test]
    fn a_package_that_is_unpacked_already_is_only_configured() {
        let lines = INPUT.lines().filter(|line| !line.contains("/app 1.0"));
        let input: String = lines.flat_map(|line| [line, "\n"]).collect();
        assert_eq!(checked(&input), Ok(vec!["libapp".to_owned()]));
        let other = input.replace("app - - none < 1.0", "app - - none < 1.1");
        assert_eq!(checked(&other), Err("apt would not change app, which is planned".to_owned()));
    }

    #[test]
    fn configuration_files_are_purged_with_any_version_that_left_them() {
        let purge = json!({ "name": "old", "architecture": "amd64", "change": "purge", "from": null,
            "cause": "declared", "phase": "after" });
        let planned: PackageChange = serde_json::from_value(purge).unwrap();
        let input = |line: &str| format!("VERSION 3\nDir=/\n\n{line}\n");
        let checked = |line: &str| check(&[&planned], &input(line), |_| Ok(String::new()));
        assert_eq!(checked("old 2.0 all none > - - none **REMOVE**"), Ok(Vec::new()));
        assert!(checked("old - - none < 2.0 all none /old.deb").is_err());
    }

    #[test]
    fn any_other_transaction_is_refused() {
        let without = |name: &str| {
            let lines = INPUT.lines().filter(|line| !line.starts_with(&format!("{name} ")));
            lines.flat_map(|line| [line, "\n"]).collect::<String>()
        };
        for (input, why) in [
            (without("old"), "apt would not change old, which is planned"),
            (without("app"), "apt would not change app, which is planned"),
            (
                format!("{INPUT}more 1 all none > - - none **REMOVE**\n"),
                "apt would change more, which is not planned",
            ),
            (
                INPUT.replace("< 1.0 all", "< 1.1 all"),
                "apt would change app from none to 1.1, but the plan is from none to 1.0",
            ),
            (
                INPUT.replace("libapp 0.9 amd64 same < 1.0 amd64", "libapp 0.9 i386 same < 1.0 i386"),
                "apt would change libapp, which is not planned",
            ),
            (INPUT.replace("VERSION 3", "VERSION 2"), "apt does not speak version 3 of the protocol"),
            ("VERSION 3\nDir=/\n".to_owned(), "apt sent no transaction"),
            (format!("{INPUT}torn\n"), "apt sent the line `torn`"),
        ] {
            assert_eq!(checked(&input), Err(why.to_owned()));
        }
    }

    #[test]
    fn a_file_with_another_digest_is_refused() {
        let planned = planned();
        let planned: Vec<_> = planned.iter().collect();
        let why = check(&planned, INPUT, |_| Ok("bb".to_owned())).unwrap_err();
        assert!(why.ends_with("is not the planned file of libapp"), "{why}");
        let why = check(&planned, INPUT, |_| Err(io::ErrorKind::NotFound.into())).unwrap_err();
        assert!(why.starts_with("failed to read /var/cache/apt/archives/libapp_1.0_amd64.deb"), "{why}");
    }
}
