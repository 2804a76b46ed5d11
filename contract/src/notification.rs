//! Recipients of rollout notifications. The inventory contains no secrets: it only names the files and
//! environment variables on the operator's machine that contain them.

use serde::{Deserialize, Serialize};

/// A recipient of rollout notifications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// The format and transport of the message.
    pub kind: MessageFormat,
    /// The URL of the recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The file that contains the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_file: Option<String>,
    /// The environment variable that contains the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_env: Option<String>,
    /// The file that contains the access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// The environment variable that contains the access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// The program to run and its arguments, for [`MessageFormat::Command`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The moments of a rollout at which a message is sent.
    pub on: Vec<Moment>,
    /// Time limit for sending a message, in seconds.
    pub timeout: u64,
}

/// The format and transport of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MessageFormat {
    /// A JSON document, sent as an HTTP POST request.
    Webhook,
    /// The message format of the ntfy service.
    Ntfy,
    /// The message format of Discord webhooks.
    Discord,
    /// The message format of Slack webhooks, which Mattermost accepts too.
    Slack,
    /// A JSON document, passed to a program on standard input.
    Command,
}

/// A moment of a rollout at which a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Moment {
    /// The first host is about to be changed.
    Start,
    /// The rollout is paused: no further host is started until the rollout is resumed.
    Pause,
    /// At least one host failed.
    Failure,
    /// The rollout is complete, and no host failed.
    Success,
}
