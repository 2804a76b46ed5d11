//! Validates a generation with the tools of the host before anything is changed: the sudo rules, the sshd
//! configuration, the units, and whether the user who applies the generation can still log in and become
//! root.
//!
//! A single drop-in cannot be validated without the files around it. Therefore, this program runs itself
//! again in a mount namespace in which the new files are at their final paths, see [`crate::host::preview`].
//! Other processes on the host do not see these files.
//!
//! - [`subject`][]: the parts of a plan that can be validated
//! - [`judge`][]: the tools and their messages
//! - [`units`][]: the messages of systemd that are about managed units
//! - [`staged`][], [`question`][]: the declared commands that validate the new content of files
//! - [`foresight`][]: the validation of a plan whose closure may not be on the host yet
//! - [`secrecy`][]: removal of confidential file contents from messages
//! - [`entrance`][], [`sshd`][], [`keys`][]: the check that a user can still log in

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
use crate::engine::plan::planner::PlannedTransaction;
use crate::engine::plan::target::Target;
use crate::engine::state::State;
use crate::host::accounts::Accounts;
use crate::host::preview::{self, Changes, Layer};
use crate::host::{Host, command};

/// The account files in `/etc` that the preview replaces.
const ACCOUNT_FILES: [&str; 4] = ["passwd", "group", "shadow", "gshadow"];

/// The result of a validation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The problems because of which an apply would be refused.
    pub problems: Vec<Problem>,
    /// Notes about the checks that could not be done.
    pub notes: Vec<String>,
}

/// The result of a preview.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviewResult {
    schema: u32,
    judgement: Judgement,
    /// The obstacles that would newly prevent the user from logging in.
    obstacles: Vec<String>,
    /// The problems reported by the validation commands of files.
    refused: Vec<Problem>,
}

/// Validates a plan that will be applied. The validation commands of files are not included, since these
/// commands run after the new content has been staged. `login` is the user who must still be able to log in
/// after the change, if any.
#[must_use]
pub fn validate(
    host: &Host,
    planned: &PlannedTransaction,
    target: &Target,
    login: Option<&Login>,
) -> Findings {
    // The tools inspect the running machine, so they cannot validate a host that is only a directory tree.
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

/// Runs this program again in a new mount namespace, to validate the generation there.
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
    if verdict.schema == SCHEMA { Ok(verdict) } else { Err("its result has a different schema".to_owned()) }
}

/// Validates a generation inside the mount namespace of this process.
///
/// # Errors
/// Fails with an I/O error if the new files cannot be mounted over the files of the host.
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

/// Executes the account steps of the plan on a copy of the account files, and mounts the copy over the
/// original files.
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

/// Converts the result of a preview to problems and notes.
fn settle(subject: &Subject, verdict: PreviewResult) -> Findings {
    let mut found = Findings {
        problems: verdict.judgement.silent.iter().map(judge::unstarted).collect(),
        notes: verdict.judgement.notes,
    };
    if !verdict.judgement.findings.is_empty() {
        // Messages that the tools also report for the current host are not caused by the new generation.
        let now = judge::judge(subject);
        for finding in verdict.judgement.findings {
            if let Some(new) = finding.beyond(&now.findings) {
                found.problems.push(refused(&judge::discreet(new, subject)));
            } else {
                let ToolFinding { tool, words, .. } = judge::discreet(finding, subject);
                found.notes.push(format!(
                    "{tool} reports the same about the current state of the host: {}",
                    words.join("; ")
                ));
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
        format!("the change would lock out {}, the user who applies it", login.user),
    )
    .at(obstacles.iter().filter_map(|words| words.split(": ").next()).collect::<Vec<_>>().join(", "))
    .because(obstacles.join("\n"))
    .help(
        "keep the SSH and sudo access of this user, or apply as a user who keeps SSH and sudo access; to try \
         the change anyway, add --force lockout: if no new connection confirms the change, the host rolls \
         back by itself",
    )
}

fn refused(finding: &ToolFinding) -> Problem {
    let help = match finding.tool.as_str() {
        judge::SYSTEMD => {
            "correct the unit, or skip this check of the unit: `nixfleet.systemd.units.<name>.verify = false`"
        }
        _ => "correct the file, then apply again",
    };
    Problem::new(Code::Validation, format!("{} refused the new configuration", finding.tool))
        .at(finding.place.join(", "))
        .because(format!("{}\nnothing was changed", finding.words.join("\n")))
        .help(help)
}
