//! One run of an activation: its name, what it says while it lasts, and what became of it.

use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::SCHEMA;
use crate::health::CheckResult;
use crate::host::clock;
use crate::host::lock::Holder;
use crate::report::Report;
use crate::values::{Invalid, checked_string};

/// Names a run: 32 hexadecimal digits, drawn by whoever asks for it, so that they know it whatever becomes of the
/// connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

checked_string!(RunId);

impl RunId {
    /// Draws a name that no other run has.
    #[must_use]
    pub fn draw() -> Self {
        let mut bytes = [0; 16];
        let drawn = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
        if drawn.is_err() {
            // No random numbers: time and process tell the runs of one machine apart.
            let now = clock::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
            bytes = (now ^ (u128::from(std::process::id()) << 96)).to_le_bytes();
        }
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat())
    }

    fn check(text: &str) -> Result<(), Invalid> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 32 && text.bytes().all(digit) {
            return Ok(());
        }
        Err(Invalid(format!("run `{}` is not valid: it is 32 hexadecimal digits", text.escape_debug())))
    }
}

/// What a run prints on a line of its own before its report: everything is done, and only holds once somebody has
/// confirmed over a new connection that the host can still be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Always [`SCHEMA`].
    pub schema: u32,
    /// What is awaited.
    pub awaiting_confirm: AwaitingConfirm,
}

/// A confirmation that is awaited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AwaitingConfirm {
    /// The run.
    pub run: RunId,
    /// How long the host waits before it goes back by itself, in seconds.
    pub seconds: u64,
}

impl Notice {
    /// The notice of a run that waits.
    #[must_use]
    pub const fn awaiting(run: RunId, seconds: u64) -> Self {
        Self { schema: SCHEMA, awaiting_confirm: AwaitingConfirm { run, seconds } }
    }
}

/// What somebody says over a new connection about a run that waits for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Confirmation {
    /// Always [`SCHEMA`].
    pub schema: u32,
    /// What the health checks found that are tried from elsewhere.
    #[serde(default)]
    pub health_checks: Vec<CheckResult>,
}

impl Confirmation {
    /// That the host can be reached, and what was found.
    #[must_use]
    pub const fn with(health_checks: Vec<CheckResult>) -> Self {
        Self { schema: SCHEMA, health_checks }
    }
}

/// The last run on a host, as it stays known: `last.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastRun {
    /// Always [`SCHEMA`].
    pub schema: u32,
    /// Who ran what, and since when.
    pub holder: Holder,
    /// When it ended, in seconds since 1970-01-01 UTC.
    pub ended: u64,
    /// What became of the host.
    pub report: Report,
}

impl LastRun {
    /// The name of its document under [`crate::host::HOME`].
    pub const RECORD: &str = "last.json";

    /// A run that ends now.
    #[must_use]
    pub fn ended(holder: Holder, report: Report) -> Self {
        Self { schema: SCHEMA, holder, ended: clock::seconds(), report }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_run_can_be_part_of_a_path_and_of_a_unit() {
        let drawn = RunId::draw();
        assert_eq!(drawn.parse::<RunId>(), Ok(drawn.clone()));
        assert_ne!(drawn, RunId::draw());
        for bad in ["", "ab", "../../../../etc/passwd-aaaaaaaaaaa", "0123456789ABCDEF0123456789ABCDEF"] {
            assert!(bad.parse::<RunId>().is_err(), "{bad}");
        }
    }
}
