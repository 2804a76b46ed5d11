//! The NixOS system in the closure of a NixOS host.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::values::AbsPath;

/// The NixOS system that a host should run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NixosSystem {
    /// The store path of the system.
    pub toplevel: AbsPath,
    /// The boot loader, if it can boot a system once without making the system the boot default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loader: Option<Loader>,
    /// The parts of the system that take effect only when the host boots, by the names in [`BOOT_PARTS`]. The
    /// value is the store path of the part. The value of `kernel-params` is the kernel command line.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub boot: BTreeMap<String, String>,
    /// The switch inhibitors, and the value of [`INIT`]. A running host refuses to activate a system that has
    /// a different value of an inhibitor.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inhibitors: BTreeMap<String, String>,
    /// Time limit for the activation of the system, in seconds; 900 if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_timeout: Option<u64>,
    /// The file [`SUMMARY`] of the closure; `None` if another tool made the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<SummaryFile>,
}

/// The file in the closure of a NixOS host that contains the [`SystemSummary`] as JSON.
pub const SUMMARY: &str = "system.json";

/// The file [`SUMMARY`]. It is sent to the host for a plan, because the system may not be on the host yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SummaryFile {
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Size of the file in bytes.
    pub size: u64,
}

/// The packages and units of a NixOS system. A host compares them with those of its running system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemSummary {
    /// The store paths in the closure of the system, sorted.
    pub paths: Vec<String>,
    /// The units in `etc/systemd/system` of the system, by name.
    pub units: BTreeMap<String, UnitSource>,
    /// The units that each unit wants, requires or upholds with a link, such as the services of
    /// `multi-user.target`.
    pub wants: BTreeMap<String, BTreeSet<String>>,
}

impl SystemSummary {
    /// Returns a unit that has a file of its own, and not only drop-ins.
    #[must_use]
    pub fn unit_file(&self, unit: &str) -> Option<&UnitSource> {
        self.units.get(unit).filter(|source| !source.only_drop_ins)
    }
}

/// What `switch-to-configuration dry-activate` says about a system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DryActivation {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The printed lines.
    pub lines: Vec<String>,
}

/// A unit of a NixOS system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitSource {
    /// The store path of the unit and of each of its drop-ins. The same paths have the same texts.
    pub paths: Vec<String>,
    /// The text of the unit, followed by the texts of its drop-ins.
    pub text: String,
    /// Whether the system has drop-ins of the unit, but no file of the unit itself. This is the case for an
    /// instance of a template, and for a unit that only exists on the host.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_drop_ins: bool,
}

/// The entries of a NixOS system that take effect only when the host boots.
pub const BOOT_PARTS: [&str; 4] = ["initrd", "kernel", "kernel-modules", "kernel-params"];

/// The file of a NixOS system that contains its switch inhibitors as one JSON object of strings.
pub const INHIBITORS: &str = "switch-inhibitors";

/// The file of a NixOS system that contains the version of the interface between the system and its `init`.
/// It inhibits a switch like the entries of [`INHIBITORS`].
pub const INIT: &str = "init-interface-version";

/// A boot loader that can boot a system once without making the system the boot default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loader {
    /// GRUB, with `grub-reboot`.
    Grub,
    /// systemd-boot, with `bootctl set-oneshot`.
    SystemdBoot,
}

impl NixosSystem {
    /// Returns the names of the parts that differ from the parts with which the host booted. A new kernel
    /// always has a new initial RAM disk and new modules, so these are not named beside it.
    #[must_use]
    pub fn needs_boot(&self, booted: &BTreeMap<String, String>) -> Vec<String> {
        let differs = |part: &str| self.boot.get(part) != booted.get(part);
        let comes_along = |part: &str| matches!(part, "initrd" | "kernel-modules") && differs("kernel");
        let parts = BOOT_PARTS.iter().filter(|part| differs(part) && !comes_along(part));
        parts.map(|part| (*part).to_owned()).collect()
    }

    /// Returns the names of the inhibitors that the running system has too, with a different value.
    #[must_use]
    pub fn inhibited(&self, running: &BTreeMap<String, String>) -> Vec<String> {
        let differs =
            |(name, value): &(&String, &String)| running.get(*name).is_some_and(|running| running != *value);
        self.inhibitors.iter().filter(differs).map(|(name, _)| name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn system() -> NixosSystem {
        NixosSystem {
            toplevel: "/nix/store/a-nixos-system".parse().unwrap(),
            loader: Some(Loader::SystemdBoot),
            boot: map(&[("kernel", "/k2"), ("initrd", "/i1")]),
            inhibitors: map(&[("dbus", "new"), ("init", "same"), ("own", "x")]),
            activation_timeout: None,
            summary: None,
        }
    }

    #[test]
    fn a_part_that_differs_from_the_booted_one_needs_a_boot() {
        let booted = map(&[("kernel", "/k1"), ("initrd", "/i1"), ("kernel-modules", "/m1")]);
        assert_eq!(system().needs_boot(&booted), ["kernel"]);
        let booted = map(&[("kernel", "/k2"), ("initrd", "/i0")]);
        assert_eq!(system().needs_boot(&booted), ["initrd"]);
        assert!(system().needs_boot(&system().boot).is_empty());
    }

    #[test]
    fn only_an_inhibitor_of_both_systems_inhibits() {
        let running = map(&[("dbus", "old"), ("init", "same"), ("other", "y")]);
        assert_eq!(system().inhibited(&running), ["dbus"]);
    }

    #[test]
    fn loaders_have_the_names_that_nix_writes() {
        let json = serde_json::to_value(system()).unwrap();
        assert_eq!(json["loader"], "systemd-boot");
        assert_eq!(serde_json::from_value::<NixosSystem>(json).unwrap(), system());
    }
}
