//! Who is told how a rollout goes. Nothing here is a secret: those are named by a file or a variable of the operator's machine.

use serde::{Deserialize, Serialize};

/// One recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// How it is told.
    pub kind: Kind,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The file that holds its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_file: Option<String>,
    /// The variable that holds its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_env: Option<String>,
    /// The file that holds a token for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// The variable that holds a token for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// The program to run, and its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// When it is told.
    pub on: Vec<Moment>,
    /// How long it may take to be told, in seconds.
    pub timeout: u64,
}

/// How a recipient is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// JSON by POST.
    Webhook,
    /// As ntfy takes it.
    Ntfy,
    /// As Discord takes it.
    Discord,
    /// As Slack takes it, and Mattermost.
    Slack,
    /// A program reads JSON on standard input.
    Command,
}

/// When somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Moment {
    /// The first host is about to be changed.
    Start,
    /// No further host is begun until somebody resumes the rollout.
    Pause,
    /// Hosts did not end well.
    Failure,
    /// Every host is as it should be.
    Success,
}
