//! Lists, shows and drops the backups on a host.

use nixfleet_contract::SCHEMA;
use nixfleet_contract::backup::{Backup, Backups, Content, DropReport, DropRequest};
use nixfleet_contract::problem::{Code, Problem};

use super::answer::FACTS as HEAD;
use super::{Answer, FACTS, PRELUDE, ask, short};
use crate::identity::operator;
use crate::process::Output;
use crate::ssh::Session;

const SCRIPT: &str = include_str!("scripts/backups.sh");

/// Lists the backups of a host, or returns `None` if the host is not managed. Takes one SSH exec.
///
/// # Errors
/// The host cannot be reached, the SSH user cannot become root, or the activator refuses.
pub async fn backups(session: &Session) -> Result<Option<Backups>, Problem> {
    let answer = ask(session, SCRIPT, &["list", "--json"], Vec::new(), session.to_answer()).await?;
    match answer.activator {
        Some(_) => {
            let backups: Backups = answer.document()?;
            Ok(Some(Backups { problem: backups.problem.map(short), ..backups }))
        }
        None => Ok(None),
    }
}

/// Drops backups, if none of them has changed since it was listed. Takes one SSH exec.
///
/// # Errors
/// There is no report, because the host cannot be reached or its activator refuses.
pub async fn drop_backups(session: &Session, backups: Vec<Backup>) -> Result<DropReport, Problem> {
    let request = serde_json::to_vec(&DropRequest { schema: SCHEMA, backups }).map_err(|error| {
        Problem::new(Code::Usage, "the list of backups to drop cannot be encoded as JSON").because(error)
    })?;
    let who = operator();
    let arguments = ["drop", "--json", "--request", "-", "--by", &who];
    let answer = ask(session, SCRIPT, &arguments, vec![request.into()], session.to_change()).await?;
    let report: DropReport = answer.document()?;
    Ok(DropReport { problem: report.problem.map(short), ..report })
}

/// Identifies the backup to show.
#[derive(Clone, Debug)]
pub struct Shown<'a> {
    /// The path that was backed up, or the path of the backup itself.
    pub path: &'a str,
    /// The generation whose change made the backup.
    pub generation: Option<u64>,
    /// Whether to show the original, which is what existed at the path before NixFleet managed it.
    pub original: bool,
}

/// Reads the description and the exact content of a backup. Takes one SSH exec.
///
/// # Errors
/// The host cannot be reached, is not managed, has no such backup, or sends another number of bytes than it
/// announces.
pub async fn show_backup(session: &Session, shown: Shown<'_>) -> Result<(Content, Vec<u8>), Problem> {
    let generation = shown.generation.map(|number| format!("--generation={number}"));
    let path = format!("--path={}", shown.path);
    let flags = generation.as_deref().into_iter().chain(shown.original.then_some("--original"));
    let arguments: Vec<&str> = ["show", "--json", &path].into_iter().chain(flags).collect();
    let script = format!("{PRELUDE}\n{FACTS}\n{SCRIPT}");
    let mut output = session.script(&script, &arguments, Vec::new(), session.to_copy()).await?;
    let bytes = split(&mut output);
    let answer = Answer::read(session.host(), output)?;
    let name = &session.host().name;
    if answer.activator.is_none() {
        return Err(Problem::new(Code::HostFile, "the host has no backups")
            .at(name)
            .because("the host is not managed yet"));
    }
    let head: Content = answer.document()?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if head.bytes == length {
        return Ok((head, bytes));
    }
    Err(Problem::new(Code::BadAnswer, "the backup arrived incomplete")
        .at(name)
        .because(format!("the backup has {} bytes, but {length} bytes arrived", head.bytes)))
}

/// Removes the content of the backup from an answer, and returns this content. The content follows the
/// document, and may be any bytes.
fn split(output: &mut Output) -> Vec<u8> {
    let head = format!("\n{HEAD}");
    let found = output.stdout.windows(head.len()).position(|window| window == head.as_bytes());
    let Some(facts) = found.map(|at| at + head.len()) else { return Vec::new() };
    let mut ends = (facts..output.stdout.len()).filter(|at| output.stdout[*at] == b'\n');
    match ends.nth(1) {
        Some(end) => output.stdout.split_off(end + 1),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    #[test]
    fn content_comes_byte_for_byte_whatever_is_in_it() {
        let content = b"\n@nixfleet a b\n{}\n\xff\0no line end";
        let mut stdout = b"Welcome!\n\n@nixfleet /nix/store/x none\n{\"schema\":1}\n".to_vec();
        let head = stdout.len();
        stdout.extend_from_slice(content);
        let mut output = Output { status: ExitStatus::from_raw(0), stdout, stderr: Vec::new() };
        assert_eq!(split(&mut output), content);
        assert_eq!(output.stdout.len(), head);
        for none in [&b""[..], b"Welcome!\n", b"\n@nixfleet none none\n", b"\n@nixfleet a b\n{\"schema\":1}"]
        {
            let mut output =
                Output { status: ExitStatus::from_raw(0), stdout: none.to_vec(), stderr: Vec::new() };
            assert_eq!((split(&mut output), output.stdout.as_slice()), (Vec::new(), none));
        }
    }
}
