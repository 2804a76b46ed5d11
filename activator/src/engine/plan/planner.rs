//! Reads everything that a plan depends on and makes the plan, without changing anything.

use nixfleet_contract::SCHEMA;
use nixfleet_contract::generation::GenerationInfo;
use nixfleet_contract::health::CheckChanges;
use nixfleet_contract::plan::{PackageChanges, Plan};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::Step;
use nixfleet_contract::values::AbsPath;
use sha2::{Digest as _, Sha256};

use crate::engine::apt::credentials;
use crate::engine::apt::release::releases;
use crate::engine::family::commands::run;
use crate::engine::family::units::bystanders;
use crate::engine::health;
use crate::engine::observe::{Observed, observe};
use crate::engine::plan::diff::{diff, package_changes};
use crate::engine::plan::preflight::obstacles;
use crate::engine::plan::programs;
use crate::engine::plan::target::Target;
use crate::engine::state::State;
use crate::host::{HOME, Host, transcript};

/// A plan, and the data that it was made from.
#[derive(Clone, Debug)]
pub struct PlannedTransaction {
    /// The plan.
    pub plan: Plan,
    /// The recorded state.
    pub state: State,
    /// The observed state of the host.
    pub observed: Observed,
    /// The NixOS system of the target; `None` if the base is not `nixos`.
    pub wanted_system: Option<AbsPath>,
    /// The problems of the plan that a package may solve that apt installs before the change.
    pub awaits_package: Vec<Problem>,
    /// Whether apt installs or completes a package before the change.
    pub awaits_apt: bool,
}

/// Plans the steps that bring a host to a target. The plan does not contain file contents;
/// [`crate::engine::plan::texts`] adds them.
///
/// # Errors
/// Fails if the state or the host cannot be read.
pub fn plan(host: &Host, target: &Target) -> Result<PlannedTransaction, Problem> {
    let (mut state, state_bytes) = State::read(host)?;
    let observed = observe(host, &state, &target.manifest, releases(host, target)?)?;
    state.forget_replaced(&observed.accounts);
    let diff = diff(&state, target.view(), &observed);
    let known = |problem: &&Problem| !diff.problems.contains(problem);
    let missing: Vec<Problem> = target.objections.missing.iter().filter(known).cloned().collect();
    let awaits_package = [diff.awaits_package, target.objections.missing.clone()].concat();
    let commands = run::foresee(host, target, diff.steps);
    let steps = commands.steps;
    let shells = programs::missing_shells(host, &target.manifest, &steps);
    let obstacles = obstacles(host, &steps);
    let (logins, unsafe_logins) = credentials::objections(host, target, &steps);
    let along = bystanders::warnings(host, &steps, &observed)?;
    let plan = Plan {
        schema: SCHEMA,
        host: target.manifest.host.clone(),
        fingerprint: fingerprint(&target.digest, &state_bytes, &steps)?,
        interrupted: None,
        current: observed.profile.current.clone(),
        current_revision: observed.profile.current.as_ref().and_then(|now| state.made(now.number).revision),
        target: target.closure.clone(),
        packages: package_changes(&state.packages, &target.manifest.packages),
        check_changes: health::changes(&state, target),
        apt: None,
        steps,
        drift: diff.drift,
        problems: other_host(&state, target)
            .into_iter()
            .chain(diff.problems)
            .chain(target.objections.refused.clone())
            .chain(missing.iter().cloned())
            .chain(obstacles)
            .chain(home_objection(host))
            .chain(volatile_home(host, target))
            .chain(health::objections(host, target))
            .chain(commands.problems)
            .chain(logins)
            .collect(),
        excluded: diff.excluded,
        warnings: diff
            .warnings
            .into_iter()
            .chain(along)
            .chain(commands.warnings)
            .chain(shells)
            .chain(unsafe_logins)
            .collect(),
        awaits_boot: diff.awaits_boot,
        system: None,
        dry_activation: Vec::new(),
        lacks: Vec::new(),
        unvalidated: false,
        health_checks: None,
        back_to: target.number.and_then(|number| back_to(number, &state, &observed)),
        applied_as: target.number.and(Some(state.host.clone())).filter(|host| !host.is_empty()),
    };
    let wanted_system = target.manifest.nixos.as_ref().map(|system| system.toplevel.clone());
    Ok(PlannedTransaction { plan, state, observed, wanted_system, awaits_package, awaits_apt: false })
}

