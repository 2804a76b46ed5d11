//! The instructions on a page of documentation: files to write and commands to type.
//!
//! A fenced `nix` block is the content of a file if the line above the block starts with the file name in
//! backticks. In a fenced `console` block, the lines that start with `$ ` are typed, in order, in the
//! directory of the files. The other lines show the output. A line such as `(exit code 2)` states the exit
//! code of the command above it. The lines of a fenced `sh` block are typed in a clone of this repository.

use std::path::Path;

/// One instruction to the reader of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// Write a file.
    Write {
        /// The path of the file, relative to the directory of the page's files.
        path: String,
        /// The content of the file.
        text: String,
    },
    /// Type a command line in the directory of the files.
    Type {
        /// The command line.
        line: String,
        /// The expected exit code.
        code: i32,
    },
    /// Type a command line in a clone of this repository.
    TypeInClone(String),
}

/// Returns the instructions in `page`, which is Markdown, in order.
#[must_use]
pub fn instructions(page: &str) -> Vec<Instruction> {
    let mut instructions = Vec::new();
    let mut file = None;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            if !line.trim().is_empty() {
                file = line
                    .strip_prefix('`')
                    .and_then(|rest| rest.split_once('`'))
                    .map(|(name, _)| name.to_owned())
                    .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "nix"));
            }
            continue;
        };
        let block: Vec<_> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
        match (language, file.take()) {
            ("nix", Some(path)) => {
                let text = block.join("\n") + "\n";
                instructions.push(Instruction::Write { path, text });
            }
            ("console", _) => instructions.extend(typed(&block)),
            ("sh", _) => {
                let typed = block.iter().filter(|line| !line.is_empty());
                instructions.extend(typed.map(|line| Instruction::TypeInClone((*line).to_owned())));
            }
            _ => {}
        }
    }
    instructions
}

/// Returns the typed lines of a `console` block. The expected exit code of a line is shown below the line. If
/// none is shown, it is 0.
fn typed(block: &[&str]) -> Vec<Instruction> {
    let mut typed = Vec::new();
    for shown in block {
        let exit = shown.strip_prefix("(exit code ").and_then(|rest| rest.strip_suffix(')'));
        if let Some(line) = shown.strip_prefix("$ ") {
            typed.push(Instruction::Type { line: line.to_owned(), code: 0 });
        } else if let Some(Instruction::Type { code, .. }) = typed.last_mut()
            && let Some(exit) = exit.and_then(|exit| exit.parse().ok())
        {
            *code = exit;
        }
    }
    typed
}

#[cfg(test)]
mod tests {
    use super::{Instruction, instructions};

    #[test]
    fn files_and_lines_come_in_order() {
        let page = "\
`fleet.nix`, the inventory:

```nix
{ }
```

Then:

```console
$ nixfleet plan
web-1: nothing to do
$ nixfleet apply
(exit code 2)
$ nixfleet hosts
```
```sh
make demo    # see it run
```
";
        let typed = |line: &str, code| Instruction::Type { line: line.into(), code };
        let expected = [
            Instruction::Write { path: "fleet.nix".into(), text: "{ }\n".into() },
            typed("nixfleet plan", 0),
            typed("nixfleet apply", 2),
            typed("nixfleet hosts", 0),
            Instruction::TypeInClone("make demo    # see it run".into()),
        ];
        assert_eq!(instructions(page), expected);
    }

    #[test]
    fn a_block_that_is_no_file_and_no_command_tells_nothing() {
        assert_eq!(instructions("Such as:\n\n```nix\n{ }\n```\n\n```json\n{}\n```\n"), []);
    }
}
