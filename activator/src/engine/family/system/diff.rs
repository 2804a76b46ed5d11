//! Plans which NixOS system the host runs and boots.

use nixfleet_contract::generation::GenerationInfo;
use nixfleet_contract::manifest::Manifest;
use nixfleet_contract::nixos::{EtcEntry, Loader, NixosSystem};
use nixfleet_contract::plan::Warning;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::system::{ActivateSystem, BootOnce, SetBootDefault};
use nixfleet_contract::step::{Step, SystemStep};
use nixfleet_contract::values::{AbsPath, ManagedPath};

use crate::engine::family::paths::drift::drift;
use crate::engine::observe::{Observed, PathState};
use crate::engine::plan::diff::Differ;
use crate::engine::state::{PendingBoot, Thing};
use crate::host::nixos::{self, Systems};

/// The steps that change the NixOS system, and the parts of the system that wait for a restart of the host.
#[derive(Debug, Default)]
pub(in crate::engine) struct SystemSteps {
    pub(in crate::engine) steps: Vec<Step>,
    /// The parts of the wanted system that take effect only when the host is restarted; empty if no restart
    /// is needed.
    pub(in crate::engine) awaits_boot: Vec<String>,
}

impl Differ<'_> {
    /// Plans the steps that change the NixOS system. Reports drift if another program has changed the system
    /// since the last transaction.
    pub(in crate::engine) fn system(&mut self) -> SystemSteps {
        let (Some(wanted), Some(found)) = (&self.manifest.nixos, &self.observed.nixos) else {
            return SystemSteps::default();
        };
        self.system_drift(found);
        let Some(running) = &found.running else {
            self.problems.push(
                Problem::new(Code::System, "the host does not tell which NixOS system runs")
                    .at(nixos::RUNNING)
                    .because("the link does not exist, or does not point at a system")
                    .help("boot the host, or activate a system by hand: nixos-rebuild test"),
            );
            return SystemSteps::default();
        };
        let mut planned = Vec::new();
        let activates = self.activates_system();
        self.etc_drift(activates);
        if activates {
            self.warn_of_foreign(wanted);
            planned.push(SystemStep::ActivateSystem(ActivateSystem {
                from: running.clone(),
                to: wanted.toplevel.clone(),
                timeout: wanted.activation_timeout,
            }));
        }
        let mut awaits: Vec<String> = wanted.needs_boot(&found.booted);
        if *running != wanted.toplevel {
            awaits.extend(wanted.inhibited(&found.inhibitors));
        }
        let default = found.default.as_ref().map(|generation| generation.closure.as_str());
        let pending = self.pending_boot(found);
        let is_other =
            || self.state.nixos.as_ref().is_some_and(|applied| applied.toplevel != wanted.toplevel);
        let is_default = default == Some(&*wanted.toplevel);
        if !is_default || (pending.is_some() && is_other()) {
            planned.extend(self.boot(wanted, found, &awaits, pending.map(|pending| pending.loader)));
        }
        self.warn_of_default(wanted, found, running);
        let steps: Vec<Step> = planned.into_iter().map(Step::System).collect();
        SystemSteps { steps, awaits_boot: awaits }
    }

    /// Reports declared files and links below `/etc` that somebody has changed by hand. NixOS makes them when
    /// it activates another system, so a plan without an activation leaves them as they are, and tells how to
    /// restore them.
    fn etc_drift(&mut self, activates: bool) {
        let observed = self.observed;
        for (path, entry) in &observed.declared.etc {
            let found = observed.found(path);
            if let PathState::Unreachable(problem) = found {
                self.warn(path, format!("cannot be compared: {problem}"));
                continue;
            }
            let Some(what) = drift(&thing(entry), found) else { continue };
            self.drifted(path, what.clone());
            if activates {
                self.warn(path, format!("{what}; the activation restores it and keeps no copy"));
            } else {
                let restore =
                    "to restore it, run `/run/current-system/bin/switch-to-configuration test` as root";
                self.excluded.push(Warning { subject: path.to_string(), what: format!("{what}; {restore}") });
            }
        }
    }

    /// Warns about objects that NixOS has not made and that the activation replaces, since they exist at
    /// declared paths below `/etc`. [`Self::etc_drift`] reports paths that are already declared.
    fn warn_of_foreign(&mut self, wanted: &NixosSystem) {
        let observed = self.observed;
        let new = |path: &&ManagedPath| !observed.declared.etc.contains_key(*path);
        for path in observed.foreign.iter().filter(new) {
            let (found, entry) = (observed.found(path), wanted.declared.etc.get(path));
            if entry.is_none_or(|entry| drift(&thing(entry), found).is_none()) {
                continue;
            }
            let what = match found {
                PathState::Missing => continue,
                PathState::File { .. } => "a file that NixOS has not made".to_owned(),
                PathState::Link { target } => format!("a link to {target} that NixOS has not made"),
                PathState::Other(special) => format!("{special} that NixOS has not made"),
                PathState::Directory { .. } => {
                    self.warn(path, "exists as a directory, which NixOS does not replace; remove it first");
                    continue;
                }
                PathState::Unreachable(problem) => {
                    self.warn(path, format!("cannot be compared: {problem}"));
                    continue;
                }
            };
            self.warn(path, format!("exists as {what}; the activation replaces it and keeps no copy"));
        }
    }

    /// Whether the change activates a NixOS system.
    pub(in crate::engine) fn activates_system(&self) -> bool {
        let (Some(wanted), Some(found)) = (&self.manifest.nixos, &self.observed.nixos) else { return false };
        let is_other = found.running.as_ref().is_some_and(|running| *running != wanted.toplevel);
        is_other && wanted.inhibited(&found.inhibitors).is_empty()
    }

    /// Plans the step that changes what the host boots, if one is needed. `awaits`: the parts of the wanted
    /// system that take effect only at a boot. `pending`: the boot loader, if the boot loader has been told
    /// to boot a system once and the host has not been restarted since.
    fn boot(
        &self,
        wanted: &NixosSystem,
        found: &Systems,
        awaits: &[String],
        pending: Option<Loader>,
    ) -> Option<SystemStep> {
        let to = wanted.toplevel.clone();
        let default = found.default.as_ref().and_then(|default| default.closure.parse::<AbsPath>().ok());
        match wanted.loader {
            // Without a boot default, there is no system to which the boot loader could return.
            Some(loader) if !awaits.is_empty() && default.as_ref().is_some_and(|default| *default != to) => {
                let told = pending.is_some()
                    && self.state.nixos.as_ref().is_some_and(|applied| applied.toplevel == to);
                (!told).then(|| SystemStep::BootOnce(BootOnce { to, loader, parts: awaits.to_vec() }))
            }
            Some(_) | None => Some(SystemStep::SetBootDefault(SetBootDefault {
                from: default,
                to,
                unconfirmed: awaits.to_vec(),
                forgets: pending,
            })),
        }
    }

    /// Returns the one-time boot that the boot loader was told to make, if the host has not been restarted
    /// since.
    fn pending_boot(&self, found: &Systems) -> Option<PendingBoot> {
        let pending = self.state.nixos.as_ref()?.boot_once.clone()?;
        (pending.boot_id == found.boot_id).then_some(pending)
    }

    /// Warns if the boot default is not the running system. After a crash during the change, the host would
    /// boot this other system.
    fn warn_of_default(&mut self, wanted: &NixosSystem, found: &Systems, running: &AbsPath) {
        let default = found.default.as_ref().map(|default| default.closure.clone());
        if let Some(default) = default.filter(|default| *default != **running && *running != wanted.toplevel)
        {
            let what = if default == *wanted.toplevel {
                "the boot default is the new system already: if the host crashes during the change, it boots \
                 the new system unconfirmed"
            } else {
                "the boot default is neither the running nor the new system: if the host crashes during the \
                 change, it boots the boot default"
            };
            self.warn(&default, what);
        }
    }

    fn system_drift(&mut self, found: &Systems) {
        let Some(applied) = &self.state.nixos else { return };
        let waits = self.pending_boot(found).is_some()
            || found.default.as_ref().is_some_and(|default| default.closure == *applied.toplevel);
        let applied = applied.toplevel.clone();
        let name = |system: Option<&str>| system.unwrap_or("none").to_owned();
        // A system with a different switch inhibitor runs only after the next boot. Until then, it is not
        // drift that the system does not run.
        let is_inhibited = self.manifest.nixos.as_ref().is_some_and(|wanted| {
            wanted.toplevel == applied && !wanted.inhibited(&found.inhibitors).is_empty()
        });
        if found.running.as_ref() != Some(&applied) && !(waits && is_inhibited) {
            let running = name(found.running.as_deref());
            let by = self.activated_by(found);
            self.drifted(&nixos::RUNNING, format!("{applied} → {running}{by}"));
        }
    }

    /// Describes, for people, how the host came to run another system than NixFleet activated. The text is
    /// empty if no system runs.
    fn activated_by(&self, found: &Systems) -> String {
        let Some(running) = &found.running else { return String::new() };
        let generations = &self.observed.profile.generations;
        let is_running = |info: &&GenerationInfo| info.external && info.generation.closure == **running;
        if let Some(info) = generations.iter().rev().find(is_running) {
            return format!(
                "; another tool, such as nixos-rebuild, made generation {}",
                info.generation.number
            );
        }
        let mut native = found.generations.iter().rev();
        match native.find(|generation| generation.closure == **running) {
            Some(generation) => {
                format!("; generation {} was booted or activated without NixFleet", generation.number)
            }
            None => "; another tool, such as `nixos-rebuild test`, activated this system".to_owned(),
        }
    }
}

/// Returns what NixOS makes at a declared path below `/etc`.
fn thing(entry: &EtcEntry) -> Thing {
    match entry.clone() {
        EtcEntry::File { sha256, access } => Thing::File { sha256, access, stat: None },
        EtcEntry::Link { target } => Thing::Link { target },
    }
}

/// Returns a problem if the manifest is for a host with another base than this host, such as `nixos` for a
/// host that runs Ubuntu.
pub(in crate::engine) fn other_base(manifest: &Manifest, observed: &Observed) -> Option<Problem> {
    let (declared, found, why) = match (manifest.nixos.is_some(), observed.nixos.is_some()) {
        (true, false) => ("nixos", "does not run", "the file does not exist on the host"),
        (false, true) => ("ubuntu", "runs", "the file exists on the host"),
        (true, true) | (false, false) => return None,
    };
    let what = format!("the host {found} NixOS, but its base is `{declared}`");
    let problem = Problem::new(Code::OtherBase, what)
        .at("/etc/NIXOS")
        .because(why)
        .help("correct hosts.<name>.base or hosts.<name>.addr in the inventory");
    Some(problem)
}
