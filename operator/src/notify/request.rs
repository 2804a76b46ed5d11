//! A message as the request that each kind of service understands.

use nixfleet_contract::notification::{MessageFormat, Moment};
use serde_json::json;

use super::message::Message;
use super::text;

/// The most characters that Discord takes; the others take more.
const LIMIT: usize = 2000;

/// What is sent by POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// Headers, without the one that authorises.
    pub headers: Vec<String>,
    /// The body.
    pub body: String,
}

impl HttpRequest {
    /// A message for a kind of service; nothing for a command, which needs no request.
    pub fn new(kind: MessageFormat, message: &Message) -> Option<Self> {
        let json = |body: serde_json::Value| Self {
            headers: vec!["Content-Type: application/json".to_owned()],
            body: body.to_string(),
        };
        match kind {
            MessageFormat::Webhook => Some(json(serde_json::to_value(message).unwrap_or_default())),
            // Whatever a host is called, nobody is called by it.
            MessageFormat::Discord => {
                Some(json(json!({ "content": plain(message), "allowed_mentions": { "parse": [] } })))
            }
            MessageFormat::Slack => Some(json(json!({ "text": escaped(&plain(message)) }))),
            MessageFormat::Ntfy => Some(ntfy(message)),
            MessageFormat::Command => None,
        }
    }
}

fn plain(message: &Message) -> String {
    shortened(&format!("{}\n{}", text::title(message), text::body(message)))
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= LIMIT {
        return text.to_owned();
    }
    text.chars().take(LIMIT - 1).chain(['…']).collect()
}

/// Slack reads `<…>` as a command and `&` as the beginning of a character.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn ntfy(message: &Message) -> HttpRequest {
    let (priority, tags) = match message.event {
        Moment::Start => ("default", "rocket"),
        Moment::Success => ("default", "white_check_mark"),
        Moment::Pause => ("high", "pause_button"),
        Moment::Failure => ("high", "rotating_light"),
    };
    // Headers are ASCII, to be safe; names of commands are.
    let title: String =
        text::title(message).chars().map(|letter| if letter.is_ascii() { letter } else { '?' }).collect();
    HttpRequest {
        headers: vec![
            format!("Title: NixFleet: {title}"),
            format!("Priority: {priority}"),
            format!("Tags: {tags}"),
        ],
        body: shortened(&text::body(message)),
    }
}
