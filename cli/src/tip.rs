//! Tips for words that other tools take and this one does not.

use clap::Error;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The same error with the right way to write it, where the wrong word is a common one.
pub fn with(mut error: Error) -> Error {
    if error.kind() != ErrorKind::UnknownArgument || error.get(ContextKind::Suggested).is_some() {
        return error;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else { return error };
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    if let Some(tip) = tip(word, &usage) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    }
    error
}

fn tip(word: &str, usage: &str) -> Option<String> {
    if matches!(word, "-l" | "--limit" | "--hosts") {
        return Some(
            "hosts are selected with --host NAME, --tag TAG, --role ROLE or --on EXPRESSION".to_owned(),
        );
    }
    if word.starts_with('-') {
        return None;
    }
    if usage.contains("nixfleet run") {
        return Some(format!("the command stands after `--`: nixfleet run -- {word}"));
    }
    Some(format!("to name a host: --host {word}"))
}
