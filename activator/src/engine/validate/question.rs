//! What is asked of a command that a file names for its new content.

use std::io;
use std::path::{Path, PathBuf};

use nixfleet_contract::inspected::COMMAND;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::ManagedPath;
use serde::{Deserialize, Serialize};

use crate::engine::validate::secrecy::Secrecy;
use crate::host::command;
use crate::host::preview::{Ids, Layer};

/// A command, and the file whose new content it has to accept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The file.
    pub path: ManagedPath,
    /// The command. `%s` stands for the place of the content.
    pub argv: Vec<String>,
    /// Where the content stands.
    pub content: PathBuf,
    /// Who may do what with it while it waits to be put in place.
    pub access: Option<Ids>,
    /// Whether others on the host may not read it, so that the words of the command must not show it.
    pub private: bool,
}

impl Question {
    /// The same about a copy of the content that only this process sees.
    ///
    /// # Errors
    /// What the kernel says.
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

    /// Why the command refuses, if it does.
    fn refusal(&self) -> Option<Problem> {
        let argv = self.argv();
        let name = argv.first().map_or("", String::as_str);
        let refused = Problem::new(Code::Validation, format!("The command `{name}` refused the new content"))
            .at(&self.path);
        match command::run(&argv, COMMAND) {
            Ok(finished) if finished.success() => None,
            Ok(finished) => {
                let why = finished.why();
                let why = if self.private { Secrecy::of([&*self.content]).hide(&why) } else { why };
                Some(refused.because(why).help("nothing was touched; correct the file"))
            }
            Err(error) => {
                let help = "nothing was touched; install the command on the host, or change `validate`";
                Some(refused.because(error).help(help))
            }
        }
    }
}

/// Asks one command after the other. Returns what those say that refuse.
#[must_use]
pub fn ask(questions: &[Question]) -> Vec<Problem> {
    questions.iter().filter_map(Question::refusal).collect()
}

/// Whether the program of a command is there to be asked. A path in the store may come with the closure.
#[must_use]
pub fn may_come(argv: &[String]) -> bool {
    argv.first().is_some_and(|program| program.starts_with("/nix/store/") && !Path::new(program).exists())
}
