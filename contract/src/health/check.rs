//! The declaration of a health check in a manifest.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::problem::{Code, Problem};
use crate::values::{Invalid, Pattern, UnitName, Url, checked_string};

/// A condition that a host must meet to count as healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// The name of the check, unique on the host.
    pub name: CheckName,
    /// The probe that the check runs.
    #[serde(flatten)]
    pub probe: Probe,
    /// The maximum pause between two attempts, in seconds. Pauses start short and grow up to this maximum.
    #[serde(deserialize_with = "seconds")]
    pub interval: u64,
    /// The number of times that a failed attempt is repeated.
    pub retries: u32,
    /// Time limit for one attempt, in seconds.
    #[serde(deserialize_with = "seconds")]
    pub timeout: u64,
    /// Time to wait before the first attempt, in seconds.
    #[serde(deserialize_with = "seconds")]
    pub start_delay: u64,
    /// The machine that runs the check: the host, or the operator's machine.
    pub from: Side,
    /// The effect of a failed check on the change.
    pub on_failure: OnCheckFailure,
}

impl Check {
    /// Maximum total duration of a check, and maximum value of each time setting of a check.
    pub const LONGEST: Duration = Duration::from_secs(30 * 60);

    /// Reads the health checks of a manifest and ignores all its other fields.
    ///
    /// # Errors
    /// [`Code::InvalidManifest`] if the health checks cannot be read.
    pub fn of_manifest(manifest: &[u8]) -> Result<Vec<Self>, Problem> {
        let part: Part = serde_json::from_slice(manifest).map_err(|error| {
            Problem::new(Code::InvalidManifest, "the health checks of the manifest cannot be read")
                .because(error)
        })?;
        Ok(part.health_checks)
    }

    /// Returns the longest time that the check can take in total.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        let attempts = (self.retries as u64).saturating_add(1);
        let tried = attempts.saturating_mul(self.attempt_limit().as_secs());
        let paused = (self.retries as u64).saturating_mul(self.interval);
        Duration::from_secs(self.start_delay.saturating_add(tried).saturating_add(paused))
    }

    /// Returns the longest time that one attempt can take.
    #[must_use]
    pub const fn attempt_limit(&self) -> Duration {
        let stable_for = match self.probe {
            Probe::Unit { stable_for, .. } => stable_for,
            _ => 0,
        };
        Duration::from_secs(self.timeout.saturating_add(stable_for))
    }
}

/// The part of a manifest that contains the health checks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    #[serde(default)]
    health_checks: Vec<Check>,
}

/// Deserializes a number of seconds. More than [`Check::LONGEST`] is an error.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let (seconds, most) = (u64::deserialize(deserializer)?, Check::LONGEST.as_secs());
    if seconds <= most {
        Ok(seconds)
    } else {
        Err(D::Error::custom(format!("{seconds} s are more than {most} s")))
    }
}

/// The name of a check: up to 64 letters, digits, `.`, `_` and `-`, starting with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CheckName(String);

checked_string!(CheckName);

impl CheckName {
    fn check(text: &str) -> Result<(), Invalid> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins && text.len() <= 64 && text.bytes().all(word) {
            return Ok(());
        }
        let shown = text.escape_debug();
        Err(Invalid(format!(
            "health check name `{shown}` is not valid: use up to 64 letters, digits, `.`, `_` and `-`, and \
             start with a letter or digit"
        )))
    }
}

/// The condition that a check tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Probe {
    /// A unit is active, and has been active without interruption for at least a given time.
    Unit {
        /// The unit to check.
        unit: UnitName,
        /// How long the unit must have been active, in seconds.
        #[serde(deserialize_with = "seconds")]
        stable_for: u64,
    },
    /// A web server returns the expected response.
    Http(Box<Http>),
    /// A TCP port accepts connections.
    Tcp {
        /// The name or address of the server.
        host: String,
        /// The TCP port to connect to.
        port: u16,
    },
    /// A command ends with exit code 0.
    Command {
        /// The absolute path of a program, followed by its arguments.
        command: Vec<String>,
    },
}

impl Probe {
    /// Returns the kind of the probe, as in JSON.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unit { .. } => "unit",
            Self::Http(_) => "http",
            Self::Tcp { .. } => "tcp",
            Self::Command { .. } => "command",
        }
    }
}

/// Formats what the probe tests, in one line for people.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit { unit, .. } => write!(f, "{unit}"),
            Self::Http(http) => write!(f, "{} {}", http.method.as_str(), http.url),
            Self::Tcp { host, port } => write!(f, "{host} port {port}"),
            Self::Command { command } => f.write_str(&command.join(" ")),
        }
    }
}

/// An HTTP request, and the response that is expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Http {
    /// The URL to request.
    pub url: Url,
    /// The request method.
    pub method: Method,
    /// HTTP headers to send with the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_headers: BTreeMap<String, String>,
    /// The expected status code; any code from 200 to 299 if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// A text that the body of the response must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_contains: Option<String>,
    /// A regular expression that must match a part of the body of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_matches: Option<Pattern>,
    /// Response headers that must be present, each with a text that the value of the header must contain.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_headers: BTreeMap<String, String>,
    /// Maximum number of redirects to follow.
    pub max_redirects: u32,
    /// Whether the certificate of an `https` server must be valid.
    pub verify_certificate: bool,
}

impl Http {
    /// Returns whether the check must read the body of the response.
    #[must_use]
    pub const fn wants_body(&self) -> bool {
        self.body_contains.is_some() || self.body_matches.is_some()
    }
}

/// The HTTP request method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `GET`, which returns headers and body.
    #[default]
    Get,
    /// `HEAD`, which returns only headers.
    Head,
}

impl Method {
    /// Returns the method as written in the request.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
        }
    }
}

/// The machine that runs a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The activator runs the check on the host.
    #[default]
    Host,
    /// The check runs on the operator's machine.
    Operator,
}

impl Side {
    /// Returns the word for the machine in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Operator => "operator",
        }
    }
}

/// The effect of a failed check on a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnCheckFailure {
    /// The failure is reported. The change is kept, and a rollout continues.
    Continue,
    /// The change is kept but counts as failed, and the rollout stops.
    Stop,
    /// The change is undone.
    #[default]
    Rollback,
}

impl OnCheckFailure {
    /// Returns the word for the effect in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Stop => "stop",
            Self::Rollback => "rollback",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_of_a_check_is_longer_than_a_change_may_wait() {
        let manifest = |field: &str, seconds: u64| {
            let mut check = serde_json::json!({
                "name": "a", "kind": "unit", "unit": "a.service", "stableFor": 0, "interval": 0, "retries": 0,
                "timeout": 1, "startDelay": 0, "from": "host", "onFailure": "stop",
            });
            check[field] = seconds.into();
            serde_json::json!({ "healthChecks": [check] }).to_string().into_bytes()
        };
        for field in ["stableFor", "interval", "timeout", "startDelay"] {
            assert_eq!(Check::of_manifest(&manifest(field, 1800)).unwrap().len(), 1, "{field}");
            for seconds in [1801, u64::MAX] {
                let problem = Check::of_manifest(&manifest(field, seconds)).unwrap_err();
                assert_eq!(problem.code, Code::InvalidManifest, "{field}");
            }
        }
    }
}
