//! Steps that change which NixOS system a host runs and boots.

use serde::{Deserialize, Serialize};

use super::text::{Line, Sign, Tone};
use crate::nixos::Loader;
use crate::values::AbsPath;

/// A step that changes the NixOS system of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "camelCase", tag = "step")]
#[strum(serialize_all = "camelCase")]
pub enum SystemStep {
    /// Activate a system: run its `switch-to-configuration test`.
    ActivateSystem(ActivateSystem),
    /// After the change has been confirmed, make a system the boot default.
    SetBootDefault(SetBootDefault),
    /// After the change has been confirmed, tell the boot loader to boot a system at the next boot only. The
    /// boot default stays.
    BootOnce(BootOnce),
}

/// The details of [`SystemStep::ActivateSystem`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivateSystem {
    /// Store path of the system that runs before the step.
    pub from: AbsPath,
    /// Store path of the new system.
    pub to: AbsPath,
    /// Time limit for the activation, in seconds; 900 if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
}

/// The details of [`SystemStep::SetBootDefault`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetBootDefault {
    /// Store path of the boot default before the step, if any.
    pub from: Option<AbsPath>,
    /// Store path of the new boot default.
    pub to: AbsPath,
    /// The parts of the new boot default that take effect only when the host is restarted, such as `kernel`.
    /// Until then, no health check can test them. Empty if the confirmation covers the whole system.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unconfirmed: Vec<String>,
    /// The boot loader, if an earlier change told it to boot another system once and this step has to cancel
    /// that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgets: Option<Loader>,
}

/// The details of [`SystemStep::BootOnce`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BootOnce {
    /// Store path of the system to boot once.
    pub to: AbsPath,
    /// The boot loader that boots the system once.
    pub loader: Loader,
    /// The parts of the system that take effect only when the host boots, such as `kernel`.
    pub parts: Vec<String>,
}

impl SystemStep {
    /// Whether the step happens only after the change has been confirmed.
    #[must_use]
    pub const fn follows_confirmation(&self) -> bool {
        self.activation().is_none()
    }

    /// Returns the activation; `None` if the step changes what the host boots.
    #[must_use]
    pub const fn activation(&self) -> Option<&ActivateSystem> {
        match self {
            Self::ActivateSystem(step) => Some(step),
            Self::SetBootDefault(_) | Self::BootOnce(_) => None,
        }
    }

    /// Describes the step in one line, for people.
    #[must_use]
    pub fn line(&self) -> Line {
        match self {
            Self::ActivateSystem(ActivateSystem { from, to, .. }) if from == to => {
                Line::new(Sign::Changes, format!("NixOS: activate {} again", system(to)))
            }
            Self::ActivateSystem(ActivateSystem { from, to, .. }) => {
                Line::new(Sign::Changes, format!("NixOS {} → {}", system(from), system(to)))
            }
            Self::SetBootDefault(SetBootDefault { from, to, forgets: Some(_), .. })
                if from.as_ref() == Some(to) =>
            {
                Line::new(Sign::Changes, format!("next boot: the boot default, {}", system(to)))
                    .and(Tone::Quiet, "  instead of the system that an earlier change had chosen")
            }
            Self::SetBootDefault(SetBootDefault { from, to, unconfirmed, .. }) => {
                let from = from.as_ref().map_or_else(|| "none".to_owned(), system);
                let line = Line::new(Sign::Changes, format!("boot default {from} → {}", system(to)));
                if unconfirmed.is_empty() {
                    return line.and(Tone::Quiet, "  after the confirmation");
                }
                line.and(Tone::Loud, format!("  unconfirmed boot default: new {}", unconfirmed.join(", ")))
            }
            Self::BootOnce(BootOnce { to, parts, .. }) => {
                Line::new(Sign::Changes, format!("next boot only: {}", system(to)))
                    .and(Tone::Quiet, format!("  new {}; the boot default stays", parts.join(", ")))
            }
        }
    }
}

/// Returns the name of a system with the first characters of the hash in its store path, such as
/// `nixos-system-db-9-24.11 (mz8fj2ab)`.
fn system(path: &AbsPath) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    match name.split_once('-') {
        Some((hash, name)) if hash.len() == 32 => format!("{name} ({})", &hash[..8]),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_named_with_its_version_and_the_start_of_its_hash() {
        let path = "/nix/store/mz8fj2abmz8fj2abmz8fj2abmz8fj2ab-nixos-system-db-9-24.11".parse().unwrap();
        assert_eq!(system(&path), "nixos-system-db-9-24.11 (mz8fj2ab)");
        assert_eq!(system(&"/tmp/factory".parse().unwrap()), "factory");
    }

    #[test]
    fn an_unconfirmed_boot_default_is_loud() {
        let step = SetBootDefault {
            from: None,
            to: "/nix/store/b".parse().unwrap(),
            unconfirmed: vec!["kernel".to_owned()],
            forgets: None,
        };
        let line = SystemStep::SetBootDefault(step).line();
        assert_eq!(line.to_string(), "~ boot default none → b  unconfirmed boot default: new kernel");
        assert_eq!(line.parts[1].0, Tone::Loud);
    }
}
