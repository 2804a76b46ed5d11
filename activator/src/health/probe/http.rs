//! Probe of a web server over plain HTTP.

#![expect(clippy::disallowed_types, reason = "a health check may connect")]

use std::io::Read as _;
use std::net::SocketAddr;
use std::time::Duration;

use nixfleet_contract::health::check::{Http, Method};
use ureq::config::Config;
use ureq::http::uri::Scheme;
use ureq::http::{HeaderMap, Request, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{NextTimeout, TcpConnector};
use ureq::{Agent, Body, Error};

use super::{Attempt, Finding, address};
use crate::health::vantage::Vantage;

/// The maximum number of bytes of a response body that are read.
pub const BODY_LIMIT: usize = 1024 * 1024;
/// The `User-Agent` header of requests.
pub const USER_AGENT: &str = concat!("nixfleet/", env!("CARGO_PKG_VERSION"));

/// The parts of an HTTP response that checks use.
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// The headers as pairs of name and value, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, or an empty string if the check does not need the body.
    pub body: String,
}

/// Sends the request and checks the response. No proxy is used.
///
/// # Errors
/// Fails if there is no response, or if the response differs from the expected one. The error says why there
/// is no response, or how the response differs.
pub fn attempt(http: &Http, from: &Vantage, limit: Duration) -> Attempt {
    let ask = || {
        let names = Names { from: from.clone() };
        let agent = Agent::with_parts(config(http, limit), TcpConnector::default(), names);
        let answer = agent.run(request(http)?)?;
        let (head, mut body) = answer.into_parts();
        let body = if http.wants_body() { read(&mut body)? } else { String::new() };
        Ok(HttpAnswer { status: head.status.as_u16(), headers: headers(&head.headers), body })
    };
    match ask() {
        Ok(answer) => judge(http, &answer),
        Err(Error::Timeout(_)) => Err(format!("no answer within {} s", limit.as_secs())),
        Err(Error::TlsRequired) => Err("it redirects to https: check the https address instead".to_owned()),
        Err(Error::Protocol(why)) => Err(format!("its answer is not valid HTTP: {why}")),
        Err(Error::Io(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn config(http: &Http, limit: Duration) -> Config {
    Config::builder()
        .timeout_global(Some(limit))
        .http_status_as_error(false)
        .max_redirects(http.max_redirects)
        .user_agent(USER_AGENT)
        .proxy(None)
        .build()
}

fn request(http: &Http) -> Result<Request<()>, Error> {
    let mut request = Request::builder().method(http.method.as_str()).uri(http.url.as_ref());
    for (name, value) in &http.request_headers {
        request = request.header(name, value);
    }
    Ok(request.body(())?)
}

fn read(body: &mut Body) -> Result<String, Error> {
    let mut bytes = Vec::new();
    body.as_reader().take(BODY_LIMIT as u64).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn headers(map: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    map.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect()
}

/// Compares a response with the expected one.
///
/// # Errors
/// Fails with the first difference.
pub fn judge(http: &Http, answer: &HttpAnswer) -> Attempt {
    let status = answer.status;
    let good = http.status.map_or((200..300).contains(&status), |expected| status == expected);
    if !good {
        let expected = http.status.map_or_else(|| "200 to 299".to_owned(), |expected| expected.to_string());
        let to = values(answer, "location").next().map(|to| format!(", a redirection to {to}"));
        return Err(format!("status {status}, not {expected}{}", to.unwrap_or_default()));
    }
    for (name, expected) in &http.response_headers {
        let name = name.to_ascii_lowercase();
        let mut found = values(answer, &name).peekable();
        if found.peek().is_none() {
            return Err(format!("status {status}, but there is no header {name}"));
        }
        let found: Vec<&str> = found.collect();
        if !found.iter().any(|value| value.contains(expected)) {
            return Err(format!("the header {name} is `{}`, without `{expected}`", found.join(", ")));
        }
    }
    if http.method == Method::Get {
        judge_body(http, &answer.body)?;
    }
    Ok(Finding(format!("status {status}")))
}

fn judge_body(http: &Http, body: &str) -> Result<(), String> {
    let begin = || body.trim().chars().take(200).collect::<String>();
    if let Some(text) = http.body_contains.as_deref().filter(|text| !body.contains(*text)) {
        return Err(format!("the body does not contain `{text}`, but begins: {}", begin()));
    }
    match http.body_matches.as_ref().filter(|pattern| !pattern.matches(body)) {
        Some(pattern) => Err(format!("the body does not match `{pattern}`, but begins: {}", begin())),
        None => Ok(()),
    }
}

fn values<'a>(answer: &'a HttpAnswer, name: &str) -> impl Iterator<Item = &'a str> {
    let named = answer.headers.iter().filter(move |(found, _)| found == name);
    named.map(|(_, value)| value.as_str())
}

/// A resolver that resolves names in the same way as the other probes.
#[derive(Debug)]
struct Names {
    from: Vantage,
}

impl Resolver for Names {
    fn resolve(&self, uri: &Uri, _: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(Error::TlsRequired);
        }
        let host = uri.host().ok_or(Error::HostNotFound)?;
        let port = uri.port_u16().unwrap_or(80);
        let found = address::of(host, port, &self.from, *timeout.after);
        let found: Vec<SocketAddr> = found.map_err(|why| Error::Io(std::io::Error::other(why)))?;
        let mut addresses = self.empty();
        for address in found {
            addresses.push(address);
        }
        Ok(addresses)
    }
}
