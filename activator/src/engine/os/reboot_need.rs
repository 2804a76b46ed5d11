//! The reasons for which a host has to be rebooted.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use nixfleet_contract::os::reboot::RebootReason;
use nixfleet_contract::status::ToFinish;
use nixfleet_contract::values::PackageName;

use crate::host::apt::dpkg::HostPackages;
use crate::host::{Host, command};

/// The file that packages create to ask for a reboot, and the list of these packages.
const REQUIRED: &str = "/run/reboot-required";
const REQUIRED_BY: &str = "/run/reboot-required.pkgs";
/// The time limit for a comparison of two versions.
const LIMIT: Duration = Duration::from_secs(10);

/// Packages whose scripts ask for a reboot, apart from kernels. Each calls `notify-reboot-required` of
/// Ubuntu's package `update-notifier-common`, or is started once at boot and cannot be restarted.
const ASKING: [&str; 5] = ["amd64-microcode", "dbus", "intel-microcode", "libc6", "systemd"];

/// Whether an update of a package usually asks for a reboot.
#[must_use]
pub fn is_expected(package: &PackageName) -> bool {
    package.starts_with("linux-image-") || ASKING.contains(&package.plain())
}

/// Returns the reasons of a host. `packages`: the packages of a host with dpkg; `to_finish`: the remaining
/// task of a NixOS host.
#[must_use]
pub fn reasons(
    host: &Host,
    packages: Option<&HostPackages>,
    to_finish: Option<&ToFinish>,
) -> Vec<RebootReason> {
    let kernel = packages.and_then(|packages| new_kernel(host, packages, is_newer));
    let asked = packages.and_then(|packages| asked(host, packages));
    let nixos = match to_finish {
        Some(ToFinish::Restart(parts)) => Some(RebootReason::NixosSystem { parts: parts.clone() }),
        Some(ToFinish::Repeat) | None => None,
    };
    [kernel, asked, nixos].into_iter().flatten().collect()
}

/// Returns the release of the running kernel; empty if the host does not tell.
#[must_use]
pub fn running_kernel(host: &Host) -> String {
    let release = fs::read_to_string(host.path("/proc/sys/kernel/osrelease"));
    release.map(|release| release.trim().to_owned()).unwrap_or_default()
}

/// Compares the running kernel with the installed kernels of its flavour. `is_newer`: whether the first
/// version is newer than the second. A container runs the kernel of its machine, so it has no reason.
fn new_kernel(
    host: &Host,
    packages: &HostPackages,
    is_newer: impl Fn(&str, &str) -> bool,
) -> Option<RebootReason> {
    if host.path("/run/systemd/container").exists() {
        return None;
    }
    let running = running_kernel(host);
    let of_package = |release: &str| {
        [format!("linux-image-{release}"), format!("linux-image-unsigned-{release}")]
            .iter()
            .any(|name| name.parse().is_ok_and(|name| packages.is_on_host(&name)))
    };
    let mut newest = running.clone();
    for file in fs::read_dir(host.path("/boot")).into_iter().flatten().flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let Some(release) = name.strip_prefix("vmlinuz-") else { continue };
        if flavour(release) == flavour(&running) && of_package(release) && is_newer(release, &newest) {
            release.clone_into(&mut newest);
        }
    }
    (newest != running).then_some(RebootReason::NewKernel { running, installed: newest })
}

/// Returns the flavour of a kernel, such as `cloud-amd64` of `6.1.0-18-cloud-amd64`.
fn flavour(release: &str) -> &str {
    let mut rest = release;
    while let Some((_, after)) = rest.split_once('-') {
        if after.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return after;
        }
        rest = after;
    }
    ""
}

/// Whether a version is newer than another one, by the rule of dpkg.
fn is_newer(version: &str, other: &str) -> bool {
    let argv = ["dpkg", "--compare-versions", version, "gt", other];
    command::run(&argv, LIMIT).is_ok_and(|finished| finished.success())
}

