//! Tips for words that other tools take and this one does not.

use clap::Error;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The same error with the right way to write it, where the wrong word is a common one.
pub fn with(mut error: Error) -> Error {
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    let nothing_is_like_it = error.get(ContextKind::SuggestedSubcommand).is_none();
    if error.kind() == ErrorKind::InvalidSubcommand
        && nothing_is_like_it
        && usage.contains("nixfleet history")
    {
        let tip = "select a host with --host, such as: nixfleet history --host web-1";
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
        return error;
    }
    let tip = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(word))) => of_flag(word),
        // The words before `--` say on which hosts.
        (ErrorKind::MissingRequiredArgument, _) if usage.contains("nixfleet run") => {
            Some("write the command after `--`, such as: nixfleet run web-1 -- uptime")
        }
        _ => return error,
    };
    // Without a tip of ours it would say how to select a host of that name.
    let tips = tip.map_or(ContextValue::None, |tip| ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    error.insert(ContextKind::Suggested, tips);
    error
}

/// What to say of a flag that is none here.
fn of_flag(word: &str) -> Option<&'static str> {
    let is_limit = matches!(word, "-l" | "--limit" | "--hosts");
    is_limit.then_some(
        "select hosts by a bare word, or with --host NAME, --tag TAG, --role ROLE or --on EXPRESSION",
    )
}
