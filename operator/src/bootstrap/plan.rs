//! The plan that prepares one host.

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::{Code, Problem};

use super::facts::Facts;
use super::installer::Installer;
use super::packages::Wanted;
use super::step::{PlannedStep, Reported, Step, StepEnd, StepState};

/// The target of a bootstrap.
#[derive(Clone, Debug)]
pub struct BootstrapTarget<'a> {
    /// The host of the inventory, with the user that NixFleet will log in as.
    pub host: &'a Host,
    /// The public keys that may log in as this user.
    pub keys: &'a [String],
    /// The installer to use on a host without Nix, instead of packages.
    pub installer: Option<&'a Installer>,
    /// Whether the operator is logged in as this user with a key.
    pub has_login: bool,
}

/// The steps that prepare a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootstrapPlan {
    /// The requirements and the steps, in order.
    pub steps: Vec<PlannedStep>,
    /// The packages to install, each with its version if the host knows it.
    pub(super) packages: Vec<Wanted>,
    /// The installed packages that apt upgrades to install the others.
    pub(super) upgrades: Vec<String>,
    /// The keys to add to the SSH user, one a line.
    pub keys: String,
    /// The id of the open change of another bootstrap.
    pub earlier: Option<String>,
}

impl BootstrapPlan {
    /// Decides which steps lead from the facts to the target.
    #[must_use]
    pub fn of(target: &BootstrapTarget<'_>, facts: &Facts) -> Self {
        let mut plan = Self::default();
        plan.platform(target.host, facts);
        if !plan.is_refused() {
            plan.space(facts);
            plan.nix(target, facts);
            plan.account(target, facts);
            plan.host_key(facts);
            plan.earlier(facts);
        }
        plan
    }

