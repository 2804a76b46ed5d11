//! Rewrites commands that an activator suggests for its host, so that the user can type them on this machine.

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::Problem;

use crate::process::limits::TEXT;

/// In a help text, a command that must be typed on the host is followed by this text.
const ON_THE_HOST: &str = "` on the host";
/// The characters that have a special meaning in a shell. A command that contains one of them needs a shell.
const OF_SHELLS: [char; 14] = ['|', '&', ';', '<', '>', '(', ')', '$', '`', '"', '\'', '*', '?', '~'];

/// Returns a problem whose suggested commands can be typed on this machine, and whose texts are shortened. An
/// activator cannot suggest such commands itself, because it does not know the name and the SSH user by which
/// the operator reaches its host.
#[must_use]
pub fn for_operator(problem: Problem, host: &Host) -> Problem {
    let problem = short(problem);
    let Some(help) = &problem.help else { return problem };
    let mut written = String::new();
    let mut rest = help.as_str();
    while let Some((before, after)) = rest.split_once(ON_THE_HOST) {
        match before.rsplit_once('`') {
            // A single word is a name, not a command.
            Some((text, command)) if command.contains(' ') => {
                written.push_str(text);
                written.push('`');
                written.push_str(&here(command, host));
                written.push('`');
            }
            _ => {
                written.push_str(before);
                written.push_str(ON_THE_HOST);
            }
        }
        rest = after;
    }
    written.push_str(rest);
    Problem { help: Some(written), ..problem }
}

/// Shortens the texts of a problem to at most [`TEXT`] bytes. A host may send any text, and its problems are
/// written into the history of this machine.
#[must_use]
pub fn short(problem: Problem) -> Problem {
    let short = |mut text: String| {
        if text.len() > TEXT {
            let end = (0..=TEXT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
            text.truncate(end);
            text.push('…');
        }
        text
    };
    let Problem { code, what, location, why, help } = problem;
    let [location, why, help] = [location, why, help].map(|text| text.map(short));
    Problem { code, what: short(what), location, why, help }
}

fn here(command: &str, host: &Host) -> String {
    let whole = || shlex::try_quote(command).map_or_else(|_| command.to_owned(), Into::into);
    let words = || shlex::try_join(command.split_whitespace()).unwrap_or_else(|_| command.to_owned());
    let (shell, command) = if command.contains(OF_SHELLS) { ("--shell ", whole()) } else { ("", words()) };
    format!("nixfleet run --sudo {shell}--host {} -- {command}", host.name)
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::problem::Code;

    use super::*;
    use crate::remote::answer::tests::host;

    #[test]
    fn a_problem_is_no_longer_than_people_read() {
        let long =
            Problem::new(Code::Unit, "é".repeat(TEXT)).because("x".repeat(TEXT)).help("y".repeat(TEXT + 1));
        let problem = for_operator(long, &host());
        assert_eq!(problem.what.len(), TEXT + '…'.len_utf8());
        assert_eq!(problem.why.unwrap().len(), TEXT);
        assert!(problem.help.unwrap().ends_with("y…"));
    }

    #[test]
    fn a_command_for_the_host_is_typed_here() {
        let told = |help: &str| for_operator(Problem::new(Code::Unit, "x").help(help), &host()).help.unwrap();
        for (on_the_host, here) in [
            (
                "look at `journalctl -n 50 -u web.service` on the host, correct the unit",
                "look at `nixfleet run --sudo --host web-1 -- journalctl -n 50 -u web.service`, correct the unit",
            ),
            (
                r"`systemctl unmask a\x2db.mount` on the host if it should run; `b c` on the host",
                r#"`nixfleet run --sudo --host web-1 -- systemctl unmask "a\\x2db.mount"` if it should run; `nixfleet run --sudo --host web-1 -- b c`"#,
            ),
            ("`ps a | wc` on the host", "`nixfleet run --sudo --shell --host web-1 -- 'ps a | wc'`"),
            ("stop what runs as `joe` on the host", "stop what runs as `joe` on the host"),
            ("nothing to type", "nothing to type"),
        ] {
            assert_eq!(told(on_the_host), here);
        }
    }
}
