//! Reasons to refuse what apt would do.

use nixfleet_contract::apt::declared::DeclaredPackage;
use nixfleet_contract::apt::plan::{Mark, MarkChange, PackageCause, PackageChange, PackageOperation};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::PackageName;

use super::plan::{AptFacts, full_name};

/// Returns a problem for each part of the plan that must not happen.
pub(super) fn objections(
    facts: &AptFacts<'_>,
    packages: &[PackageChange],
    marks: &[MarkChange],
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in packages {
        let name = full_name(facts.host, &package.name, &package.architecture);
        if package.change.is_removal() {
            problems.extend(removal(facts, &name, package.cause));
        }
        if matches!(package.change, PackageOperation::Downgrade { .. }) && !has_version(facts, &name) {
            problems.push(
                Problem::new(Code::Packages, format!("apt would install an older version of {name}"))
                    .at(option(&name))
                    .because("no declaration asks for this version")
                    .help(format!("declare it: {}.version = \"…\";", option(&name))),
            );
        }
        problems.extend(hold(facts, &name, marks));
    }
    problems.extend(forbidden(facts));
    if !facts.is_update {
        problems.extend(missing(facts, packages));
    }
    problems
}

fn option(name: &PackageName) -> String {
    format!("nixfleet.apt.packages.\"{name}\"")
}

fn has_version(facts: &AptFacts<'_>, name: &PackageName) -> bool {
    matches!(
        facts.declared.packages.get(name),
        Some(DeclaredPackage::Present(present)) if present.version.is_some()
    )
}

/// Refuses to remove a package that the host needs, or that no declaration names.
fn removal(facts: &AptFacts<'_>, name: &PackageName, cause: PackageCause) -> Option<Problem> {
    let refused = || Problem::new(Code::Packages, format!("apt would remove {name}")).at(option(name));
    let kernels = [format!("linux-image-{}", facts.kernel), format!("linux-image-{}-unsigned", facts.kernel)];
    if facts.host.packages.get(name).is_some_and(|package| package.is_vital) || name.is_protected() {
        let help = "remove the declaration that conflicts with the package";
        return Some(
            refused().because("the host needs the package to work, to boot or to be reached").help(help),
        );
    }
    if kernels.iter().any(|kernel| kernel == name.plain()) {
        let help = "restart the host with another kernel first";
        return Some(refused().because("it is the kernel that the host runs").help(help));
    }
    if facts.is_update {
        let help = format!("remove {name} yourself, or hold the update that needs its removal");
        return Some(refused().because("an update of the operating system removes nothing").help(help));
    }
    (cause == PackageCause::Unasked).then(|| {
        refused()
            .because("the package conflicts with a declared one, and nothing declares it as absent")
            .help(format!("declare it, if you do want to remove it: {}.state = \"absent\";", option(name)))
    })
}

/// Refuses to change a package that somebody else holds.
fn hold(facts: &AptFacts<'_>, name: &PackageName, marks: &[MarkChange]) -> Option<Problem> {
    let package = facts.host.packages.get(name).filter(|package| package.is_held)?;
    let is_released = marks.iter().any(|change| change.package == *name && change.mark == Mark::Unhold);
    if is_released {
        return None;
    }
    let version = package.version.as_ref().map_or(String::new(), |version| format!(" at version {version}"));
    let (why, help) = if facts.declared.holds(name) {
        ("a declaration holds it", format!("remove the hold, or the declaration that changes {name}"))
    } else {
        (
            "somebody holds it on the host",
            format!("run `apt-mark unhold {name}` on the host, or remove the declaration"),
        )
    };
    Some(
        Problem::new(Code::Packages, format!("{name} is held{version}, but apt would change it"))
            .at(option(name))
            .because(why)
            .help(help),
    )
}

/// Refuses versions with a negative priority. apt installs them if a declaration asks for the version.
fn forbidden(facts: &AptFacts<'_>) -> impl Iterator<Item = Problem> {
    facts.before.packages.iter().filter_map(|package| {
        let version = package.versions.install.as_ref().filter(|version| version.pin < 0)?;
        let (name, version, pin) = (&package.name, &version.version, version.pin);
        Some(
            Problem::new(Code::Packages, format!("apt would install {name} {version}, which a pin forbids"))
                .at("nixfleet.apt.pins")
                .because(format!(
                    "the version has the priority {pin}; `onlyPackages` of a source makes such pins"
                ))
                .help(format!("declare another version of {name}, or allow this one with a pin")),
        )
    })
}

/// Reports declared packages that are not installed, and that apt would not install.
fn missing<'a>(facts: &'a AptFacts<'_>, packages: &'a [PackageChange]) -> impl Iterator<Item = Problem> + 'a {
    let comes = |name: &PackageName| {
        packages.iter().any(|package| {
            package.change.to().is_some()
                && full_name(facts.host, &package.name, &package.architecture) == *name
        })
    };
    let declared = facts.declared.packages.iter();
    let present = declared.filter(|(_, package)| matches!(package, DeclaredPackage::Present(_)));
    // A repair completes a package whose installation was interrupted.
    let repaired = facts.host.unfinished();
    let missing = present.filter(move |(name, _)| {
        facts.host.installed(name).is_none() && !comes(name) && !repaired.contains(name)
    });
    missing.map(|(name, _)| {
        Problem::new(Code::Packages, format!("apt would not install {name}"))
            .at(option(name))
            .because("another package provides it, or the name is that of a virtual package")
            .help(format!("declare a package that `apt-cache showpkg {name}` lists on the host"))
    })
}
