//! Prepares a host that has no activator yet. This is the only work on a host that the activator does not do:
//! a fixed script of this crate does it.

use std::sync::Arc;
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};

use super::answer::Answer;
use super::{FACTS, PRELUDE, ask};
use crate::bootstrap::{BootstrapRecords, Facts, Reported, Simulated, Step, StepEnd};
use crate::identity;
use crate::password::Password;
use crate::process::limits::TEXT;
use crate::ssh::Session;

/// The script that becomes root and runs [`PROGRAM`].
const SCRIPT: &str = include_str!("scripts/bootstrap.sh");
/// The program that prepares the host, as root. Its parts are functions, except for the first part, which
/// sets variables, and the last part, which reads the arguments.
const PROGRAM: &str = concat!(
    include_str!("scripts/bootstrap/settings.sh"),
    include_str!("scripts/bootstrap/facts.sh"),
    include_str!("scripts/bootstrap/packages.sh"),
    include_str!("scripts/bootstrap/nix.sh"),
    include_str!("scripts/bootstrap/account.sh"),
    include_str!("scripts/bootstrap/keys.sh"),
    include_str!("scripts/bootstrap/sudo.sh"),
    include_str!("scripts/bootstrap/host-key.sh"),
    include_str!("scripts/bootstrap/change.sh"),
    include_str!("scripts/bootstrap/record.sh"),
    include_str!("scripts/bootstrap/forget.sh"),
    include_str!("scripts/bootstrap/verbs.sh"),
);

/// The id of no change, for a host on which no change is open.
const NONE: &str = "-";

/// A change of a host.
#[derive(Clone, Copy, Debug)]
pub struct BootstrapChange<'a> {
    /// The id of the change.
    pub id: &'a str,
    /// The id of the open change of another bootstrap, which is recorded first.
    pub earlier: Option<&'a str>,
    /// The user that NixFleet will log in as.
    pub user: &'a str,
    /// The public keys to add, one a line.
    pub keys: &'a str,
    /// The steps, as [`crate::bootstrap::BootstrapPlan::lines`] returns them.
    pub lines: &'a [String],
}

/// The way to become root on a host.
#[derive(Clone, Debug, Default)]
pub struct Privilege {
    /// The password for `sudo`, if the user may not become root without one.
    pub password: Option<Password>,
}

/// The report of a host about steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepReport {
    /// The steps, in the order in which they ended.
    pub steps: Vec<Reported>,
    /// The last lines that programs printed before a step failed.
    pub errors: String,
    /// The operator of another bootstrap, if that bootstrap is open on the host. Then no step was begun.
    pub busy: Option<String>,
    /// Whether the change that the request was about has never begun, or is undone. Then no step was begun.
    pub is_gone: bool,
}

impl StepReport {
    fn parse(text: &str) -> Self {
        let mut report = Self::default();
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match (word, StepEnd::of_word(word).zip(Step::named(rest))) {
                (_, Some((end, step))) => report.steps.push(Reported { step, end }),
                ("busy", None) => report.busy = Some(rest.to_owned()),
                ("gone", None) => report.is_gone = true,
                ("error", None) if report.errors.len() + rest.len() < TEXT => {
                    report.errors.push_str(rest);
                    report.errors.push('\n');
                }
                _ => {}
            }
        }
        report
    }

    /// Returns the step that failed, if one did.
    #[must_use]
    pub fn failed(&self) -> Option<Step> {
        self.steps.iter().find(|each| each.end == StepEnd::Failed).map(|each| each.step)
    }

    /// Returns the steps that could not be undone completely.
    #[must_use]
    pub fn left(&self) -> Vec<Step> {
        self.steps.iter().filter(|each| each.end == StepEnd::Left).map(|each| each.step).collect()
    }
}

/// Asks a host for the facts about itself and about the user that NixFleet will log in as. Changes nothing.
///
/// # Errors
/// The host cannot be reached, or the SSH user cannot become root.
pub async fn facts(session: &Session, privilege: &Privilege, user: &str) -> Result<Facts, Problem> {
    let text = send(session, privilege, &["facts", user], None, session.to_answer()).await?;
    Ok(Facts::parse(&text))
}

/// Asks a host to simulate the installation of these packages. Changes nothing.
///
/// # Errors
/// As for [`facts`].
pub async fn simulate(
    session: &Session,
    privilege: &Privilege,
    packages: &[&str],
) -> Result<Simulated, Problem> {
    let arguments: Vec<&str> = ["simulate"].into_iter().chain(packages.iter().copied()).collect();
    let text = send(session, privilege, &arguments, None, session.to_answer()).await?;
    Ok(Simulated::parse(&text))
}

/// Asks a host for its facts over a new login that is used for nothing else. The login needs a key, and the
/// user must become root without a password.
///
/// # Errors
/// As for [`facts`].
pub async fn facts_afresh(session: &Session, user: &str) -> Result<Facts, Problem> {
    let (size, program) = (PROGRAM.len().to_string(), Arc::from(PROGRAM.as_bytes()));
    let script = format!("{PRELUDE}\n{FACTS}\n{SCRIPT}");
    let arguments = ["", &size, "facts", user];
    let output =
        session.script_over_new_connection(&script, &arguments, vec![program], session.to_answer()).await?;
    Answer::read(session.host(), output)?.lines().map(|text| Facts::parse(&text))
}

