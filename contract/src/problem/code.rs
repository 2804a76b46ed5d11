//! The error codes: a number and a meaning each, which never change.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A stable error code. The reference page of the codes is generated from [`Code::meaning`] and
/// [`Code::explanation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Code {
    /// The command line or its environment is wrong.
    #[serde(rename = "NF-101")]
    Usage,
    /// No flake was found, or the flake has no `nixfleet` output.
    #[serde(rename = "NF-102")]
    NoFleet,
    /// A selector names an unknown host, tag, role or base, or selects no host.
    #[serde(rename = "NF-103")]
    Selection,
    /// The rollout is unknown, or nothing is left to do in it.
    #[serde(rename = "NF-104")]
    NoRollout,
    /// The history cannot be used, or has no record of the requested command.
    #[serde(rename = "NF-105")]
    History,
    /// The inventory of another tool is wrong, or cannot be imported.
    #[serde(rename = "NF-106")]
    Import,
    /// Nix could not evaluate the flake.
    #[serde(rename = "NF-201")]
    Evaluation,
    /// Nix could not build a host closure.
    #[serde(rename = "NF-202")]
    Build,
    /// The intent or manifest of a host is not valid.
    #[serde(rename = "NF-203")]
    InvalidManifest,
    /// The host did not answer.
    #[serde(rename = "NF-301")]
    Unreachable,
    /// The host refused the SSH user or key.
    #[serde(rename = "NF-302")]
    SshAuth,
    /// The host key is unknown or differs from the pinned key.
    #[serde(rename = "NF-303")]
    HostKey,
    /// The SSH user cannot become root without a password.
    #[serde(rename = "NF-304")]
    NoSudo,
    /// The host has no Nix.
    #[serde(rename = "NF-305")]
    NoNix,
    /// The closure could not be copied to the host.
    #[serde(rename = "NF-306")]
    Copy,
    /// The host's answer is not a NixFleet document.
    #[serde(rename = "NF-307")]
    BadAnswer,
    /// A command did not end in time.
    #[serde(rename = "NF-308")]
    TimedOut,
    /// The host cannot be prepared for `NixFleet`, or a step of its preparation failed.
    #[serde(rename = "NF-309")]
    Bootstrap,
    /// The host cannot be taken out of management, or a part of the removal failed.
    #[serde(rename = "NF-310")]
    Forget,
    /// Another run holds the lock of the host.
    #[serde(rename = "NF-401")]
    Locked,
    /// An unmanaged file or link exists at a managed path.
    #[serde(rename = "NF-402")]
    Conflict,
    /// The host changed between plan and apply.
    #[serde(rename = "NF-403")]
    PlanOutdated,
    /// The state on the host cannot be read, or was written by a newer NixFleet.
    #[serde(rename = "NF-404")]
    State,
    /// A file, directory or link on the host could not be read or written.
    #[serde(rename = "NF-405")]
    HostFile,
    /// A unit did not reach the intended state.
    #[serde(rename = "NF-406")]
    Unit,
    /// A user or group could not be created or changed.
    #[serde(rename = "NF-407")]
    Account,
    /// The new content of a file, or a new unit, is not valid.
    #[serde(rename = "NF-408")]
    Validation,
    /// The requested generation does not exist.
    #[serde(rename = "NF-409")]
    NoGeneration,
    /// A path cannot be managed safely, because a parent is a link or can be changed by other users.
    #[serde(rename = "NF-410")]
    UnsafePath,
    /// The disk of the host is full.
    #[serde(rename = "NF-411")]
    DiskFull,
    /// An open transaction could not be recovered.
    #[serde(rename = "NF-412")]
    Recovery,
    /// The change was not confirmed in time over a new connection, so the host rolled back by itself.
    #[serde(rename = "NF-413")]
    Unconfirmed,
    /// A run on the host ended before its work was done.
    #[serde(rename = "NF-414")]
    Interrupted,
    /// The host has no record of the requested run.
    #[serde(rename = "NF-415")]
    NoRun,
    /// The change would lock out the user who applies it.
    #[serde(rename = "NF-416")]
    LockedOut,
    /// The configuration of another host of the inventory was last applied to this host.
    #[serde(rename = "NF-417")]
    OtherHost,
    /// A health check failed.
    #[serde(rename = "NF-418")]
    HealthCheck,
    /// A unit repeatedly ended and was restarted, until systemd or NixFleet gave up.
    #[serde(rename = "NF-420")]
    RestartStorm,
    /// A unit affected by the change is masked on the host.
    #[serde(rename = "NF-421")]
    Masked,
    /// The `onChange` command of a changed file does not exist, or failed.
    #[serde(rename = "NF-422")]
    Command,
    /// A NixOS system could not be activated, or could not be made the boot default.
    #[serde(rename = "NF-423")]
    System,
    /// The host runs another base than the inventory declares.
    #[serde(rename = "NF-424")]
    OtherBase,
    /// apt or dpkg could not be asked, or cannot carry out what is declared.
    #[serde(rename = "NF-425")]
    Packages,
}

