//! Has the host's own tools look at a generation before anything of it is touched: sudo's rules, sshd's configuration,
//! units, and whether whoever applies it could still log in and become root.
//!
//! A drop-in says little alone. So this program starts itself once more with mounts of its own, in which the new files
//! stand where they will stand, see [`crate::host::preview`]; for everybody else the host stays as it is.
//!
//! - [`subject`][]: what there is to validate of a plan
//! - [`judge`][]: the tools and their words
//! - [`units`][]: which words of systemd are about our units
//! - [`staged`][], [`question`][]: the commands that files name for their new content
//! - [`entrance`][], [`sshd`][], [`keys`][]: the way in

pub mod entrance;
pub mod judge;
pub mod keys;
pub mod question;
pub mod sshd;
pub mod staged;
pub mod subject;
pub mod units;

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::execute::AccountSteps;
use super::planner::Planned;
use super::state::State;
use super::target::Target;
use crate::SCHEMA;
use crate::host::preview::{self, Changes, Layer};
use crate::host::{Host, command};
use crate::login::Login;
use crate::problem::{Code, Problem};
use entrance::Entrance;
use judge::{Finding, Judgement};
use subject::Subject;

/// How long all tools together may take, but for the commands that files name.
const LIMIT: Duration = Duration::from_secs(120);
/// The account files that are laid over the host's.
const ACCOUNT_FILES: [&str; 4] = ["passwd", "group", "shadow", "gshadow"];

/// What a preview showed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    schema: u32,
    judgement: Judgement,
    /// What keeps the user out, and did not before.
    obstacles: Vec<String>,
    /// What a command that a file names has refused.
    refused: Option<Problem>,
}

/// Validates a plan. `login`: who has to be able to log in afterwards, if anyone. Returns what could not be looked at.
///
/// # Errors
/// [`Code::Validation`] or [`Code::LockedOut`]. Nothing was touched.
pub fn validate(
    host: &Host,
    planned: &Planned,
    target: &Target,
    login: Option<&Login>,
) -> Result<Vec<String>, Problem> {
    // The tools look at the machine, not at a tree of files.
    if !host.is_machine() {
        return Ok(Vec::new());
    }
    let subject = Subject::of(planned, target, login);
    if subject.is_empty() {
        return Ok(Vec::new());
    }
    match previewed(&subject) {
        Ok(verdict) => settle(&subject, verdict),
        Err(why) => judge::one_by_one(&subject, &why),
    }
}

/// Runs this program once more with mounts of its own.
fn previewed(subject: &Subject) -> Result<Verdict, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let argv =
        ["unshare", "--mount", "--propagation", "private", "--", &program.to_string_lossy(), "preview"];
    let input = serde_json::to_vec(subject).map_err(|error| error.to_string())?;
    let limit = subject.questions.iter().fold(LIMIT, |limit, _| limit + question::LIMIT);
    let finished = command::run_with(&argv, input, limit).map_err(|error| format!("unshare: {error}"))?;
    if !finished.success() {
        return Err(finished.why());
    }
    let verdict: Verdict =
        serde_json::from_slice(finished.stdout.as_bytes()).map_err(|error| error.to_string())?;
    if verdict.schema == SCHEMA { Ok(verdict) } else { Err("it speaks another language".to_owned()) }
}

/// Looks at a generation in mounts of this process's own.
///
/// # Errors
/// It cannot be laid over the host.
pub fn preview(host: &Host, subject: &Subject) -> io::Result<Verdict> {
    let look = |changes: &Changes| {
        subject.login.as_ref().map(|login| Entrance::look(host, login, &subject.program, changes))
    };
    let before = look(&Changes::new());
    let layer = preview::lay(&subject.changes)?;
    if !subject.accounts.is_empty() {
        lay_accounts(host, subject, &layer)?;
    }
    let judgement = judge::judge(subject);
    let after = look(&subject.changes);
    let obstacles = match (before, after) {
        (Some(before), Some(after)) => after.obstacles_since(&before),
        _ => Vec::new(),
    };
    let refused = question::ask(&subject.questions).err();
    Ok(Verdict { schema: SCHEMA, judgement, obstacles, refused })
}

/// Does to a copy of the account files what the plan does to them, and lays that over the host's.
fn lay_accounts(host: &Host, subject: &Subject, layer: &Layer) -> io::Result<()> {
    let root = layer.directory("accounts")?;
    layer.directory("accounts/etc")?;
    let mut copied = Vec::new();
    for name in ACCOUNT_FILES.into_iter().chain(["login.defs", "subuid", "subgid"]) {
        if layer.copy_file(&format!("/etc/{name}"), &root.join("etc").join(name))? {
            copied.push(name);
        }
    }
    let failed = |problem: Problem| io::Error::other(problem.why.unwrap_or(problem.what));
    let (state, _) = State::read(host).map_err(failed)?;
    let copy = Host::open(&root).map_err(failed)?;
    AccountSteps { host: &copy, state: &state }.all(&subject.accounts).map_err(failed)?;
    for name in copied.into_iter().filter(|name| ACCOUNT_FILES.contains(name)) {
        layer.lay_file(&root.join("etc").join(name), &format!("/etc/{name}"))?;
    }
    Ok(())
}

/// From what a preview showed to a refusal, or to what could not be looked at.
fn settle(subject: &Subject, verdict: Verdict) -> Result<Vec<String>, Problem> {
    if let Some(silent) = verdict.judgement.silent.first() {
        return Err(judge::unstarted(silent));
    }
    let mut notes = verdict.judgement.notes;
    if !verdict.judgement.findings.is_empty() {
        // What the tools say of the host as it is does not come with this generation.
        let now = judge::judge(subject);
        for finding in verdict.judgement.findings {
            match finding.beyond(&now.findings) {
                Some(new) => return Err(refused(&new)),
                None => notes.push(format!(
                    "{} complains of the host as it is: {}",
                    finding.tool,
                    finding.words.join("; ")
                )),
            }
        }
    }
    let Some(login) = subject.login.as_ref().filter(|_| !verdict.obstacles.is_empty()) else {
        return Ok(notes);
    };
    Err(Problem::new(Code::LockedOut, format!("The change would lock out {}, who applies it", login.user))
        .at(verdict.obstacles.iter().filter_map(|words| words.split(": ").next()).collect::<Vec<_>>().join(", "))
        .because(verdict.obstacles.join("\n"))
        .help(
            "leave the way in open, or apply as somebody who keeps it. To try it all the same: --force lockout; the \
             host goes back by itself where it is not confirmed over a new connection",
        ))
}

fn refused(finding: &Finding) -> Problem {
    let help = match finding.tool.as_str() {
        judge::SYSTEMD => {
            "nothing was touched; mend the unit, or have it applied as it is: \
             nixfleet.systemd.units.<name>.verify = false"
        }
        _ => "nothing was touched; mend the file",
    };
    Problem::new(Code::Validation, format!("{} refused what it would get", finding.tool))
        .at(finding.place.join(", "))
        .because(finding.words.join("\n"))
        .help(help)
}
