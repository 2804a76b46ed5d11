//! Sends requests with the installed `curl` program, which uses the user's proxies and certificate
//! authorities. Secrets are passed on standard input, never as arguments.

use std::fmt::Write as _;
use std::time::Duration;

use super::request::HttpRequest;
use crate::process::{Failure, Invocation};

/// How much longer the `curl` process may run than the time limit that is passed to `curl`.
const GRACE: Duration = Duration::from_secs(1);

/// Sends a request.
///
/// # Errors
/// Fails if the server does not accept the request in time. The error message quotes neither the address nor
/// the token.
pub async fn post(
    request: &HttpRequest,
    url: &str,
    token: Option<&str>,
    limit: Duration,
) -> Result<(), String> {
    let config = config(request, url, token, limit);
    let invocation = Invocation::new("curl", limit + GRACE)
        .args(["--config", "-"])
        .stdin(vec![config.into_bytes().into()]);
    let output = invocation.run().await.map_err(|failure| match failure {
        Failure::Start(error) if error.kind() == std::io::ErrorKind::NotFound => {
            "this machine has no `curl`, which sends notifications".to_owned()
        }
        failure => format!("curl: {failure}"),
    })?;
    if !output.status.success() {
        let said = output.stderr_text();
        let said = said.lines().next().unwrap_or("curl failed").replace(url, "…");
        return Err(token.map_or_else(|| said.clone(), |token| said.replace(token, "…")));
    }
    match String::from_utf8_lossy(&output.stdout).trim() {
        code if code.starts_with('2') => Ok(()),
        code => Err(format!("the server answered {code}")),
    }
}

fn config(request: &HttpRequest, url: &str, token: Option<&str>, limit: Duration) -> String {
    let mut config = String::from("silent\nshow-error\ngloboff\n");
    let mut say = |name: &str, value: &str| {
        let _ = writeln!(config, "{name} = {}", quoted(value));
    };
    say("url", url);
    say("proto", "=http,https");
    say("max-time", &limit.as_secs().to_string());
    say("output", "/dev/null");
    say("write-out", "%{http_code}");
    for header in &request.headers {
        say("header", header);
    }
    if let Some(token) = token {
        say("header", &format!("Authorization: Bearer {token}"));
    }
    say("data-raw", &request.body);
    config
}

/// Quotes a value for a config file of curl.
fn quoted(value: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in value.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_becomes_another_option() {
        let request = HttpRequest { headers: vec![], body: "a \"b\" \\ \nurl = x".into() };
        let config =
            config(&request, "https://host/x\"\noutput = y", Some("hunter2"), Duration::from_secs(5));
        expect_test::expect![[r#"
            silent
            show-error
            globoff
            url = "https://host/x\"\noutput = y"
            proto = "=http,https"
            max-time = "5"
            output = "/dev/null"
            write-out = "%{http_code}"
            header = "Authorization: Bearer hunter2"
            data-raw = "a \"b\" \\ \nurl = x"
        "#]]
        .assert_eq(&config);
    }
}