impl PlannedTransaction {
    /// Whether the host runs another NixOS system than the system of the target, and the plan does not
    /// activate the system of the target, which has to wait for a boot.
    #[must_use]
    pub fn waits_to_activate(&self) -> bool {
        self.wanted_system.is_some() && !self.runs_wanted_system() && self.plan.activation().is_none()
    }

    /// Whether the host runs the NixOS system of the target.
    #[must_use]
    pub fn runs_wanted_system(&self) -> bool {
        let runs = self.observed.nixos.as_ref().and_then(|systems| systems.running.as_ref());
        runs.is_some() && runs == self.wanted_system.as_ref()
    }
}

/// Returns the recorded facts about a generation of the host.
fn back_to(number: u64, state: &State, observed: &Observed) -> Option<GenerationInfo> {
    let mut generations = observed.profile.generations.iter();
    let info = generations.find(|info| info.generation.number == number)?;
    Some(GenerationInfo { made: state.made(number), ..info.clone() })
}

/// Returns a problem if the host was last applied under another name, since the addresses of two hosts may
/// have been swapped in the inventory. A rollback is not checked, because its target is a generation of this
/// host.
fn other_host(state: &State, target: &Target) -> Option<Problem> {
    let (last, now) = (&state.host, &target.manifest.host);
    if target.number.is_some() || last.is_empty() || last == now {
        return None;
    }
    Some(
        Problem::new(
            Code::OtherHost,
            format!("the last apply called this host {last}, not {now}"),
        )
        .at(format!("{HOME}/state.json"))
        .because("the addresses of two hosts may have been swapped in the inventory")
        .help(format!(
            "correct hosts.{now}.addr in the inventory; or, if the host was renamed, add `--force host-name` to the \
             command, with exactly these words"
        )),
    )
}

/// Returns a problem if users other than root could write to the directory of NixFleet's state or to the
/// directory of the transcripts of runs.
pub(in crate::engine) fn home_objection(host: &Host) -> Option<Problem> {
    [HOME, transcript::DIRECTORY].into_iter().find_map(|directory| host.is_of_root_alone(directory).err())
}

/// Returns a problem if the state of NixFleet on a NixOS host is in memory and would be lost at the next
/// boot, although the Nix store is on disk.
fn volatile_home(host: &Host, target: &Target) -> Option<Problem> {
    /// The types of filesystems in memory, from linux/magic.h: tmpfs and ramfs.
    const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
    let nixos = target.manifest.nixos.as_ref().filter(|_| host.is_machine());
    let is_in_memory = |path: &str| {
        let found = rustix::fs::statfs(host.path(path)).ok()?;
        Some(IN_MEMORY.contains(&u64::try_from(found.f_type).ok()?))
    };
    let home = [HOME, "/var/lib", "/var", "/"].into_iter().find_map(is_in_memory);
    (nixos.is_some() && home == Some(true) && is_in_memory("/nix/var/nix") == Some(false)).then(|| {
        Problem::new(Code::UnsafePath, "the host would lose the state of NixFleet at its next boot")
            .at(HOME)
            .because("the directory is in memory")
            .help(format!("make {HOME} persistent, as a bind mount or with the module `impermanence`"))
    })
}

/// Returns a plan without steps for a host that cannot be read. `problem` is the reason.
#[must_use]
pub fn refused(target: &Target, problem: Problem) -> Plan {
    Plan {
        schema: SCHEMA,
        host: target.manifest.host.clone(),
        fingerprint: String::new(),
        interrupted: None,
        current: None,
        current_revision: None,
        target: target.closure.clone(),
        packages: PackageChanges::default(),
        check_changes: CheckChanges::default(),
        apt: None,
        steps: Vec::new(),
        drift: Vec::new(),
        problems: vec![problem],
        excluded: Vec::new(),
        warnings: Vec::new(),
        awaits_boot: Vec::new(),
        system: None,
        dry_activation: Vec::new(),
        lacks: Vec::new(),
        unvalidated: false,
        health_checks: None,
        back_to: None,
        applied_as: None,
    }
}

/// Computes the fingerprint of a plan from the digest of its manifest, the state and the steps. The steps
/// contain the digests of file contents.
pub(in crate::engine) fn fingerprint(
    manifest: &str,
    state: &[u8],
    steps: &[Step],
) -> Result<String, Problem> {
    let steps = serde_json::to_vec(steps).map_err(|error| {
        Problem::new(Code::BadAnswer, "the plan cannot be encoded as JSON").because(error)
    })?;
    let mut hasher = Sha256::new();
    for part in [manifest.as_bytes(), state, &steps] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Ok(hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat())
}
