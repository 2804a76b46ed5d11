//! Has the host's own tools look at a generation before anything of it is touched: sudo's rules, sshd's
//! configuration, units, and whether whoever applies it could still log in and become root.
//!
//! A drop-in says little alone. So this program starts itself once more with mounts of its own, in which the
//! new files stand where they will stand, see [`crate::host::preview`]; for everybody else the host stays as
//! it is.
//!
//! - [`subject`][]: what there is to validate of a plan
//! - [`judge`][]: the tools and their words
//! - [`units`][]: which words of systemd are about our units
//! - [`staged`][], [`question`][]: the commands that files name for their new content
//! - [`foresight`][]: all of it for a plan, whose closure may not be here yet
//! - [`secrecy`][]: what of the tools' words must not be passed on
//! - [`entrance`][], [`sshd`][], [`keys`][]: the way in

pub mod entrance;
pub mod foresight;
pub mod judge;
pub mod keys;
pub mod question;
pub mod secrecy;
pub mod sshd;
pub mod staged;
pub mod subject;
pub mod units;

use std::io;

use entrance::Entrance;
use judge::{Judgement, ToolFinding};
use nixfleet_contract::SCHEMA;
use nixfleet_contract::inspected;
use nixfleet_contract::login::Login;
use nixfleet_contract::problem::{Code, Problem};
use question::Question;
use serde::{Deserialize, Serialize};
use subject::Subject;

use crate::engine::family::accounts::execute::AccountChanges;
use crate::engine::plan::planner::Planned;
use crate::engine::plan::target::Target;
use crate::engine::state::State;
use crate::host::accounts::Accounts;
use crate::host::preview::{self, Changes, Layer};
use crate::host::{Host, command};

/// The account files that are laid over the host's.
const ACCOUNT_FILES: [&str; 4] = ["passwd", "group", "shadow", "gshadow"];

/// What was found wrong, and what could not be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Why an apply would refuse.
    pub problems: Vec<Problem>,
    /// What could not be looked at, for people.
    pub notes: Vec<String>,
}

/// The result of a preview.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviewResult {
    schema: u32,
    judgement: Judgement,
    /// What keeps the user out, and did not before.
    obstacles: Vec<String>,
    /// What commands that files name have refused.
    refused: Vec<Problem>,
}

/// Validates a plan that is about to be applied, but for the commands that files name: they are asked about
/// what is staged. `login`: who has to be able to log in afterwards, if anyone.
#[must_use]
pub fn validate(host: &Host, planned: &Planned, target: &Target, login: Option<&Login>) -> Findings {
    // The tools look at the machine, not at a tree of files.
    if !host.is_machine() {
        return Findings::default();
    }
    let subject = Subject::of(planned, target, login);
    if subject.is_empty() {
        return Findings::default();
    }
    match previewed(&subject) {
        Ok(verdict) => settle(&subject, verdict),
        Err(why) => judge::one_by_one(&subject, &why),
    }
}

/// Runs this program once more with mounts of its own.
fn previewed(subject: &Subject) -> Result<PreviewResult, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let argv =
        ["unshare", "--mount", "--propagation", "private", "--", &program.to_string_lossy(), "preview"];
    let input = serde_json::to_vec(subject).map_err(|error| error.to_string())?;
    let limit = inspected::patience(subject.questions.len());
    let finished = command::run_with(&argv, input, limit).map_err(|error| format!("unshare: {error}"))?;
    if !finished.success() {
        return Err(finished.why());
    }
    let verdict: PreviewResult =
        serde_json::from_slice(finished.stdout.as_bytes()).map_err(|error| error.to_string())?;
    if verdict.schema == SCHEMA { Ok(verdict) } else { Err("it speaks another language".to_owned()) }
}

/// Looks at a generation in mounts of this process's own.
///
/// # Errors
/// It cannot be laid over the host.
pub fn preview(host: &Host, subject: &Subject) -> io::Result<PreviewResult> {
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
    let questions = subject.questions.iter().cloned().enumerate();
    let questions: Vec<Question> =
        questions.map(|(number, question)| question.previewed(&layer, number)).collect::<io::Result<_>>()?;
    let refused = question::ask(&questions);
    Ok(PreviewResult { schema: SCHEMA, judgement, obstacles, refused })
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
    let (mut state, _) = State::read(host).map_err(failed)?;
    state.forget_replaced(&Accounts::read(host).map_err(failed)?);
    let copy = Host::open(&root).map_err(failed)?;
    AccountChanges { host: &copy, state: &state }.try_out(&subject.accounts).map_err(failed)?;
    for name in copied.into_iter().filter(|name| ACCOUNT_FILES.contains(name)) {
        layer.lay_file(&root.join("etc").join(name), &format!("/etc/{name}"))?;
    }
    Ok(())
}

/// From what a preview showed to what is wrong.
fn settle(subject: &Subject, verdict: PreviewResult) -> Findings {
    let mut found = Findings {
        problems: verdict.judgement.silent.iter().map(judge::unstarted).collect(),
        notes: verdict.judgement.notes,
    };
    if !verdict.judgement.findings.is_empty() {
        // What the tools say of the host as it is does not come with this generation.
        let now = judge::judge(subject);
        for finding in verdict.judgement.findings {
            if let Some(new) = finding.beyond(&now.findings) {
                found.problems.push(refused(&judge::discreet(new, subject)));
            } else {
                let ToolFinding { tool, words, .. } = judge::discreet(finding, subject);
                found.notes.push(format!("{tool} complains of the host as it is: {}", words.join("; ")));
            }
        }
    }
    found.problems.extend(verdict.refused);
    if let Some(login) = subject.login.as_ref().filter(|_| !verdict.obstacles.is_empty()) {
        found.problems.push(locked_out(login, &verdict.obstacles));
    }
    found
}

fn locked_out(login: &Login, obstacles: &[String]) -> Problem {
    Problem::new(
        Code::LockedOut,
        format!("The change would lock out {}, the user who applies it", login.user),
    )
    .at(obstacles.iter().filter_map(|words| words.split(": ").next()).collect::<Vec<_>>().join(", "))
    .because(obstacles.join("\n"))
    .help(
        "keep the access of this user (SSH and sudo), or apply as a user who keeps theirs. To try it anyway: \
             --force lockout; if no new connection confirms the change, the host goes back by itself",
    )
}

fn refused(finding: &ToolFinding) -> Problem {
    let help = match finding.tool.as_str() {
        judge::SYSTEMD => {
            "nothing was touched; correct the unit, or have it applied as it is: \
             nixfleet.systemd.units.<name>.verify = false"
        }
        _ => "nothing was touched; correct the file",
    };
    Problem::new(Code::Validation, format!("{} refused what it would get", finding.tool))
        .at(finding.place.join(", "))
        .because(finding.words.join("\n"))
        .help(help)
}
