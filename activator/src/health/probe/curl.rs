//! Probe of a web server over TLS, with the `curl` program of the machine.
//!
//! A TLS library would make the activator a third larger and would need its own certificates. `curl` uses the
//! certificates that the machine trusts.

use std::collections::BTreeMap;
use std::time::Duration;

use nixfleet_contract::health::check::{Http, Method};

use super::Attempt;
use super::http::{self, BODY_LIMIT, HttpAnswer, USER_AGENT};
use crate::health::run::Call;
use crate::health::vantage::Vantage;
use crate::host::command;

/// The name of the program.
pub const PROGRAM: &str = "curl";
/// The prefix of the line that `curl` writes to standard error last, after all its messages.
const MARK: &str = "@nixfleet ";

/// Sends the request and checks the response.
///
/// # Errors
/// Fails if there is no response, or if the response differs from the expected one. The error says why there
/// is no response, or how the response differs.
pub fn attempt(http: &Http, from: &Vantage, limit: Duration, call: &Call) -> Attempt {
    // `curl` enforces the limit itself. The limit of the command runner is only a fallback, one second later.
    let limit_of_all = limit + Duration::from_secs(1);
    let finished = command::run_from(&from.path, &words(http, from, limit), limit_of_all, || call.is_off())
        .map_err(|error| format!("curl cannot be run: {error}"))?;
    let (said, written) = finished.stderr.rsplit_once(MARK).unwrap_or((&finished.stderr, ""));
    if !finished.success() {
        let said = said.trim();
        return Err(if said.is_empty() { finished.why() } else { said.to_owned() });
    }
    let (status, headers) = written.split_once(' ').unwrap_or((written.trim(), ""));
    let answer = HttpAnswer {
        status: status.parse().map_err(|_| format!("curl printed `{written}` instead of a status"))?,
        headers: if http.response_headers.is_empty() { Vec::new() } else { parse(headers)? },
        // Keep at most as many bytes of the body as the probe for plain HTTP keeps.
        body: String::from_utf8_lossy(&finished.stdout.as_bytes()[..finished.stdout.len().min(BODY_LIMIT)])
            .into_owned(),
    };
    http::judge(http, &answer)
}

fn words(http: &Http, from: &Vantage, limit: Duration) -> Vec<String> {
    // `--disable` must be the first argument. It makes `curl` ignore `.curlrc`.
    let mut words =
        ["--disable", "--silent", "--show-error", "--globoff", "--noproxy", "*"].map(str::to_owned).to_vec();
    let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
    add("--max-time", limit.as_secs().to_string());
    add("--proto", "=https".to_owned());
    add("--user-agent", USER_AGENT.to_owned());
    let headers = if http.response_headers.is_empty() { "" } else { " %{header_json}" };
    add("--write-out", format!("%{{stderr}}{MARK}%{{http_code}}{headers}"));
    for (name, meant) in &from.names {
        let meant = if meant.contains(':') { format!("[{meant}]") } else { meant.clone() };
        add("--connect-to", format!("{name}::{meant}:"));
    }
    if !http.wants_body() {
        add("--output", "/dev/null".to_owned());
    }
    for (name, value) in &http.request_headers {
        add("--header", format!("{name}: {value}"));
    }
    if http.max_redirects > 0 {
        add("--max-redirs", http.max_redirects.to_string());
        add("--proto-redir", "=http,https".to_owned());
        words.push("--location".to_owned());
    }
    if http.method == Method::Head {
        words.push("--head".to_owned());
    }
    if !http.verify_certificate {
        words.push("--insecure".to_owned());
    }
    words.extend(["--url".to_owned(), http.url.to_string()]);
    let program = std::iter::once(PROGRAM.to_owned());
    program.chain(words).collect()
}

fn parse(json: &str) -> Result<Vec<(String, String)>, String> {
    let headers: BTreeMap<String, Vec<String>> = serde_json::from_str(json.trim())
        .map_err(|_| "this curl does not report headers; version 7.83 or later is required".to_owned())?;
    let each = |(name, values): (String, Vec<String>)| {
        let name = name.to_ascii_lowercase();
        values.into_iter().map(move |value| (name.clone(), value))
    };
    Ok(headers.into_iter().flat_map(each).collect())
}
