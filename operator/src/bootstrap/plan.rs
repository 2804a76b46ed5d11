//! The plan that prepares one host.

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::{Code, Problem};

use super::facts::{Daemon, Facts};
use super::installer::Installer;
use super::step::{Planned, Step, StepState};
use super::version::is_at_least;

/// The oldest Nix that hosts may have.
const OLDEST_NIX: (u64, u64) = (2, 0);
/// The oldest apt that waits for its lock (`DPkg::Lock::Timeout`). Debian 11 and Ubuntu 20.04 have a newer
/// one.
const OLDEST_APT: (u64, u64) = (2, 0);
/// The packages of Debian and Ubuntu that contain Nix and the units of its daemon.
const NIX_PACKAGES: [&str; 2] = ["nix-bin", "nix-setup-systemd"];

/// What a host is to become.
#[derive(Clone, Debug)]
pub struct Target<'a> {
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
    pub steps: Vec<Planned>,
    /// The packages to install.
    packages: Vec<&'static str>,
    /// The keys to add to the SSH user, one a line.
    pub keys: String,
}

impl BootstrapPlan {
    /// Decides which steps lead from the facts to the target.
    #[must_use]
    pub fn of(target: &Target<'_>, facts: &Facts) -> Self {
        let mut plan = Self::default();
        plan.platform(target.host, facts);
        if !plan.is_refused() {
            plan.space(facts);
            plan.nix(target, facts);
            plan.account(target, facts);
            plan.host_key(facts);
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
        let refused: Vec<&Planned> =
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

    /// Returns the lines that tell the script what to do.
    #[must_use]
    pub fn lines(&self, installer: Option<&Installer>) -> Vec<String> {
        let mut lines = Vec::new();
        for planned in self.steps.iter().filter(|planned| planned.state == StepState::ToDo) {
            let name = planned.step.as_str();
            match (planned.step, installer) {
                (Step::Packages, _) => lines.push(format!("{name} {}", self.packages.join(" "))),
                (Step::Installer, Some(installer)) => {
                    lines.push(format!("{name} {}", installer.digest));
                    lines.extend(installer.arguments.iter().map(|word| format!("argument {word}")));
                }
                _ => lines.push(name.to_owned()),
            }
        }
        lines
    }

    /// Adds a step that is done already or is to do.
    pub(super) fn add(&mut self, step: Step, state: StepState, detail: impl Into<String>) {
        self.steps.push(Planned { step, state, detail: detail.into(), help: None });
    }

    /// Adds a step that cannot be done, with what the user can do about it.
    pub(super) fn cannot(&mut self, step: Step, detail: impl Into<String>, help: impl Into<String>) {
        let (detail, help) = (detail.into(), Some(help.into()));
        self.steps.push(Planned { step, state: StepState::Cannot, detail, help });
    }

    /// Plans the packages or the installer, and the daemon.
    fn nix(&mut self, target: &Target<'_>, facts: &Facts) {
        let needs_sudo = !facts.has_sudo && target.host.ssh.user != "root";
        let has_units = !facts.units.is_empty();
        let is_silent = matches!(facts.daemon, Daemon::Silent(_));
        let needs_nix = facts.nix.is_none();
        self.packages = match (needs_nix, target.installer) {
            (true, None) => NIX_PACKAGES.to_vec(),
            // Debian's package of Nix itself has no units.
            (false, _) if is_silent && !has_units && facts.package("nix-bin").installed.is_some() => {
                vec!["nix-setup-systemd"]
            }
            _ => Vec::new(),
        };
        if needs_sudo {
            self.packages.push("sudo");
        }
        match &facts.nix {
            Some(version) if !is_at_least(version, OLDEST_NIX) => self.cannot(
                Step::Packages,
                format!("Nix {version} is too old: hosts need Nix 2.0 or later"),
                "install a newer Nix on the host",
            ),
            _ if !self.packages.is_empty() => self.apt(facts),
            Some(version) => self.add(Step::Packages, StepState::Done, format!("Nix {version}")),
            None => {}
        }
        if needs_nix && let Some(installer) = target.installer {
            let digest = installer.digest.get(..12).unwrap_or_default();
            let detail = format!("run the installer with the digest {digest}…; it cannot always be undone");
            self.add(Step::Installer, StepState::ToDo, detail);
        }
        let is_to_install = needs_nix || self.packages.contains(&"nix-setup-systemd");
        self.daemon(facts, is_to_install);
    }

    fn apt(&mut self, facts: &Facts) {
        let step = Step::Packages;
        let too_old = |name: &&&str| {
            let candidate = facts.package(name).candidate;
            name.starts_with("nix") && candidate.is_some_and(|version| !is_at_least(&version, OLDEST_NIX))
        };
        let missing = |name: &&&str| facts.has_lists && facts.package(name).candidate.is_none();
        let elsewhere = "use an installer of Nix: --installer FILE --installer-sha256 DIGEST";
        if let Some(said) = &facts.dpkg {
            self.cannot(
                step,
                format!("packages are only partly installed: {said}"),
                "run on the host, as root: dpkg --configure -a",
            );
        } else if !facts.apt.as_deref().is_some_and(|version| is_at_least(version, OLDEST_APT)) {
            let version = facts.apt.as_deref().unwrap_or("missing");
            let detail = format!("apt is too old: it is {version}, and NixFleet needs 2.0 or later");
            self.cannot(step, detail, "upgrade the distribution of the host");
        } else if let Some(name) = self.packages.clone().iter().find(missing) {
            self.cannot(
                step,
                format!("the package sources of the host have no {name}"),
                format!(
                    "run on the host, as root: apt-get update; enable the component main of Debian or universe of \
                     Ubuntu; or {elsewhere}"
                ),
            );
        } else if let Some(name) = self.packages.clone().iter().find(too_old) {
            let version = facts.package(name).candidate.unwrap_or_default();
            self.cannot(step, format!("{name} {version} is too old: hosts need Nix 2.0 or later"), elsewhere);
        } else {
            let versions: Vec<String> = self
                .packages
                .iter()
                .map(|name| match facts.package(name).candidate {
                    Some(version) => format!("{name} {version}"),
                    None => (*name).to_owned(),
                })
                .collect();
            self.add(step, StepState::ToDo, format!("install {}", versions.join(", ")));
        }
    }

    fn daemon(&mut self, facts: &Facts, is_to_install: bool) {
        let step = Step::Daemon;
        let disabled = facts.units.iter().find(|(_, state)| *state == "disabled").map(|(unit, _)| unit);
        match (&facts.daemon, disabled) {
            _ if is_to_install => self.add(step, StepState::ToDo, "enable and start it"),
            (Daemon::Answers, None) => self.add(step, StepState::Done, "answers"),
            (Daemon::Answers, Some(unit)) => self.add(step, StepState::ToDo, format!("enable {unit}")),
            (Daemon::Silent(_), _) if !facts.units.is_empty() => {
                self.add(step, StepState::ToDo, "enable and start it: it does not answer");
            }
            (Daemon::Silent(said), _) => self.cannot(
                step,
                format!("the host has Nix, but no daemon that answers: {said}"),
                "install the multi-user Nix with its daemon on the host",
            ),
            (Daemon::None, _) => {}
        }
    }

    /// Plans the SSH user, its keys and its right to become root.
    fn account(&mut self, target: &Target<'_>, facts: &Facts) {
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
        } else {
            self.add(Step::Sudo, StepState::ToDo, format!("let {user} become root without a password"));
        }
    }

    fn authorized_keys(&mut self, target: &Target<'_>, facts: &Facts, name: &str) {
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
