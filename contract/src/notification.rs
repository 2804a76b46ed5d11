//! Recipients of rollout notifications. No secret is stored here: secrets are named by a file or variable of
//! the operator's machine.

use serde::{Deserialize, Serialize};

/// A recipient of notifications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// How the message is sent.
    pub kind: MessageFormat,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The file that holds its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_file: Option<String>,
    /// The variable that holds its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_env: Option<String>,
    /// The file that holds its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// The variable that holds its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// The program to run, and its arguments, for [`MessageFormat::Command`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The moments when a message is sent.
    pub on: Vec<Moment>,
    /// Time limit for sending a message, in seconds.
    pub timeout: u64,
}

/// How a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MessageFormat {
    /// JSON over HTTP POST.
    Webhook,
    /// The format of ntfy.
    Ntfy,
    /// The format of Discord.
    Discord,
    /// The format of Slack, which Mattermost accepts too.
    Slack,
    /// A program that reads JSON on standard input.
    Command,
}

/// The moment of a rollout when a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Moment {
    /// The first host is about to be changed.
    Start,
    /// No further host is started until somebody resumes the rollout.
    Pause,
    /// At least one host failed.
    Failure,
    /// Every host matches its configuration.
    Success,
}
