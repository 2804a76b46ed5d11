//! The NixOS system in the closure of a NixOS host.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::values::{AbsPath, ManagedPath, Owner, UnitName};

/// The NixOS system that a host should run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NixosSystem {
    /// The store path of the system.
    pub toplevel: AbsPath,
    /// The boot loader, if it can boot a system once without making the system the boot default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loader: Option<Loader>,
    /// The parts of the system that take effect only when the host boots, by the names in [`BOOT_PARTS`].
    /// Each value is the store path of the part, except that the value of `kernel-params` is the kernel
    /// command line.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub boot: BTreeMap<String, String>,
    /// The switch inhibitors of the system, by name, and the content of the file [`INIT`]. While a host runs
    /// a system in which one of these values is different, the host refuses to activate this system.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inhibitors: BTreeMap<String, String>,
    /// Time limit for the activation of the system, in seconds; 900 if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_timeout: Option<u64>,
    /// The accounts that the activation of the system creates, if they do not exist yet.
    #[serde(default, skip_serializing_if = "SystemAccounts::is_empty")]
    pub accounts: SystemAccounts,
    /// The files and units of the system that the fleet declares.
    #[serde(default, skip_serializing_if = "DeclaredParts::is_empty")]
    pub declared: DeclaredParts,
    /// The digest and size of the file [`SUMMARY`] in the closure; `None` if another tool made the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<SummaryFile>,
}

/// The accounts of a NixOS system that are the owners or groups of managed paths outside `/etc`. The
/// activation script of the system creates these accounts before the units of the system start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SystemAccounts {
    /// The names of the users.
    #[serde(default)]
    pub users: BTreeSet<Owner>,
    /// The names of the groups.
    #[serde(default)]
    pub groups: BTreeSet<Owner>,
}

impl SystemAccounts {
    fn is_empty(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty()
    }
}

/// The parts of a NixOS system that the fleet declares. If they are not as the activation of the system left
/// them, somebody has changed the host by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeclaredParts {
    /// The files and links below `/etc`.
    #[serde(default)]
    pub etc: BTreeMap<ManagedPath, EtcEntry>,
    /// The enabled units, each with the units that start it, such as `multi-user.target`.
    #[serde(default)]
    pub units: BTreeMap<UnitName, BTreeSet<UnitName>>,
}

impl DeclaredParts {
    fn is_empty(&self) -> bool {
        self.etc.is_empty() && self.units.is_empty()
    }
}

/// A file or link that NixOS makes below `/etc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", deny_unknown_fields)]
pub enum EtcEntry {
    /// A regular file.
    File {
        /// SHA-256 of the content, in hexadecimal.
        sha256: String,
        /// Mode, owner and group.
        access: Access,
    },
    /// A symbolic link.
    Link {
        /// The path that the link points at.
        target: String,
    },
}

impl EtcEntry {
    /// Returns the mode, owner and group; `None` for a link.
    #[must_use]
    pub const fn access(&self) -> Option<&Access> {
        match self {
            Self::File { access, .. } => Some(access),
            Self::Link { .. } => None,
        }
    }
}

/// The file in the closure of a NixOS host that contains the [`SystemSummary`] as JSON.
pub const SUMMARY: &str = "system.json";

/// The digest and size of the file [`SUMMARY`]. For a plan, this file is sent to the host, because the system
/// itself may not be on the host yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SummaryFile {
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Size of the file in bytes.
    pub size: u64,
}

/// The packages and units of a NixOS system. For a plan, a host compares the summary of its running system
/// with the summary of the new system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemSummary {
    /// The store paths in the closure of the system, sorted.
    pub paths: Vec<String>,
    /// The units in `etc/systemd/system` of the system, by name.
    pub units: BTreeMap<String, UnitSource>,
    /// For each unit, the units that the links in its directories `.wants`, `.requires` and `.upholds` name,
    /// such as the services of `multi-user.target`.
    pub wants: BTreeMap<String, BTreeSet<String>>,
    /// The text of `etc/fstab` of the system; `None` if the system has no such file, or if a version of
    /// NixFleet that did not read the file made the summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fstab: Option<String>,
}

impl SystemSummary {
    /// Returns the unit with this name, or `None` if the system has no file of the unit itself.
    #[must_use]
    pub fn unit_file(&self, unit: &str) -> Option<&UnitSource> {
        self.units.get(unit).filter(|source| !source.only_drop_ins)
    }
}

/// The output of `switch-to-configuration dry-activate`, which says what an activation would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DryActivation {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The lines of the output.
    pub lines: Vec<String>,
}

/// A unit of a NixOS system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitSource {
    /// The store paths of the file of the unit and of its drop-ins. Units with equal paths have equal texts.
    pub paths: Vec<String>,
    /// The text of the file of the unit, followed by the texts of its drop-ins.
    pub text: String,
    /// Whether the system has drop-ins of the unit, but no file of the unit itself. An example is an instance
    /// of a template, or a unit that the host has outside the system.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_drop_ins: bool,
}

/// The names of the files and links of a NixOS system that take effect only when the host boots.
pub const BOOT_PARTS: [&str; 4] = ["initrd", "kernel", "kernel-modules", "kernel-params"];

/// The file of a NixOS system that contains its switch inhibitors, as a JSON object whose values are strings.
pub const INHIBITORS: &str = "switch-inhibitors";

/// The file of a NixOS system that contains the version of the interface between the system and its `init`.
/// Like a switch inhibitor, a different version prevents an activation.
pub const INIT: &str = "init-interface-version";

/// A boot loader that can boot a system once without making the system the boot default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loader {
    /// GRUB, which `grub-reboot` tells to boot a system once.
    Grub,
    /// systemd-boot, which `bootctl set-oneshot` tells to boot a system once.
    SystemdBoot,
}

impl NixosSystem {
    /// Returns the names of the parts that differ from the parts with which the host booted. If the kernel is
    /// new, the initial RAM disk and the modules are always new too, so only the kernel is named of these
    /// three.
    #[must_use]
    pub fn needs_boot(&self, booted: &BTreeMap<String, String>) -> Vec<String> {
        let differs = |part: &str| self.boot.get(part) != booted.get(part);
        let comes_along = |part: &str| matches!(part, "initrd" | "kernel-modules") && differs("kernel");
        let parts = BOOT_PARTS.iter().filter(|part| differs(part) && !comes_along(part));
        parts.map(|part| (*part).to_owned()).collect()
    }

    /// Returns the names of the inhibitors that both this system and the running system have, with different
    /// values. `running`: the inhibitors of the running system.
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
            accounts: SystemAccounts::default(),
            declared: DeclaredParts::default(),
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