impl Code {
    /// Every code, in the order of the generated reference page.
    pub const ALL: [Self; 43] = [
        Self::Usage,
        Self::NoFleet,
        Self::Selection,
        Self::NoRollout,
        Self::History,
        Self::Import,
        Self::Evaluation,
        Self::Build,
        Self::InvalidManifest,
        Self::Unreachable,
        Self::SshAuth,
        Self::HostKey,
        Self::NoSudo,
        Self::NoNix,
        Self::Copy,
        Self::BadAnswer,
        Self::TimedOut,
        Self::Bootstrap,
        Self::Forget,
        Self::Locked,
        Self::Conflict,
        Self::PlanOutdated,
        Self::State,
        Self::HostFile,
        Self::Unit,
        Self::Account,
        Self::Validation,
        Self::NoGeneration,
        Self::UnsafePath,
        Self::DiskFull,
        Self::Recovery,
        Self::Unconfirmed,
        Self::Interrupted,
        Self::NoRun,
        Self::LockedOut,
        Self::OtherHost,
        Self::HealthCheck,
        Self::RestartStorm,
        Self::Masked,
        Self::Command,
        Self::System,
        Self::OtherBase,
        Self::Packages,
    ];

    /// Returns the printed form of the code, such as `NF-101`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.describe().0
    }

    /// Returns one sentence that explains the code, for the reference page.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        self.describe().1
    }

    const fn describe(self) -> (&'static str, &'static str) {
        match self {
            Self::Usage => ("NF-101", "The command line or its environment is wrong."),
            Self::NoFleet => ("NF-102", "No flake was found, or the flake has no `nixfleet` output."),
            Self::Selection => {
                ("NF-103", "A selector names an unknown host, tag, role or base, or selects no host.")
            }
            Self::NoRollout => (
                "NF-104",
                "This machine has no record of the rollout, or the rollout has nothing left to do.",
            ),
            Self::History => {
                ("NF-105", "The history cannot be used, or has no record of the requested command.")
            }
            Self::Import => ("NF-106", "The inventory of another tool is wrong, or cannot be imported."),
            Self::Evaluation => ("NF-201", "Nix could not evaluate the flake."),
            Self::Build => ("NF-202", "Nix could not build a host closure."),
            Self::InvalidManifest => ("NF-203", "The intent or manifest of a host is not valid."),
            Self::Unreachable => ("NF-301", "The host could not be reached, or did not answer in time."),
            Self::SshAuth => ("NF-302", "The host refused the SSH user or key."),
            Self::HostKey => ("NF-303", "The host key is unknown or differs from the pinned key."),
            Self::NoSudo => ("NF-304", "The SSH user cannot become root without a password."),
            Self::NoNix => ("NF-305", "The host has no Nix."),
            Self::Copy => ("NF-306", "The closure could not be copied to the host."),
            Self::BadAnswer => ("NF-307", "The answer of the host is not a NixFleet document."),
            Self::TimedOut => ("NF-308", "A command did not end in time."),
            Self::Bootstrap => {
                ("NF-309", "The host cannot be prepared for NixFleet, or a step of its preparation failed.")
            }
            Self::Forget => {
                ("NF-310", "The host cannot be taken out of management, or a part of the removal failed.")
            }
            Self::Locked => ("NF-401", "Another run holds the lock of the host."),
            Self::Conflict => {
                ("NF-402", "A declared path already exists on the host, and NixFleet does not own it.")
            }
            Self::PlanOutdated => ("NF-403", "The host changed between plan and apply."),
            Self::State => ("NF-404", "The state on the host cannot be read, or a newer NixFleet wrote it."),
            Self::HostFile => ("NF-405", "A path on the host could not be read or written."),
            Self::Unit => ("NF-406", "A unit did not reach the required state."),
            Self::Account => ("NF-407", "A user or group could not be created or changed."),
            Self::Validation => ("NF-408", "The new content of a file, or a new unit, is not valid."),
            Self::NoGeneration => ("NF-409", "The requested generation does not exist on the host."),
            Self::UnsafePath => (
                "NF-410",
                "A path cannot be managed safely, because a parent is a link or other users can change it.",
            ),
            Self::DiskFull => ("NF-411", "The disk of the host is full."),
            Self::Recovery => ("NF-412", "An interrupted transaction could not be recovered."),
            Self::Unconfirmed => (
                "NF-413",
                "The change was not confirmed in time over a new connection, so the host rolled back.",
            ),
            Self::Interrupted => ("NF-414", "A run on the host ended before it was complete."),
            Self::NoRun => ("NF-415", "The host has no record of the requested run."),
            Self::LockedOut => ("NF-416", "The change would lock out the user who applies it."),
            Self::OtherHost => (
                "NF-417",
                "The configuration of another host of the inventory was last applied to this host.",
            ),
            Self::HealthCheck => ("NF-418", "A health check of the host failed."),
            Self::RestartStorm => ("NF-420", "A unit ended and was restarted repeatedly."),
            Self::Masked => ("NF-421", "A unit that the change affects is masked on the host."),
            Self::Command => ("NF-422", "The `onChange` command of a changed file cannot be run, or failed."),
            Self::System => {
                ("NF-423", "A NixOS system could not be activated, or could not be made the boot default.")
            }
            Self::OtherBase => ("NF-424", "The host runs another base than the inventory declares."),
            Self::Packages => ("NF-425", "apt or dpkg did not answer, or cannot do what is declared."),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