/// Returns the packages that have asked for a reboot. A package that is no longer on the host does not count:
/// nothing removes its name from the list.
fn asked(host: &Host, packages: &HostPackages) -> Option<RebootReason> {
    let listed = fs::read_to_string(host.path(REQUIRED_BY)).unwrap_or_default();
    let listed: BTreeSet<PackageName> = listed.lines().filter_map(|name| name.trim().parse().ok()).collect();
    if listed.is_empty() {
        let is_asked = host.path(REQUIRED).exists();
        return is_asked.then_some(RebootReason::AskedByPackages { packages: Vec::new() });
    }
    let there = listed.into_iter().filter(|name| packages.is_on_host(name));
    let packages: Vec<String> = there.map(String::from).collect();
    (!packages.is_empty()).then_some(RebootReason::AskedByPackages { packages })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;
    use crate::host::apt::dpkg::{DpkgPackage, DpkgStatus};

    fn packages(names: &[&str]) -> HostPackages {
        let package = |name: &&str| {
            let (status, version) = (DpkgStatus::Installed, "1.0".parse().ok());
            let package =
                DpkgPackage { status, version, is_held: false, is_automatic: false, is_vital: false };
            (name.parse().unwrap(), package)
        };
        HostPackages {
            architecture: "amd64".to_owned(),
            packages: names.iter().map(package).collect::<BTreeMap<_, _>>(),
        }
    }

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Compares the numbers of two releases. It stands in for dpkg, which a build machine may not have.
    fn by_numbers(one: &str, other: &str) -> bool {
        let numbers = |text: &str| -> Vec<u64> {
            text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
        };
        numbers(one) > numbers(other)
    }

    fn host(running: &str, kernels: &[&str]) -> (TempDir, Host) {
        let directory = TempDir::new().unwrap();
        write(directory.path(), "proc/sys/kernel/osrelease", &format!("{running}\n"));
        for kernel in kernels {
            write(directory.path(), &format!("boot/vmlinuz-{kernel}"), "");
        }
        let host = Host::open(directory.path()).unwrap();
        (directory, host)
    }

    #[test]
    fn the_flavour_follows_the_version() {
        for (release, found) in [
            ("6.1.0-18-cloud-amd64", "cloud-amd64"),
            ("6.12.41+deb13-amd64", "amd64"),
            ("5.15.0-91-generic", "generic"),
            ("6.8.0-1008-aws", "aws"),
            ("6.18.5", ""),
        ] {
            assert_eq!(flavour(release), found, "{release}");
        }
    }

    #[test]
    fn a_newer_installed_kernel_of_the_same_flavour_needs_a_reboot() {
        let newer = ["6.1.0-9-amd64", "6.1.0-18-amd64", "6.1.0-20-cloud-amd64", "6.9.0-1-amd64"];
        let (directory, host) = host("6.1.0-9-amd64", &newer);
        let installed = packages(&[
            "linux-image-6.1.0-9-amd64",
            "linux-image-6.1.0-18-amd64",
            "linux-image-6.1.0-20-cloud-amd64",
        ]);
        // The kernel 6.9 belongs to no package: somebody has removed it, or made it by hand.
        assert_eq!(
            new_kernel(&host, &installed, by_numbers),
            Some(RebootReason::NewKernel {
                running: "6.1.0-9-amd64".to_owned(),
                installed: "6.1.0-18-amd64".to_owned(),
            })
        );
        assert_eq!(new_kernel(&host, &packages(&["linux-image-6.1.0-9-amd64"]), by_numbers), None);
        assert_eq!(new_kernel(&host, &packages(&[]), by_numbers), None);
        write(directory.path(), "run/systemd/container", "systemd-nspawn\n");
        assert_eq!(new_kernel(&host, &installed, by_numbers), None);
    }

    #[test]
    fn packages_that_are_gone_ask_for_nothing() {
        let (directory, host) = host("6.1.0-9-amd64", &[]);
        let installed = packages(&["libc6", "linux-base"]);
        let asked = || asked(&host, &installed);
        assert_eq!(asked(), None);
        write(directory.path(), "run/reboot-required", "*** System restart required ***\n");
        assert_eq!(asked(), Some(RebootReason::AskedByPackages { packages: Vec::new() }));
        write(directory.path(), "run/reboot-required.pkgs", "linux-base\nlibc6\nlinux-image-old\nlibc6\n");
        let both = vec!["libc6".to_owned(), "linux-base".to_owned()];
        assert_eq!(asked(), Some(RebootReason::AskedByPackages { packages: both }));
        write(directory.path(), "run/reboot-required.pkgs", "linux-image-old\n");
        assert_eq!(asked(), None);
    }

    #[test]
    fn a_nixos_host_names_the_parts_that_await_a_boot() {
        let (_directory, host) = host("6.12.41", &[]);
        let parts = vec!["kernel".to_owned()];
        assert_eq!(
            reasons(&host, None, Some(&ToFinish::Restart(parts.clone()))),
            [RebootReason::NixosSystem { parts }]
        );
        assert_eq!(reasons(&host, None, Some(&ToFinish::Repeat)), []);
    }
}
