//! Delivers a message to one recipient.

use std::time::Duration;

use nixfleet_contract::notification::{MessageFormat, Notification};

use super::curl;
use super::message::Message;
use super::request::HttpRequest;
use super::secret::SecretPlace;
use crate::process::Invocation;

/// Delivers a message.
///
/// # Errors
/// Fails if the message does not arrive in time. The error is a text for the user, and contains no secrets.
pub async fn deliver(to: &Notification, message: &Message) -> Result<(), String> {
    let limit = Duration::from_secs(to.timeout);
    let Some(request) = HttpRequest::new(to.kind, message) else { return command(to, message, limit).await };
    // Another thread reads the files with the address and the token, since a disk that does not answer would
    // block the work on all hosts.
    let to = to.clone();
    let reading = tokio::task::spawn_blocking(move || address(&to));
    let Ok(read) = tokio::time::timeout(limit, reading).await else {
        return Err("its address cannot be read in time".to_owned());
    };
    let (url, token) = read.map_err(|error| error.to_string())??;
    curl::post(&request, &url, token.as_deref(), limit).await
}

/// Returns the address of a recipient, and the token if the recipient needs a token.
fn address(to: &Notification) -> Result<(String, Option<String>), String> {
    let url = SecretPlace {
        plain: to.url.as_deref(),
        file: to.url_file.as_deref(),
        variable: to.url_env.as_deref(),
    };
    let token =
        SecretPlace { plain: None, file: to.token_file.as_deref(), variable: to.token_env.as_deref() };
    let url = url.read()?.ok_or("it has no address")?;
    if !(url.starts_with("https://") || url.starts_with("http://")) {
        return Err("its address does not begin with https:// or http://".to_owned());
    }
    Ok((url, token.read()?))
}

async fn command(to: &Notification, message: &Message, limit: Duration) -> Result<(), String> {
    debug_assert_eq!(to.kind, MessageFormat::Command);
    let Some((program, arguments)) = to.command.split_first() else {
        return Err("it has no command".to_owned());
    };
    let mut json = serde_json::to_vec(message).map_err(|error| error.to_string())?;
    // A newline ends the message, so that programs can append one message per line to a file.
    json.push(b'\n');
    let invocation = Invocation::new(program.clone(), limit).args(arguments).stdin(vec![json.into()]);
    // Processes that the program leaves running, for example to show a message, are not waited for.
    let output = invocation.detach().await.map_err(|failure| format!("{program}: {failure}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = output.stderr_text();
    let said = said.lines().next().map(|line| format!(": {line}")).unwrap_or_default();
    Err(format!("{program} failed ({}){said}", output.status))
}
