//! The command line as events and the history show it, without parts that may be secret.

use std::ffi::OsString;

use nixfleet_operator::flake::shown::{HIDDEN, reference};

/// Flags that take a flake reference.
const FLAKES: [&str; 1] = ["--flake"];
/// Flags whose values may be secret.
const SECRETS: [&str; 1] = ["--installer-argument"];

/// Returns the command line without the subcommand and without secrets. Three parts may be secret and are
/// hidden: the values of Nix options, such as access tokens; secrets in flake references; and the arguments
/// of the program that `nixfleet run` runs, such as passwords.
pub fn shown(words: &[OsString]) -> Vec<String> {
    let mut words = words.iter().skip(1).map(|word| word.to_string_lossy().into_owned());
    let mut given: Vec<String> = words.by_ref().take_while(|word| word != "--").collect();
    let behind: Vec<String> = words.collect();
    // The subcommand is the first word that is not a flag, since no flag that may precede it takes a value.
    if let Some(subcommand) = given.iter().position(|word| !word.starts_with('-')) {
        // The flake that is imported is an argument without a flag.
        if given.remove(subcommand) == "import" {
            for word in &mut given {
                *word = reference(word);
            }
        }
    }
    let is_shell = given.iter().any(|word| word == "--shell");
    let mut shown = flags(given);
    shown.extend(command(&behind, is_shell));
    shown
}

/// Hides secrets in the values of `--flake REF`, `--option NAME VALUE` and `--override-input INPUT FLAKE`.
fn flags(given: Vec<String>) -> Vec<String> {
    let mut shown: Vec<String> = Vec::new();
    for word in given {
        let before = |distance: usize| shown.len().checked_sub(distance).map(|at| shown[at].as_str());
        let is_secret = before(1).is_some_and(|word| SECRETS.contains(&word));
        let is_value = before(2) == Some("--option") || before(1).is_some_and(|w| w.starts_with("--option="));
        let word = if is_secret || is_value {
            HIDDEN.to_owned()
        } else if before(2) == Some("--override-input")
            || before(1).is_some_and(|word| FLAKES.contains(&word) || word.starts_with("--override-input="))
        {
            reference(&word)
        } else {
            match word.split_once('=') {
                Some((flag, _)) if SECRETS.contains(&flag) => format!("{flag}={HIDDEN}"),
                Some((flag, value)) if FLAKES.contains(&flag) => format!("{flag}={}", reference(value)),
                _ => word,
            }
        };
        shown.push(word);
    }
    shown
}

/// Returns the command after `--` with its arguments replaced by a placeholder. With `--shell`, the program
/// is replaced too.
fn command(words: &[String], is_shell: bool) -> Vec<String> {
    let Some((program, rest)) = words.split_first() else { return Vec::new() };
    let mut shown = vec!["--".to_owned()];
    if !is_shell {
        shown.push(program.clone());
    }
    if is_shell || !rest.is_empty() {
        shown.push(HIDDEN.to_owned());
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(typed: &str) -> String {
        shown(&typed.split(' ').map(OsString::from).collect::<Vec<_>>()).join(" ")
    }

    #[test]
    fn what_was_typed_is_shown() {
        assert_eq!(line("nixfleet apply --tag web --yes"), "--tag web --yes");
        assert_eq!(line("nixfleet --json plan --on web-1"), "--json --on web-1");
        assert_eq!(line("nixfleet plan"), "");
    }

    #[test]
    fn of_a_command_only_the_program_is_shown() {
        assert_eq!(line("nixfleet run --host db-1 -- mysql -phunter2"), "--host db-1 -- mysql …");
        assert_eq!(line("nixfleet run -- uptime"), "-- uptime");
        assert_eq!(line("nixfleet run --shell -- PASSWORD=hunter2"), "--shell -- …");
    }

    #[test]
    fn values_of_nix_options_are_not_shown() {
        let typed = "nixfleet plan --option access-tokens github.com=hunter2 --option=netrc-file hunter2 -v";
        assert_eq!(line(typed), "--option access-tokens … --option=netrc-file … -v");
    }

    #[test]
    fn arguments_of_an_installer_are_not_shown() {
        let typed = "nixfleet bootstrap --installer-argument hunter2 --installer-argument=hunter2 -y";
        assert_eq!(line(typed), "--installer-argument … --installer-argument=… -y");
    }

    #[test]
    fn flake_references_are_shown_without_tokens() {
        for (typed, expected) in [
            ("--flake git+https://hunter2@host/fleet?ref=main", "--flake git+https://…@host/fleet?ref=main"),
            ("--flake=https://ada:hunter2@host/f?t=hunter2", "--flake=https://…@host/f?t=…"),
            ("--flake git+ssh://git@host/fleet", "--flake git+ssh://git@host/fleet"),
            ("--flake git+ssh://git:hunter2@host/f", "--flake git+ssh://…@host/f"),
            ("--override-input x git+https://hunter2@host/x", "--override-input x git+https://…@host/x"),
            ("--flake github:ada/fleet/main", "--flake github:ada/fleet/main"),
        ] {
            assert_eq!(line(&format!("nixfleet plan {typed}")), expected);
        }
    }
}
