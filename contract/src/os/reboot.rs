//! The reasons for which a host has to be rebooted.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A reason for which a host has to be rebooted. It is true until the host has been rebooted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", tag = "reason")]
pub enum RebootReason {
    /// A newer kernel of the running flavour is installed.
    NewKernel {
        /// The release of the running kernel, as `uname -r` prints it.
        running: String,
        /// The release of the newest installed kernel.
        installed: String,
    },
    /// Packages have asked for a reboot in `/run/reboot-required.pkgs`.
    AskedByPackages {
        /// The names of the packages, sorted; empty if `/run/reboot-required` exists, but names no package.
        packages: Vec<String>,
    },
    /// Parts of the NixOS system take effect only at a boot.
    NixosSystem {
        /// The parts, such as `kernel`.
        parts: Vec<String>,
    },
}

/// The answer of a host that is about to reboot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RebootAnswer {
    /// The schema version, always [`crate::SCHEMA`].
    pub schema: u32,
    /// The id of the boot that ends. The host is up again when it has another id.
    pub boot_id: String,
}

impl fmt::Display for RebootReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewKernel { running, installed } => {
                write!(f, "kernel {installed} is installed, and {running} runs")
            }
            Self::AskedByPackages { packages } if packages.is_empty() => f.write_str("a package asks for it"),
            Self::AskedByPackages { packages } => write!(f, "{} asked for it", packages.join(", ")),
            Self::NixosSystem { parts } => write!(f, "new {}", parts.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_clause_for_people_and_a_tagged_object_for_programs() {
        let kernel =
            RebootReason::NewKernel { running: "6.12.41".to_owned(), installed: "6.12.48".to_owned() };
        assert_eq!(kernel.to_string(), "kernel 6.12.48 is installed, and 6.12.41 runs");
        assert_eq!(
            serde_json::to_value(&kernel).unwrap(),
            serde_json::json!({ "reason": "newKernel", "running": "6.12.41", "installed": "6.12.48" })
        );
        let packages = |names: &[&str]| RebootReason::AskedByPackages {
            packages: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        assert_eq!(packages(&["libc6", "linux-base"]).to_string(), "libc6, linux-base asked for it");
        assert_eq!(packages(&[]).to_string(), "a package asks for it");
        let parts = vec!["kernel".to_owned(), "initrd".to_owned()];
        assert_eq!(RebootReason::NixosSystem { parts }.to_string(), "new kernel, initrd");
    }
}
