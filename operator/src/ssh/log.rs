//! Diagnostic events about scripts on a host. The events never contain the script or its input, because the
//! script and its input may contain words of the user.

use std::time::Instant;

use nixfleet_contract::problem::Problem;
use tracing::debug;

use super::Session;
use crate::diagnostics::{milliseconds, of_host};
use crate::process::Output;

/// The `tracing` target of events about connections and about scripts that run over connections.
pub(super) const SSH: &str = "nixfleet::ssh";

/// The kind of connection that a script uses.
#[derive(Clone, Copy, Debug)]
pub(super) enum Over {
    /// The shared connection.
    Shared,
    /// A separate connection for this script.
    Own,
    /// A new login that is made through the shared connection.
    Inside,
}

/// The diagnostic record of a script that was sent. `sent` is the length of the script's input in bytes.
pub(super) struct ScriptLog<'a> {
    script: &'a str,
    over: Over,
    sent: usize,
    began: Instant,
}

impl<'a> ScriptLog<'a> {
    pub(super) fn begin(script: &'a str, over: Over, sent: usize) -> Self {
        Self { script, over, sent, began: Instant::now() }
    }

    /// Logs how the script ended.
    pub(super) fn ended(&self, ended: Result<&Output, &Problem>) {
        let duration_ms = milliseconds(self.began.elapsed());
        let (activator, over, sent) = (subcommand(self.script), self.over, self.sent);
        match ended {
            Ok(output) => {
                let (received, exit) = (output.stdout.len() + output.stderr.len(), output.status.code());
                debug!(target: SSH, activator, ?over, sent, received, duration_ms, exit, "script ended");
            }
            Err(problem) => {
                let (code, why) = (problem.code, problem.why.as_deref());
                let what = problem.what.as_str();
                debug!(target: SSH, activator, ?over, sent, duration_ms, %code, why, "script failed: {what}");
            }
        }
    }
}

impl Session {
    /// Runs a future within the span of this host.
    pub(super) fn within<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        of_host(&self.host.name, work)
    }
}

/// Returns the subcommand of the activator that a script runs, if there is one. The subcommand is the word
/// between the program and its flags.
fn subcommand(script: &str) -> Option<&str> {
    script.lines().filter(|line| !line.starts_with('#')).flat_map(|line| line.split("\" ").skip(1)).find_map(
        |rest| {
            let (word, flags) = rest.split_once(' ')?;
            let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
            (is_word && (flags.starts_with("--") || flags.starts_with("\"$@\""))).then_some(word)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subcommand_of_a_script_is_told() {
        let prelude = include_str!("../remote/scripts/prelude.sh");
        for (script, expected) in [
            (include_str!("../remote/scripts/apply.sh"), Some("apply")),
            (include_str!("../remote/scripts/backups.sh"), Some("backups")),
            (include_str!("../remote/scripts/confirm.sh"), Some("confirm")),
            (include_str!("../remote/scripts/follow.sh"), Some("follow")),
            (include_str!("../remote/scripts/gc.sh"), Some("gc")),
            (include_str!("../remote/scripts/plan.sh"), Some("plan")),
            (include_str!("../remote/scripts/rollback.sh"), Some("rollback")),
            (include_str!("../remote/scripts/status.sh"), Some("status")),
            (include_str!("../remote/scripts/send.sh"), None),
        ] {
            assert_eq!(subcommand(&format!("{prelude}\n{script}")), expected, "{script}");
        }
    }
}
