//! Formats a command for diagnostics, with everything hidden that could be secret.
//!
//! Only `nix` and `ssh` are shown with arguments, because NixFleet itself composes their arguments. All other
//! programs are named by the fleet or the user, and each of their arguments could be a password. The
//! environment and standard input are never shown.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;

use crate::flake::shown::{HIDDEN, reference};

/// The length of the longest word that is shown, in characters. Longer words are Nix expressions, which do
/// not help a reader.
const LONGEST: usize = 200;
/// The flag of Nix that is followed by the name and the value of a setting, such as access tokens.
const SETTING: &str = "--option";

/// A command to format.
#[derive(Clone, Copy, Debug)]
pub struct Argv<'a> {
    /// The name of the program.
    pub program: &'a str,
    /// The arguments of the program.
    pub arguments: &'a [OsString],
}

impl fmt::Display for Argv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program)?;
        let words = match self.program {
            "nix" => nix(self.arguments),
            "ssh" => ssh(self.arguments),
            _ if self.arguments.is_empty() => Vec::new(),
            _ => vec![HIDDEN.into()],
        };
        words.iter().try_for_each(|word| write!(f, " {}", quoted(word)))
    }
}

/// Formats the arguments of `nix`. Hides the values of settings, and the users and tokens in flake references
/// and other URLs.
fn nix(arguments: &[OsString]) -> Vec<Cow<'_, str>> {
    let show = |place: usize| {
        let before = |distance: usize| place.checked_sub(distance).map(|at| arguments[at].to_string_lossy());
        let argument = &arguments[place];
        let shown = argument.to_string_lossy();
        let is_value = before(2).is_some_and(|word| word == SETTING)
            || before(1).is_some_and(|word| word.starts_with("--option="));
        match shown.split_once('=') {
            _ if is_value => HIDDEN.into(),
            Some((flag, value)) if flag.starts_with("--") => format!("{flag}={}", reference(value)).into(),
            _ if shown.contains("://") || shown.contains('?') => reference(&shown).into(),
            _ if shown.chars().count() > LONGEST => HIDDEN.into(),
            _ => shown,
        }
    };
    (0..arguments.len()).map(show).collect()
}

/// Formats the arguments of `ssh`. Hides everything after the destination: the script, and the arguments of
/// the script, which include the words that a user passes to `nixfleet run`.
fn ssh(arguments: &[OsString]) -> Vec<Cow<'_, str>> {
    let options = arguments.iter().take_while(|argument| *argument != "--").count();
    let destination = arguments.len().min(options + 2);
    let shown = arguments[..destination].iter().map(|argument| argument.to_string_lossy());
    shown.chain((destination < arguments.len()).then_some(HIDDEN.into())).collect()
}

/// Quotes a word whose beginning and end would otherwise not be visible.
fn quoted<'a>(word: &'a Cow<'a, str>) -> Cow<'a, str> {
    let is_plain = |letter: char| !letter.is_whitespace() && !matches!(letter, '\'' | '"' | '\\');
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    // Quoting fails only for a word with a NUL byte, which no argument can contain.
    shlex::try_quote(word).unwrap_or(HIDDEN.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(program: &str, line: &str) -> String {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        Argv { program, arguments: &arguments }.to_string()
    }

    #[test]
    fn values_of_nix_settings_are_hidden() {
        for (line, expected) in [
            ("build --option access-tokens github.com=hunter2 -L", "build --option access-tokens … -L"),
            ("build --option=access-tokens hunter2 -L", "build --option=access-tokens … -L"),
            ("build --option netrc-file /home/ada/hunter2", "build --option netrc-file …"),
            ("eval --json path:/srv/fleet#nixfleet", "eval --json path:/srv/fleet#nixfleet"),
        ] {
            assert_eq!(shown("nix", line), format!("nix {expected}"));
        }
    }

    #[test]
    fn addresses_are_shown_without_users_and_tokens() {
        for (line, expected) in [
            ("eval git+https://hunter2@host/fleet?ref=main#a", "eval git+https://…@host/fleet?ref=main#a"),
            ("eval https://ada:hunter2@host/f?t=hunter2", "eval https://…@host/f?t=…"),
            ("eval https://host/f?t=hunter2#a", "eval https://host/f?t=…"),
            (
                "eval --override-input x git+https://hunter2@host/x",
                "eval --override-input x git+https://…@host/x",
            ),
            ("eval --override-flake=https://ada:hunter2@host/x", "eval --override-flake=https://…@host/x"),
        ] {
            assert_eq!(shown("nix", line), format!("nix {expected}"));
        }
    }

    #[test]
    fn a_script_for_a_host_is_hidden_and_the_way_there_is_not() {
        assert_eq!(
            shown("ssh", "-o ControlPath=none -T -- deploy@web-1 mysql -phunter2"),
            "ssh -o ControlPath=none -T -- deploy@web-1 …"
        );
        assert_eq!(shown("ssh", "-M -N -f -- deploy@web-1"), "ssh -M -N -f -- deploy@web-1");
        assert_eq!(shown("ssh", "-G"), "ssh -G");
    }

    #[test]
    fn of_all_other_programs_no_argument_is_shown() {
        for program in ["curl", "env", "/home/ada/notify", "/opt/nix"] {
            assert_eq!(shown(program, "--token hunter2"), format!("{program} …"));
            assert_eq!(shown(program, ""), program);
        }
    }

    #[test]
    fn a_word_reads_as_one_word() {
        let arguments = ["--extra-experimental-features", "nix-command flakes"].map(OsString::from);
        expect_test::expect!["nix --extra-experimental-features 'nix-command flakes'"]
            .assert_eq(&Argv { program: "nix", arguments: &arguments }.to_string());
        let long = [OsString::from("x".repeat(LONGEST + 1))];
        assert_eq!(Argv { program: "nix", arguments: &long }.to_string(), "nix …");
    }
}
