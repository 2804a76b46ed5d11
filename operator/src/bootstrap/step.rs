//! The steps that prepare a host.

use serde::Serialize;

/// A requirement of a host, or a step that prepares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The requirement of a supported distribution, architecture and service manager.
    Platform,
    /// The requirement of free disk space.
    Space,
    /// Install packages of the distribution.
    Packages,
    /// Run an installer of Nix.
    Installer,
    /// Enable and start the Nix daemon.
    Daemon,
    /// Create the SSH user.
    User,
    /// Let the SSH user log in with public keys.
    Keys,
    /// Let the SSH user become root without a password.
    Sudo,
    /// Make an ed25519 host key.
    HostKey,
    /// Complete the record of a bootstrap that has not ended.
    Record,
}

/// The state of a step on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum StepState {
    /// The host is already as the step would leave it.
    Done,
    /// The step must be done.
    ToDo,
    /// The step cannot be done.
    Cannot,
}

/// A step in the plan of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// The step.
    pub step: Step,
    /// The state of the step.
    pub state: StepState,
    /// The reason for the state: what the host has, what the step changes, or why it cannot be done.
    pub detail: String,
    /// What the user can do about a step that cannot be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// How a step ended on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum StepEnd {
    /// The step was done.
    Done,
    /// The step failed.
    Failed,
    /// The step was undone, because it or a later step failed.
    Undone,
    /// The step could not be undone completely.
    Left,
}

/// A step that was begun on a host, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    /// The step.
    pub step: Step,
    /// How the step ended.
    pub end: StepEnd,
}

impl Step {
    /// The steps that change a host, in the order in which they are done.
    pub const CHANGES: [Self; 7] =
        [Self::Packages, Self::Installer, Self::Daemon, Self::User, Self::Keys, Self::Sudo, Self::HostKey];

    /// Returns the name of the step for the script, in tables and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Space => "space",
            Self::Packages => "packages",
            Self::Installer => "installer",
            Self::Daemon => "daemon",
            Self::User => "user",
            Self::Keys => "keys",
            Self::Sudo => "sudo",
            Self::HostKey => "host-key",
            Self::Record => "record",
        }
    }

    /// Returns the step with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::CHANGES.into_iter().find(|step| step.as_str() == name)
    }
}

impl StepState {
    /// Returns the state in words, for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done already",
            Self::ToDo => "to do",
            Self::Cannot => "cannot",
        }
    }
}

impl StepEnd {
    /// Returns the end of a step for the word that the script prints.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        match word {
            "done" => Some(Self::Done),
            "failed" => Some(Self::Failed),
            "undone" => Some(Self::Undone),
            "left" => Some(Self::Left),
            _ => None,
        }
    }

    /// Returns the word for the end of a step, in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Undone => "undone",
            Self::Left => "left",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_has_a_case_for_each_step_and_its_undo() {
        let script = include_str!("../remote/scripts/bootstrap/change.sh");
        for step in Step::CHANGES {
            let name = step.as_str();
            for case in [format!("    {name}) do_"), format!("    {name}) undo_")] {
                assert!(script.contains(&case), "{case}");
            }
            assert_eq!(Step::named(name), Some(step));
            assert_eq!(serde_json::to_value(step).unwrap(), name);
        }
    }
}
