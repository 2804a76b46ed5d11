//! What is asked of a command that a file names for its new content.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::host::command;
use crate::problem::{Code, Problem};
use crate::values::ManagedPath;

/// How long one of them may take.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A command, and the file whose new content it has to accept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The file.
    pub path: ManagedPath,
    /// The command.
    pub argv: Vec<String>,
}

/// Asks one command after the other, up to the first that refuses.
///
/// # Errors
/// [`Code::Validation`].
pub fn ask(questions: &[Question]) -> Result<(), Problem> {
    for Question { path, argv } in questions {
        let name = argv.first().map_or("", String::as_str);
        let refused =
            Problem::new(Code::Validation, format!("The command `{name}` refused the new content")).at(path);
        match command::run(argv, LIMIT) {
            Ok(finished) if finished.success() => {}
            Ok(finished) => {
                return Err(refused.because(finished.why()).help("nothing was touched; mend the file"));
            }
            Err(error) => {
                let help = "nothing was touched; install the command on the host, or change `validate`";
                return Err(refused.because(error).help(help));
            }
        }
    }
    Ok(())
}
