//! Reads a password from the terminal or from standard input.

use std::fs::OpenOptions;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_operator::password::Password;
use nixfleet_operator::stop::Stop;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::Context;
use crate::args::LoginArgs;

/// The number of bytes that are read of a line. A password is shorter.
const MOST: u64 = 4096;

/// Reads the password that the arguments ask for, if any.
///
/// # Errors
/// There is no terminal, or the password cannot be used.
pub async fn read(args: &LoginArgs, context: &Context) -> Result<Option<Password>, Stop> {
    let unread = |error: io::Error| {
        Problem::new(Code::Usage, "the password cannot be read")
            .because(error)
            .help("run the command on a terminal, or pass the password on standard input: --password-stdin")
    };
    let line = if args.password_stdin {
        line(io::stdin().lock()).map_err(unread)?
    } else if args.ask_password {
        if context.output.is_for_programs() {
            let problem = Problem::new(Code::Usage, "the password must be read, but the command cannot ask");
            return Err(problem.help("pass it on standard input: --password-stdin").into());
        }
        let user = args.login.as_deref().unwrap_or("the SSH user");
        let question = format!("Password of {user} on the hosts: ");
        // Reading from a terminal blocks, and the only thread of the runtime must stay free to handle Ctrl-C.
        tokio::task::spawn_blocking(move || ask(&question)).await?.map_err(unread)?
    } else {
        return Ok(None);
    };
    Ok(Some(Password::new(&line)?))
}

/// Asks on the terminal of the process, without an echo of what is typed.
fn ask(question: &str) -> io::Result<String> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    silent.local_modes.insert(LocalModes::ECHONL);
    tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
    let answer = write!(terminal, "{question}").and_then(|()| line(&terminal));
    tcsetattr(&terminal, OptionalActions::Flush, &before)?;
    answer
}

/// Reads one line, without its end.
fn line(from: impl Read) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(from.take(MOST)).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_is_the_password() {
        assert_eq!(line("hun ter2 \r\nrest\n".as_bytes()).unwrap(), "hun ter2 ");
        assert_eq!(line("".as_bytes()).unwrap(), "");
    }
}