/// Runs steps on a host. If a step fails, the host undoes all of them. Otherwise, the change is open until
/// [`undo`] or [`end`].
///
/// # Errors
/// The host cannot be reached, or the SSH user cannot become root. If the connection broke, the host may have
/// done the steps.
pub async fn change(
    session: &Session,
    privilege: &Privilege,
    change: BootstrapChange<'_>,
    installer: Option<Arc<[u8]>>,
) -> Result<StepReport, Problem> {
    session.verify().await?;
    let BootstrapChange { id, earlier, user, keys, lines } = change;
    let owner = identity::operator();
    let arguments = ["change", id, earlier.unwrap_or(NONE), &owner, user, keys];
    let arguments: Vec<&str> = arguments.into_iter().chain(lines.iter().map(String::as_str)).collect();
    let text = send(session, privilege, &arguments, installer, session.to_change()).await?;
    Ok(StepReport::parse(&text))
}

/// Undoes the steps of the open change with this id.
///
/// # Errors
/// As for [`change`].
pub async fn undo(session: &Session, privilege: &Privilege, id: &str) -> Result<StepReport, Problem> {
    let text = send(session, privilege, &["undo", id], None, session.to_change()).await?;
    Ok(StepReport::parse(&text))
}

/// Lets a host keep the record of the open change with this id, if that change is still open.
///
/// # Errors
/// As for [`facts`].
pub async fn end(session: &Session, privilege: &Privilege, id: &str) -> Result<(), Problem> {
    send(session, privilege, &["end", id], None, session.to_answer()).await.map(drop)
}

/// Asks a host what its bootstraps have made. Changes nothing.
///
/// # Errors
/// As for [`facts`].
pub async fn made(session: &Session, privilege: &Privilege) -> Result<BootstrapRecords, Problem> {
    let text = send(session, privilege, &["made"], None, session.to_answer()).await?;
    Ok(BootstrapRecords::parse(&text))
}

/// Undoes steps of all bootstraps of a host. `earlier` is the id of the open change of a bootstrap, which is
/// recorded first.
///
/// # Errors
/// As for [`change`].
pub async fn forget(
    session: &Session,
    privilege: &Privilege,
    earlier: Option<&str>,
    steps: &[Step],
) -> Result<StepReport, Problem> {
    let steps = steps.iter().map(|step| step.as_str());
    let arguments: Vec<&str> = ["forget", earlier.unwrap_or(NONE)].into_iter().chain(steps).collect();
    let text = send(session, privilege, &arguments, None, session.to_change()).await?;
    Ok(StepReport::parse(&text))
}

/// Runs the program, and returns the lines that it prints.
async fn send(
    session: &Session,
    privilege: &Privilege,
    arguments: &[&str],
    installer: Option<Arc<[u8]>>,
    limit: Duration,
) -> Result<String, Problem> {
    let size = PROGRAM.len().to_string();
    let word = if privilege.password.is_some() { "password" } else { "" };
    let arguments: Vec<&str> = [word, &size].into_iter().chain(arguments.iter().copied()).collect();
    let password = privilege.password.as_ref().map(|password| password.line().into());
    let program: Arc<[u8]> = PROGRAM.as_bytes().into();
    let stdin = password.into_iter().chain([program]).chain(installer).collect();
    let answer = ask(session, SCRIPT, &arguments, stdin, limit).await?;
    answer.lines().map_err(|problem| explained(problem, privilege))
}

/// Adds what the user can do about a `sudo` that refuses.
fn explained(problem: Problem, privilege: &Privilege) -> Problem {
    let why = problem.why.as_deref().unwrap_or_default();
    let needs = ["password is required", "authentication is required", "terminal is required"];
    let wrong = ["incorrect password", "no password was provided", "try again", "Authentication fail"];
    match problem.code {
        Code::NoSudo if privilege.password.is_none() && needs.iter().any(|word| why.contains(word)) => problem
            .help("let nixfleet ask for the password of the user: --ask-password; or log in as root: --login root"),
        Code::NoSudo if wrong.iter().any(|word| why.contains(word)) => {
            problem.help("type the password with which the user becomes root on the host")
        }
        _ => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_failed_and_what_is_left() {
        let text = "done packages\nfailed user\nerror useradd: group deploy exists\nerror \nundone user\nleft packages\n\
                    done nonsense\n";
        let report = StepReport::parse(text);
        assert_eq!(report.failed(), Some(Step::User));
        assert_eq!(report.left(), [Step::Packages]);
        assert_eq!(report.steps.len(), 4);
        assert_eq!(report.errors, "useradd: group deploy exists\n\n");
        assert_eq!(StepReport::parse("busy ada@laptop\n").busy.as_deref(), Some("ada@laptop"));
        assert!(StepReport::parse("gone\n").is_gone);
    }

    #[test]
    fn a_refused_sudo_says_what_to_add() {
        let told = |why: &str, password: Option<Password>| {
            let problem = Problem::new(Code::NoSudo, "the SSH user cannot become root").because(why);
            explained(problem, &Privilege { password }).help.unwrap_or_default()
        };
        assert!(told("sudo: a password is required", None).contains("--ask-password"));
        let password = || Some(Password::new("x").unwrap());
        assert!(told("sudo: 1 incorrect password attempt", password()).contains("type the password"));
        assert_eq!(told("deploy is not in the sudoers file.", password()), "");
    }
}
