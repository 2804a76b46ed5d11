//! Formats a message as an HTTP request for each kind of service.

use nixfleet_contract::notification::{MessageFormat, Moment};
use serde_json::json;

use super::message::Message;
use super::text;

/// The maximum length of a Discord message, in characters. The other services accept more.
const LIMIT: usize = 2000;

/// A POST request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The headers, without the `Authorization` header.
    pub headers: Vec<String>,
    /// The body of the request.
    pub body: String,
}

impl HttpRequest {
    /// Creates the request for a kind of service. Returns `None` if the recipient is a command, which needs
    /// no request.
    pub fn new(kind: MessageFormat, message: &Message) -> Option<Self> {
        let json = |body: serde_json::Value| Self {
            headers: vec!["Content-Type: application/json".to_owned()],
            body: body.to_string(),
        };
        match kind {
            MessageFormat::Webhook => Some(json(serde_json::to_value(message).unwrap_or_default())),
            // Mentions of Discord users are disabled, since the name of a host or the text of a problem could
            // contain a mention.
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

/// Escapes a text for Slack, which interprets `<…>` as markup and `&` as the start of an entity.
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
    // Only ASCII is safe in headers, so every other character is replaced. Titles are normally all ASCII.
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
