//! The order of words on the command line: selectors and flags may stand before the subcommand.

use std::ffi::OsString;

use clap::{Command, CommandFactory};

use super::Cli;

/// Returns the command line with the subcommand first: `nixfleet @web plan` becomes `nixfleet plan @web`. The
/// first word is the name of the program. Without a subcommand, the command line stays as it is.
#[must_use]
pub fn subcommand_first(mut words: Vec<OsString>) -> Vec<OsString> {
    let whole = Cli::command();
    let Some(found) = position(&whole, &words).filter(|found| *found > 1) else { return words };
    let mut command = &whole;
    let mut end = found;
    while let Some(inner) = words.get(end).and_then(|word| command.find_subcommand(word)) {
        command = inner;
        end += 1;
    }
    words[1..end].rotate_left(found - 1);
    words
}

/// Returns the position of the subcommand.
fn position(whole: &Command, words: &[OsString]) -> Option<usize> {
    let mut at = 1;
    loop {
        let word = words.get(at)?.to_str()?;
        if word == "--" {
            return None;
        }
        if word == "help" || whole.find_subcommand(word).is_some() {
            return Some(at);
        }
        at += if takes_value(whole, word) { 2 } else { 1 };
    }
}

/// Whether a word is a flag whose value is the next word.
fn takes_value(whole: &Command, word: &str) -> bool {
    let mut commands = whole.get_subcommands().chain([whole]);
    commands.any(|command| {
        command.get_arguments().any(|argument| {
            let is_long = argument.get_long().is_some_and(|long| word.strip_prefix("--") == Some(long));
            let is_short = argument.get_short().is_some_and(|short| word == format!("-{short}"));
            (is_long || is_short) && argument.get_action().takes_values()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(line: &str) -> String {
        let words = line.split(' ').map(OsString::from).collect();
        let ordered = subcommand_first(words).into_iter().map(|word| word.into_string().unwrap());
        ordered.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn selectors_may_stand_before_the_subcommand() {
        for (typed, read) in [
            ("nixfleet @web plan", "nixfleet plan @web"),
            ("nixfleet --on @web --json status --exit-code", "nixfleet status --on @web --json --exit-code"),
            ("nixfleet --host plan apply --yes", "nixfleet apply --host plan --yes"),
            ("nixfleet --host=web-1 -v run -- plan", "nixfleet run --host=web-1 -v -- plan"),
            ("nixfleet web-1 backups list", "nixfleet backups list web-1"),
        ] {
            assert_eq!(ordered(typed), read);
        }
    }

    #[test]
    fn other_command_lines_stay_as_they_are() {
        for line in [
            "nixfleet",
            "nixfleet plan apply",
            "nixfleet run web-1 -- plan",
            "nixfleet --help",
            "nixfleet help plan",
            "nixfleet plna web-1",
            "nixfleet -- plan",
        ] {
            assert_eq!(ordered(line), line);
        }
    }
}
