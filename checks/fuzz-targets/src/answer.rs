//! Checks that each answer from a host is either understood or refused, and that no text from an answer can
//! control the terminal.

use std::convert::Infallible;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use nixfleet::plans;
use nixfleet_contract::backup::{Backups, Content, DropReport};
use nixfleet_contract::fleet::Host;
use nixfleet_contract::gc::{GcPlan, GcReport};
use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::report::Report;
use nixfleet_contract::status::Status;
use nixfleet_operator::process::Output;
use nixfleet_operator::remote::Answer;
use nixfleet_operator::text::problem_text;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads `stdout` as each kind of answer that a host can give, and formats the results as text.
///
/// # Panics
/// Panics if a check fails.
pub fn check(stdout: &[u8]) {
    let host = host();
    let output = || Output {
        status: ExitStatus::from_raw(0),
        stdout: stdout.to_vec(),
        // The first line of the input is used a second time, as the output on standard error.
        stderr: stdout.split(|byte| *byte == b'\n').next().unwrap_or_default().to_vec(),
    };
    let read = || Answer::read(&host, output());
    if let Err(problem) = read() {
        return refused(&problem);
    }
    let document = read().and_then(|answer| answer.document::<Plan>());
    if let Ok(plan) = &document {
        for verbose in [false, true] {
            let read = |_| Ok::<_, Infallible>(plan.clone());
            let Ok(_) = plans(1, read, verbose, harmless);
        }
    }
    understood(document);
    understood(read().and_then(|answer| answer.document::<Status>()));
    understood(read().and_then(|answer| answer.document::<GcPlan>()));
    understood(read().and_then(|answer| answer.document::<GcReport>()));
    understood(read().and_then(|answer| answer.document::<Backups>()));
    understood(read().and_then(|answer| answer.document::<DropReport>()));
    understood(read().and_then(|answer| answer.document::<Content>()));
    understood::<Report>(read().and_then(Answer::report));
}

/// Checks that a document that was accepted stays the same when it is written and read again. If the document
/// was refused, checks that the text of the problem cannot control the terminal.
fn understood<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(document: Result<T, Problem>) {
    match document {
        Ok(document) => {
            let again = serde_json::to_vec(&document).unwrap();
            assert_eq!(serde_json::from_slice::<T>(&again).unwrap(), document);
        }
        Err(problem) => refused(&problem),
    }
}

fn refused(problem: &Problem) {
    harmless(&problem_text(problem));
}

/// Checks that the text controls the terminal only with the styles that the program itself sets.
fn harmless(text: &str) {
    let plain = anstream::adapter::strip_str(text).to_string();
    let styles = text.matches('\u{1b}').count();
    assert_eq!(styles, own_styles(text), "a style that is not ours: {text:?}");
    let steers = |c: char| (c.is_control() && c != '\n' && c != '\t') || is_reordering(c);
    assert!(!plain.chars().any(steers), "{plain:?}");
}

/// Counts the escape sequences that only set a style.
fn own_styles(text: &str) -> usize {
    let sequences = text.split('\u{1b}').skip(1);
    let own = |sequence: &&str| {
        let digits =
            sequence.strip_prefix('[').and_then(|rest| rest.split_once('m')).map(|(digits, _)| digits);
        digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'))
    };
    sequences.filter(own).count()
}

const fn is_reordering(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub(crate) fn host() -> Host {
    let host = serde_json::json!({
        "name": "web-1", "base": "ubuntu", "system": "x86_64-linux", "addr": "10.0.1.11",
        "ssh": { "user": "deploy", "port": 22, "hostKey": null }, "tags": [], "roles": [],
    });
    serde_json::from_value(host).unwrap()
}