    /// Whether a requirement is missing, or a step cannot be done.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.steps.iter().any(|step| step.state == StepState::Cannot)
    }

    /// Whether carrying out the plan would change the host.
    #[must_use]
    pub fn is_to_change(&self) -> bool {
        !self.is_refused() && self.steps.iter().any(|step| step.state == StepState::ToDo)
    }

    /// Returns the problem to report if the host cannot be prepared.
    #[must_use]
    pub fn refusal(&self, host: &str) -> Option<Problem> {
        let refused: Vec<&PlannedStep> =
            self.steps.iter().filter(|step| step.state == StepState::Cannot).collect();
        if refused.is_empty() {
            return None;
        }
        let why: Vec<&str> = refused.iter().map(|step| step.detail.as_str()).collect();
        let help: Vec<&str> = refused.iter().filter_map(|step| step.help.as_deref()).collect();
        let problem = Problem::new(Code::Bootstrap, "the host cannot be prepared").at(host);
        let problem = problem.because(why.join("; "));
        Some(if help.is_empty() { problem } else { problem.help(help.join("; ")) })
    }

    /// Returns the first step of the script that is planned, but not reported as done.
    #[must_use]
    pub fn not_done(&self, reported: &[Reported]) -> Option<Step> {
        let is_done = |step: Step| reported.iter().any(|it| it.step == step && it.end == StepEnd::Done);
        let planned = self.steps.iter().filter(|planned| planned.state == StepState::ToDo);
        // The operator asks for the record after its check of the host.
        planned.map(|planned| planned.step).find(|step| *step != Step::Record && !is_done(*step))
    }

    /// Returns the lines that tell the script what to do.
    #[must_use]
    pub fn lines(&self, installer: Option<&Installer>) -> Vec<String> {
        let mut lines = Vec::new();
        for planned in self.steps.iter().filter(|planned| planned.state == StepState::ToDo) {
            let name = planned.step.as_str();
            match (planned.step, installer) {
                (Step::Packages, _) => {
                    let words: Vec<String> =
                        self.packages.iter().map(|package| package.joined('=')).collect();
                    lines.push(format!("{name} {}", words.join(" ")));
                    lines.extend(self.upgrades.iter().map(|package| format!("upgrade {package}")));
                }
                (Step::Installer, Some(installer)) => {
                    lines.push(format!("{name} {}", installer.digest));
                    lines.extend(installer.arguments.iter().map(|word| format!("argument {word}")));
                }
                // The operator asks for it after its check of the host.
                (Step::Record, _) => {}
                _ => lines.push(name.to_owned()),
            }
        }
        lines
    }

    /// Adds a step that is done already or is to do.
    pub(super) fn add(&mut self, step: Step, state: StepState, detail: impl Into<String>) {
        self.steps.push(PlannedStep { step, state, detail: detail.into(), help: None });
    }

    /// Adds a step that cannot be done, with what the user can do about it.
    pub(super) fn cannot(&mut self, step: Step, detail: impl Into<String>, help: impl Into<String>) {
        let (detail, help) = (detail.into(), Some(help.into()));
        self.steps.push(PlannedStep { step, state: StepState::Cannot, detail, help });
    }

    /// Plans the SSH user, its keys and its right to become root.
    fn account(&mut self, target: &BootstrapTarget<'_>, facts: &Facts) {
        let Host { name, ssh, .. } = target.host;
        let user = &ssh.user;
        match &facts.account {
            None if user == "root" => {}
            None => self.add(Step::User, StepState::ToDo, format!("create {user}")),
            Some(account) if account.shell.ends_with("/nologin") || account.shell.ends_with("/false") => {
                self.cannot(
                    Step::User,
                    format!("the login shell of {user} is {}", account.shell),
                    format!("run on the host, as root: usermod --shell /bin/bash {user}"),
                );
            }
            Some(_) => self.add(Step::User, StepState::Done, user.clone()),
        }
        self.authorized_keys(target, facts, name);
        if user == "root" || facts.becomes_root {
            self.add(Step::Sudo, StepState::Done, format!("{user} becomes root without a password"));
        } else if let Some(said) = &facts.sudo_error {
            self.cannot(
                Step::Sudo,
                format!("the rules of sudo have an error: {said}"),
                "correct the file on the host, until `visudo --check` finds no error",
            );
        } else {
            self.add(Step::Sudo, StepState::ToDo, format!("let {user} become root without a password"));
        }
    }

    fn authorized_keys(&mut self, target: &BootstrapTarget<'_>, facts: &Facts, name: &str) {
        let user = &target.host.ssh.user;
        let is_missing = |key: &&String| {
            let plain: Vec<&str> = key.split_whitespace().take(2).collect();
            !facts.keys.contains(&plain.join(" "))
        };
        let missing: Vec<&str> = target.keys.iter().filter(is_missing).map(String::as_str).collect();
        self.keys = missing.join("\n");
        let keys = |count: usize| if count == 1 { "1 key".to_owned() } else { format!("{count} keys") };
        if !missing.is_empty() {
            self.add(Step::Keys, StepState::ToDo, format!("add {} to {user}", keys(missing.len())));
        } else if !target.keys.is_empty() || target.has_login || !facts.keys.is_empty() {
            let count = facts.keys.len().max(target.keys.len());
            let detail = if count == 0 { "you log in already".to_owned() } else { keys(count) };
            self.add(Step::Keys, StepState::Done, detail);
        } else {
            self.cannot(
                Step::Keys,
                format!("there is no public key with which {user} could log in"),
                format!(
                    "set defaults.ssh.authorizedKeys or hosts.{name}.ssh.authorizedKeys, or add --key \
                     ~/.ssh/id_ed25519.pub"
                ),
            );
        }
    }

    fn host_key(&mut self, facts: &Facts) {
        match &facts.host_key {
            Some(_) => self.add(Step::HostKey, StepState::Done, "ed25519"),
            None => self.add(Step::HostKey, StepState::ToDo, "make an ed25519 key"),
        }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
