//! The operator's side of copying a closure to a host. On the host, a script receives the closure.

use std::io::{self, BufRead, Read as _};
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use tokio::sync::mpsc::Sender;

use super::answer::FACTS;
use super::{Answer, PRELUDE};
use crate::nix::{self, CopyFailure, Transfer};
use crate::process::limits::NOISE;
use crate::process::{Ends, Output};
use crate::ssh::{Session, failure};

/// The reason why a delivery returned no output of its script.
#[derive(Debug)]
pub enum DeliveryFailure {
    /// The closure did not arrive, so the rest of the script did not run.
    NotDelivered(Problem),
    /// The whole closure was sent, and the connection broke later, so the rest of the script may have run.
    ConnectionBroke(Problem),
}

impl DeliveryFailure {
    /// Returns the problem, for a caller whose script does nothing else on the host.
    pub fn into_problem(self) -> Problem {
        match self {
            Self::NotDelivered(problem) | Self::ConnectionBroke(problem) => problem,
        }
    }
}

/// Sends a script whose first action is to receive a closure. Copies the closure to the host, and then
/// forwards the notices of the script. `arrived` is called when the closure has arrived. Returns the output
/// of the script.
///
/// # Errors
/// See [`DeliveryFailure`].
pub async fn deliver(
    session: &Session,
    script: &str,
    arguments: &[&str],
    transfer: Transfer,
    limit: Duration,
    notices: Sender<Vec<u8>>,
    arrived: impl FnOnce() + Send + 'static,
) -> Result<Output, DeliveryFailure> {
    let talk = move |ends: &mut Ends| {
        let mut facts = Vec::new();
        let copied = read_facts(&mut ends.output, &mut facts)
            .map_err(CopyFailure::from)
            .and_then(|()| nix::copy(&transfer, &mut ends.output, &mut ends.input));
        if copied.is_ok() {
            arrived();
        }
        (facts, copied)
    };
    let script = format!("{PRELUDE}\n{script}");
    let conversation = session.converse(&script, arguments, limit, notices, talk).await;
    let (mut output, (facts, copied)) = conversation.map_err(DeliveryFailure::NotDelivered)?;
    output.stdout.splice(..0, facts);
    let problem = match (copied, session.judge(output)) {
        (Err(CopyFailure::Here(problem)), _) => problem,
        (Err(CopyFailure::There { error, .. }), _) if is_noise(&error) => {
            failure::bad_size(session.host(), "the host sends too much output", &error.to_string())
        }
        (Err(CopyFailure::There { error, .. }), Ok(output)) => refused(session, output, &error),
        (Err(CopyFailure::There { all_sent: false, .. }), Err(broke)) => broke,
        (_, judged) => return judged.map_err(DeliveryFailure::ConnectionBroke),
    };
    Err(DeliveryFailure::NotDelivered(problem))
}

/// Whether a copy failed because the login shell printed too much.
fn is_noise(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::FileTooLarge
}

/// Reads output up to the end of the line of facts, and appends this output to `facts`.
fn read_facts(input: &mut impl BufRead, facts: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let begin = facts.len();
        let room = (NOISE.bytes - begin) as u64;
        if input.by_ref().take(room).read_until(b'\n', facts)? == 0 && room > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if facts.ends_with(b"\n") && facts[begin..].starts_with(FACTS.as_bytes()) {
            return Ok(());
        }
        if facts.len() >= NOISE.bytes {
            let why = format!("more than {} MiB of {}", NOISE.bytes >> 20, NOISE.of);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
    }
}

/// Returns why the closure did not arrive although the connection works. If the host printed an error, that
/// error is the reason.
fn refused(session: &Session, output: Output, error: &io::Error) -> Problem {
    let said = output.stderr_text();
    let said = said.trim();
    let refusal = match Answer::read(session.host(), output) {
        Ok(answer) => answer.refusal(),
        Err(problem) => return problem,
    };
    if refusal.code == Code::NoSudo {
        return refusal;
    }
    let name = &session.host().name;
    let help = if error.kind() == io::ErrorKind::Unsupported {
        "install a newer Nix on the host, or update nixfleet if Nix is newer".to_owned()
    } else if said.contains("No space left on device") {
        format!(
            "free space on the host: nixfleet gc --host {name} --keep 1 --collect; if the host is not \
             managed yet: nixfleet run --sudo --host {name} -- nix-collect-garbage"
        )
    } else {
        format!("check the Nix store of the host: nixfleet run --sudo --host {name} -- nix-store --verify")
    };
    let problem =
        Problem::new(Code::Copy, "the host closure could not be copied to the host").at(name).help(help);
    if said.is_empty() { problem.because(error) } else { problem.because(said) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_of_the_login_shell_ends_at_the_line_of_facts() {
        let mut input = "Welcome!\n@nix\n\n@nixfleet none /usr/bin/nix-store\nrest".as_bytes();
        let mut facts = Vec::new();
        read_facts(&mut input, &mut facts).unwrap();
        assert!(facts.ends_with(b"nix-store\n"));
        assert_eq!(input, b"rest");
        assert_eq!(read_facts(&mut input, &mut facts).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_line_without_end_is_read_no_further_than_noise_may_go() {
        let mut input = io::BufReader::new(io::repeat(b'x'));
        let mut facts = Vec::new();
        assert!(is_noise(&read_facts(&mut input, &mut facts).unwrap_err()));
        assert_eq!(facts.len(), NOISE.bytes);
    }
}
