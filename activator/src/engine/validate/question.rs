//! The commands that validate the new content of files, as the fleet declares them.

use std::io;
use std::path::{Path, PathBuf};

use nixfleet_contract::inspected::COMMAND;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::ManagedPath;
use serde::{Deserialize, Serialize};

use crate::engine::validate::secrecy::Secrecy;
use crate::host::command;
use crate::host::preview::{Ids, Layer};

/// A question to a validation command: whether the new content of a file is valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The path of the file.
    pub path: ManagedPath,
    /// The command line. `%s` is replaced with the location of the content.
    pub argv: Vec<String>,
    /// The location of the content.
    pub content: PathBuf,
    /// The owner and mode of the copy in a preview, or `None` to validate the content itself without a copy.
    pub access: Option<Ids>,
    /// Whether other users may not read the file, so that messages of the command must not reveal its
    /// content.
    pub private: bool,
}

impl Question {
    /// Copies the content to a location that only this process sees, and returns the question with this
    /// location.
    ///
    /// # Errors
    /// Fails with the error of the system call.
    pub fn previewed(mut self, layer: &Layer, number: usize) -> io::Result<Self> {
        if let Some(access) = self.access {
            self.content = layer.put(&self.content, &format!("content-{number}"), access)?;
        }
        Ok(self)
    }

    fn argv(&self) -> Vec<String> {
        let content = self.content.to_string_lossy();
        self.argv.iter().map(|word| word.replace("%s", &content)).collect()
    }

    /// Returns the problem if the command refuses the content or cannot be run.
    fn refusal(&self) -> Option<Problem> {
        let argv = self.argv();
        let name = argv.first().map_or("", String::as_str);
        let refused =
            Problem::new(Code::Validation, format!("the command `{name}` did not accept the new content"))
                .at(&self.path);
        match command::run(&argv, COMMAND) {
            Ok(finished) if finished.success() => None,
            Ok(finished) => {
                let why = finished.why();
                let why = if self.private { Secrecy::of([&*self.content]).hide(&why) } else { why };
                Some(
                    refused
                        .because(format!("{why}\nnothing was changed"))
                        .help("correct the file, then apply again"),
                )
            }
            Err(error) => {
                let help = "install the command on the host, or change `validate`";
                Some(refused.because(format!("{error}\nnothing was changed")).help(help))
            }
        }
    }
}

/// Runs one validation command after another. Returns the problems of the commands that refuse their content
/// or cannot be run.
#[must_use]
pub fn ask(questions: &[Question]) -> Vec<Problem> {
    questions.iter().filter_map(Question::refusal).collect()
}

/// Whether the program of a command is missing now, but may be copied to the store together with the closure.
#[must_use]
pub fn may_come(argv: &[String]) -> bool {
    argv.first().is_some_and(|program| program.starts_with("/nix/store/") && !Path::new(program).exists())
}
