//! The packages, the installer and the daemon of Nix in the plan of a host.

use super::facts::{Daemon, Facts};
use super::plan::{BootstrapPlan, BootstrapTarget};
use super::simulated::Simulated;
use super::step::{Step, StepState};
use super::version::is_at_least;

/// The oldest Nix that hosts may have.
const OLDEST_NIX: (u64, u64) = (2, 0);
/// The oldest apt that waits for its lock (`DPkg::Lock::Timeout`). Debian 11 and Ubuntu 20.04 have a newer
/// apt.
const OLDEST_APT: (u64, u64) = (2, 0);
/// The packages of Debian and Ubuntu that contain Nix and the units of its daemon.
const NIX_PACKAGES: [&str; 2] = ["nix-bin", "nix-setup-systemd"];

/// A package to install.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The name.
    name: &'static str,
    /// The version that apt would install.
    version: Option<String>,
}

impl Wanted {
    /// Returns the name and the version, with this character in between.
    pub(super) fn joined(&self, separator: char) -> String {
        match &self.version {
            Some(version) => format!("{}{separator}{version}", self.name),
            None => self.name.to_owned(),
        }
    }
}

impl BootstrapPlan {
    /// Plans the packages or the installer, and the daemon.
    pub(super) fn nix(&mut self, target: &BootstrapTarget<'_>, facts: &Facts) {
        let needs_sudo = !facts.has_sudo && target.host.ssh.user != "root";
        let has_units = !facts.units.is_empty();
        let is_silent = matches!(facts.daemon, Daemon::Silent(_));
        let needs_nix = facts.nix.is_none();
        let mut names = match (needs_nix, target.installer) {
            (true, None) => NIX_PACKAGES.to_vec(),
            // Debian's package of Nix itself has no units.
            (false, _) if is_silent && !has_units && facts.package("nix-bin").installed.is_some() => {
                vec!["nix-setup-systemd"]
            }
            _ => Vec::new(),
        };
        let is_to_install = needs_nix || names.contains(&"nix-setup-systemd");
        if needs_sudo {
            names.push("sudo");
        }
        let wanted = |name| Wanted { name, version: facts.package(name).candidate };
        self.packages = names.into_iter().map(wanted).collect();
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
        self.daemon(facts, is_to_install);
    }

    fn apt(&mut self, facts: &Facts) {
        let step = Step::Packages;
        let too_old = |wanted: &&Wanted| {
            let version = wanted.version.as_ref();
            wanted.name.starts_with("nix") && version.is_some_and(|version| !is_at_least(version, OLDEST_NIX))
        };
        let missing = |wanted: &&Wanted| facts.has_lists && wanted.version.is_none();
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
        } else if let Some(Wanted { name, .. }) = self.packages.iter().find(missing) {
            self.cannot(
                step,
                format!("the package sources of the host have no {name}"),
                format!(
                    "run on the host, as root: apt-get update; enable the component main of Debian or universe of \
                     Ubuntu; or {elsewhere}"
                ),
            );
        } else if let Some(Wanted { name, version }) = self.packages.iter().find(too_old) {
            let version = version.as_deref().unwrap_or_default();
            self.cannot(step, format!("{name} {version} is too old: hosts need Nix 2.0 or later"), elsewhere);
        } else {
            let versions: Vec<String> = self.packages.iter().map(|package| package.joined(' ')).collect();
            self.add(step, StepState::ToDo, format!("install {}", versions.join(", ")));
        }
    }

    /// Returns the packages whose installation the host has to simulate. A host without package lists cannot
    /// simulate the installation.
    #[must_use]
    pub fn to_simulate(&self) -> Vec<&str> {
        let is_planned = self.is_to_change() && self.packages.iter().all(|wanted| wanted.version.is_some());
        let names = self.packages.iter().filter(|_| is_planned);
        names.map(|wanted| wanted.name).collect()
    }

    /// Adds the result of a simulation of the installation.
    pub fn simulated(&mut self, simulated: Simulated) {
        let Some(at) = self.steps.iter().position(|planned| planned.step == Step::Packages) else { return };
        let planned = &mut self.steps[at];
        if let Some(why) = simulated.refusal {
            planned.state = StepState::Cannot;
            planned.detail = format!("apt cannot install the packages: {why}");
            planned.help =
                Some("run on the host, as root: apt-get update; apt-get --fix-broken install".to_owned());
        } else if !simulated.upgrades.is_empty() {
            planned.detail = format!("{}; upgrade {}", planned.detail, simulated.upgrades.join(", "));
        }
        self.upgrades = simulated.upgrades;
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
}
