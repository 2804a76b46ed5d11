//! A problem summarized in one line.

use nixfleet_contract::problem::{Code, Problem};
use serde::Serialize;

/// The maximum length of a line, in characters.
const LIMIT: usize = 400;

/// A one-line summary of a problem, and its code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProblemLine {
    /// The code of the problem, such as `NF-406`. `None` if the text is not about a problem, but is the
    /// reason why a host was excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What happened, and the cause if the cause cannot contain a secret. For an excluded host, the reason
    /// why the host was excluded.
    pub text: String,
}

impl ProblemLine {
    /// Summarizes a problem in one line. The cause is omitted if it may quote a file or the journal of a
    /// host. With `is_run`, the cause is always omitted, because it may quote the output of a command that
    /// `nixfleet run` ran.
    #[must_use]
    pub fn of(problem: &Problem, is_run: bool) -> Self {
        let place = problem.location.iter().map(|place| format!(" ({place})"));
        let why = problem.why.iter().filter(|_| !is_run && is_harmless(problem.code));
        let why = why.filter_map(|why| why.lines().map(str::trim).find(|line| !line.is_empty()));
        let text: String = std::iter::once(problem.what.clone())
            .chain(place)
            .chain(why.map(|why| format!(": {why}")))
            .collect();
        Self { code: Some(problem.code.as_str().to_owned()), text: short(&text) }
    }

    /// Creates the line that states why a host was excluded.
    #[must_use]
    pub fn excluded(reason: &str) -> Self {
        Self { code: None, text: short(reason) }
    }
}

impl std::fmt::Display for ProblemLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(code) = &self.code {
            write!(f, "[{code}] ")?;
        }
        f.write_str(&self.text)
    }
}

fn short(text: &str) -> String {
    let line = crate::text::one_line(text.lines().next().unwrap_or_default());
    let mut short: String = line.chars().take(LIMIT).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

/// Whether the cause of a problem with this code cannot contain a secret. Such a cause comes from this
/// machine, or is what an activator reports about itself.
const fn is_harmless(code: Code) -> bool {
    matches!(
        code,
        Code::Usage
            | Code::Selection
            | Code::NoRollout
            | Code::Unreachable
            | Code::SshAuth
            | Code::HostKey
            | Code::NoSudo
            | Code::NoNix
            | Code::TimedOut
            | Code::Locked
            | Code::PlanOutdated
            | Code::NoGeneration
            | Code::Unconfirmed
            | Code::Interrupted
            | Code::NoRun
            | Code::OtherHost
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_that_may_quote_a_file_are_omitted() {
        let quoting = Problem::new(Code::Validation, "sudo refuses the file")
            .at("/etc/sudoers.d/x")
            .because("syntax error near hunter2");
        assert_eq!(
            ProblemLine::of(&quoting, false).to_string(),
            "[NF-408] sudo refuses the file (/etc/sudoers.d/x)"
        );
        let plain =
            Problem::new(Code::Unreachable, "the host cannot be reached").because("\nNo route\u{7}\nx");
        assert_eq!(
            ProblemLine::of(&plain, false).to_string(),
            "[NF-301] the host cannot be reached: No route␇"
        );
        assert_eq!(ProblemLine::of(&plain, true).to_string(), "[NF-301] the host cannot be reached");
        let nix = Problem::new(Code::NoFleet, "the flake has no `nixfleet` output").because("hunter2@host");
        assert_eq!(ProblemLine::of(&nix, false).to_string(), "[NF-102] the flake has no `nixfleet` output");
    }

    #[test]
    fn a_line_is_one_line_and_short() {
        let line = ProblemLine::excluded(&format!("{}\nsecond", "x".repeat(1000)));
        assert_eq!((line.text.chars().count(), line.text.contains('\n')), (LIMIT + 1, false));
    }
}
