//! The requirements that a host must meet before anything is installed.

use nixfleet_contract::fleet::{Base, Host};

use super::facts::{Daemon, Facts, OtherBootstrap};
use super::plan::BootstrapPlan;
use super::step::{Step, StepState};

/// The free space that Nix, its packages and a first closure need, in KiB.
const ROOM: u64 = 512 << 10;
/// The free inodes that Nix, its packages and a first closure need.
const INODES: u64 = 20_000;

impl BootstrapPlan {
    /// Checks the distribution, the architecture and systemd.
    pub(super) fn platform(&mut self, host: &Host, facts: &Facts) {
        let (step, name) = (Step::Platform, &host.name);
        let is_like = |word: &str| facts.like.split(' ').any(|like| like == word);
        let is_debian = ["debian", "ubuntu"].into_iter().any(|id| facts.distribution == id || is_like(id));
        let system = match facts.machine.as_str() {
            "x86_64" => Some("x86_64-linux"),
            "aarch64" => Some("aarch64-linux"),
            _ => None,
        };
        let release = if facts.release.is_empty() { "an unknown system" } else { &facts.release };
        if host.base == Base::Nixos || facts.distribution == "nixos" {
            self.cannot(
                step,
                "a bootstrap is for Ubuntu and Debian, and the host is a NixOS host",
                "NixOS has Nix already; declare the SSH user in its configuration, and apply",
            );
        } else if !is_debian {
            self.cannot(
                step,
                format!("the host runs {release}, which is neither Debian nor Ubuntu nor derived from them"),
                "install Debian or Ubuntu",
            );
        } else if facts.bits != "64" {
            self.cannot(
                step,
                format!("the system of the host is a {}-bit system ({})", facts.bits, facts.machine),
                "install a 64-bit system: NixFleet supports x86_64 and aarch64",
            );
        } else if system.is_none() {
            self.cannot(
                step,
                format!("the architecture {} is not supported", facts.machine),
                "NixFleet supports x86_64 and aarch64",
            );
        } else if system != Some(host.system.as_str()) {
            let system = system.unwrap_or_default();
            self.cannot(
                step,
                format!("the host is {system}, and the inventory says {}", host.system),
                format!("set hosts.{name}.system = \"{system}\";"),
            );
        } else if facts.systemd.is_none() {
            self.cannot(
                step,
                "systemd does not run this host",
                "boot the host with systemd; a container needs it as its first process",
            );
        } else if let OtherBootstrap::Running(owner) = &facts.other {
            self.cannot(
                step,
                format!("another bootstrap is changing the host, that of {owner}"),
                "wait until it has ended, then run the command again",
            );
        } else {
            self.add(step, StepState::Done, format!("{release}, {}", host.system));
        }
    }

    /// Checks the free space of a host that needs Nix.
    pub(super) fn space(&mut self, facts: &Facts) {
        if facts.nix.is_some() && facts.daemon == Daemon::Answers {
            return;
        }
        let tight = facts.spaces.iter().find(|space| {
            space.kib.is_some_and(|kib| kib < ROOM) || space.inodes.is_some_and(|inodes| inodes < INODES)
        });
        match tight {
            Some(space) => {
                let mib = |kib: u64| kib >> 10;
                let (free, inodes) =
                    (space.kib.map_or(0, mib), space.inodes.map(|n| format!(", {n} inodes")));
                let detail = format!("{} has only {free} MiB free{}", space.path, inodes.unwrap_or_default());
                let help = format!("free at least {} MiB and {INODES} inodes there", mib(ROOM));
                self.cannot(Step::Space, detail, help);
            }
            None => self.add(Step::Space, StepState::Done, format!("at least {} MiB free", ROOM >> 10)),
        }
    }

    /// Plans the end of the open change of another bootstrap. No step is done while the operator of that
    /// bootstrap may still be checking the host.
    pub(super) fn earlier(&mut self, facts: &Facts) {
        let OtherBootstrap::Unfinished(earlier) = &facts.other else { return };
        let (step, owner) = (Step::Record, &earlier.owner);
        if let Some(remaining) = earlier.remaining().filter(|_| self.is_to_change()) {
            let detail = format!("the bootstrap of {owner} has not ended, and may be checking the host");
            self.cannot(step, detail, earlier.help(remaining));
        } else {
            let detail = format!("complete the record of the bootstrap of {owner}, which has not ended");
            self.add(step, StepState::ToDo, detail);
            self.earlier = Some(earlier.id.clone());
        }
    }
}
