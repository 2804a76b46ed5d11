//! The explanations of the codes: usual causes, what to do, and what was changed on the host.

mod command_line;
mod connection;
mod nix;
mod preparation;
mod refusal;
mod resource;
mod run;

use serde::Serialize;

use super::Code;

/// The text for errors that appear before anything is changed.
const NOTHING: &str = "Nothing.";
/// The text for errors that appear before or during a change.
const UNDONE: &str =
    "Nothing if the outcome is `blocked`. If the outcome is `rolled-back`, the change was undone.";

/// The explanation of a code. All texts except the title and the page are sentences, with code in backticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The usual causes of the error, from one to four.
    pub causes: &'static [UsualCause],
    /// The state of the host after the error: what has changed on it, and what has not.
    pub changed: &'static str,
    /// The title of the page or section that tells more.
    pub title: &'static str,
    /// The file of that page in the folder `docs`, with the anchor of the section.
    pub page: &'static str,
}

/// A usual cause of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UsualCause {
    /// The cause, as one sentence.
    pub cause: &'static str,
    /// Instructions to remove the cause.
    pub remedy: &'static str,
}

impl Code {
    /// Returns the explanation of the code, for the reference page.
    #[must_use]
    pub const fn explanation(self) -> &'static Explanation {
        match self {
            Self::Usage => &command_line::USAGE,
            Self::NoFleet => &command_line::NO_FLEET,
            Self::Selection => &command_line::SELECTION,
            Self::NoRollout => &command_line::NO_ROLLOUT,
            Self::History => &command_line::HISTORY,
            Self::Import => &command_line::IMPORT,
            Self::Evaluation => &nix::EVALUATION,
            Self::Build => &nix::BUILD,
            Self::InvalidManifest => &nix::INVALID_MANIFEST,
            Self::Unreachable => &connection::UNREACHABLE,
            Self::SshAuth => &connection::SSH_AUTH,
            Self::HostKey => &connection::HOST_KEY,
            Self::NoSudo => &connection::NO_SUDO,
            Self::NoNix => &connection::NO_NIX,
            Self::Copy => &connection::COPY,
            Self::BadAnswer => &connection::BAD_ANSWER,
            Self::TimedOut => &connection::TIMED_OUT,
            Self::Bootstrap => &preparation::BOOTSTRAP,
            Self::Forget => &preparation::FORGET,
            Self::Locked => &refusal::LOCKED,
            Self::Conflict => &refusal::CONFLICT,
            Self::PlanOutdated => &refusal::PLAN_OUTDATED,
            Self::State => &refusal::STATE,
            Self::HostFile => &resource::HOST_FILE,
            Self::Unit => &resource::UNIT,
            Self::Account => &resource::ACCOUNT,
            Self::Validation => &resource::VALIDATION,
            Self::NoGeneration => &refusal::NO_GENERATION,
            Self::UnsafePath => &refusal::UNSAFE_PATH,
            Self::DiskFull => &resource::DISK_FULL,
            Self::Recovery => &run::RECOVERY,
            Self::Unconfirmed => &run::UNCONFIRMED,
            Self::Interrupted => &run::INTERRUPTED,
            Self::NoRun => &run::NO_RUN,
            Self::LockedOut => &refusal::LOCKED_OUT,
            Self::OtherHost => &refusal::OTHER_HOST,
            Self::HealthCheck => &run::HEALTH_CHECK,
            Self::RestartStorm => &resource::RESTART_STORM,
            Self::Masked => &resource::MASKED,
            Self::Command => &resource::COMMAND,
            Self::System => &resource::SYSTEM,
            Self::OtherBase => &refusal::OTHER_BASE,
            Self::Packages => &resource::PACKAGES,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_code_has_causes_and_each_cause_has_a_remedy() {
        for code in Code::ALL {
            let explanation = code.explanation();
            assert!((1..=8).contains(&explanation.causes.len()), "{code}");
            let causes = explanation.causes.iter().flat_map(|usual| [usual.cause, usual.remedy]);
            for text in causes.chain([explanation.changed]) {
                // A vertical bar or a line end would break the tables of the reference page.
                assert!(text.ends_with('.') && !text.contains(['|', '\n']), "{code}: {text}");
                assert_eq!(text.matches('`').count() % 2, 0, "{code}: {text}");
            }
            assert!(!explanation.title.is_empty(), "{code}");
            assert!(explanation.page.contains(".md"), "{code}");
        }
    }

    #[test]
    fn no_two_codes_have_the_same_explanation() {
        let first = |code: Code| code.explanation().causes.first().map(|usual| usual.cause);
        let causes: BTreeSet<_> = Code::ALL.into_iter().map(first).collect();
        assert_eq!(causes.len(), Code::ALL.len());
    }

    #[test]
    fn the_list_of_all_codes_has_every_code() {
        // serde refuses an unknown code with the names of all codes.
        let error = serde_json::from_str::<Code>("\"\"").unwrap_err().to_string();
        let (_, expected) = error.split_once("expected ").unwrap();
        let codes: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        assert_eq!(codes, Code::ALL.map(Code::as_str));
    }
}
