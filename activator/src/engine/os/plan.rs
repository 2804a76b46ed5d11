//! The plan of an update of the operating system. Nothing changes but the lists of apt and the record of the
//! updates that are offered.

use std::collections::BTreeSet;

use nixfleet_contract::apt::declared::DeclaredPackages;
use nixfleet_contract::apt::plan::{AptPlan, PackageChange};
use nixfleet_contract::generation::Generation;
use nixfleet_contract::os::update::{UpdatePlan, UpdateScope};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::PackageName;
use tracing::warn;

use super::offers::{Offers, UpdateQuestion};
use super::{reboot_need, record};
use crate::engine::apt::owned::OwnedPackages;
use crate::engine::apt::plan::AptFacts;
use crate::engine::apt::planning::activator;
use crate::engine::apt::waiting::wait_for_locks;
use crate::engine::apt::{self, space, units};
use crate::engine::plan::target::TargetClosure;
use crate::engine::state::State;
use crate::engine::transaction::journal;
use crate::host::apt::dpkg::HostPackages;
use crate::host::apt::offers::offered;
use crate::host::apt::{hook, transaction};
use crate::host::lock::{self, Lock};
use crate::host::{Host, client, nixos};

/// The packages and holds that the manifest in force declares.
#[derive(Clone, Debug, Default)]
pub struct InForce {
    /// The name of the host; empty if the host is not managed yet.
    pub host: String,
    /// The generation in force.
    pub current: Option<Generation>,
    /// The declared packages and holds.
    pub declared: DeclaredPackages,
}

impl InForce {
    /// Reads the manifest in force. A host that is not managed yet declares nothing.
    ///
    /// # Errors
    /// The state or the manifest cannot be read, so it is not known what is held.
    pub fn read(host: &Host) -> Result<Self, Problem> {
        let (state, _) = State::read(host)?;
        let Some(closure) = state.closure else { return Ok(Self::default()) };
        let target = TargetClosure::of_closure(&closure)?.open()?.on(host);
        let current = state.generation.map(|number| Generation { number, closure });
        Ok(Self { host: state.host, current, declared: target.manifest.apt.unwrap_or_default() })
    }
}

/// Plans an update. `refresh`: whether apt fetches the lists of its sources first. A reason why the update
/// cannot be planned is a problem of the plan.
#[must_use]
pub fn plan(host: &Host, scope: UpdateScope, refresh: bool) -> UpdatePlan {
    let in_force = InForce::read(host);
    let (name, current) = match &in_force {
        Ok(in_force) => (in_force.host.clone(), in_force.current.clone()),
        Err(_) => (String::new(), None),
    };
    let refreshed = record::refreshed(host, &record::read(host));
    let mut plan = UpdatePlan { current, ..UpdatePlan::nothing(name, scope, refreshed) };
    let made = Lock::objection(host).map_or(Ok(()), Err).and(in_force).and_then(|in_force| {
        plan.interrupted = journal::interrupted(host).or_else(|| apt::recover::interrupted(host));
        fill(host, &in_force.declared, refresh, &mut plan)
    });
    if let Err(problem) = made {
        plan.apt.problems.push(problem);
    }
    plan
}

fn fill(
    host: &Host,
    declared: &DeclaredPackages,
    refresh: bool,
    plan: &mut UpdatePlan,
) -> Result<(), Problem> {
    check_base(host)?;
    wait_for_locks(declared, None)?;
    let mut record = record::read(host);
    if refresh {
        transaction::update(&[], &client::has_left)?;
        record.refreshed = Some(crate::host::clock::seconds());
    }
    plan.refreshed = record::refreshed(host, &record);
    let packages = HostPackages::read()?;
    plan.reboot = reboot_need::reasons(host, Some(&packages), None);
    let activator = activator();
    let offers = UpdateQuestion { host, packages: &packages, declared, activator: &activator }.ask()?;
    plan.held = offers.held(plan.scope)?;
    plan.apt = transaction_of(host, declared, &packages, (&offers, plan.scope))?;
    let changes = plan.apt.packages.iter();
    let expected = changes.map(|package| &package.name).filter(|name| reboot_need::is_expected(name));
    plan.reboot_expected = expected.cloned().collect::<BTreeSet<PackageName>>().into_iter().collect();
    remember(host, &offers, &packages, plan.refreshed);
    Ok(())
}

/// Refuses a host without apt.
///
/// # Errors
/// [`Code::OtherBase`] on NixOS, or [`Code::Packages`] for a directory.
pub fn check_base(host: &Host) -> Result<(), Problem> {
    if nixos::is_nixos(host) {
        return Err(Problem::new(
            Code::OtherBase,
            "the operating system of a NixOS host is not updated alone",
        )
        .because("its packages come from the flake")
        .help(
            "update the input `nixpkgs` of the flake (`nix flake update nixpkgs`), then run `nixfleet apply`",
        ));
    }
    if !host.is_machine() {
        return Err(Problem::new(Code::Packages, "packages of apt cannot be updated in a directory")
            .help("run the command on the host itself"));
    }
    Ok(())
}

/// Returns the transaction of a scope as a plan of apt.
fn transaction_of(
    host: &Host,
    declared: &DeclaredPackages,
    packages: &HostPackages,
    (offers, scope): (&Offers, UpdateScope),
) -> Result<AptPlan, Problem> {
    let before = offers.transaction(scope);
    let version = |package: &hook::TransactionPackage| {
        let install = package.versions.install.as_ref()?;
        Some(format!("{}:{}={}", package.name, package.architecture, install.version))
    };
    let versions: Vec<String> = before.packages.iter().filter_map(version).collect();
    let files = offered(&versions, &[])?;
    let owned = OwnedPackages::read(host)?;
    let kernel = reboot_need::running_kernel(host);
    let after = hook::AptTransaction::default();
    let mut plan = apt::plan::plan(&AptFacts {
        declared,
        host: packages,
        owned: &owned,
        before,
        after: &after,
        files: &files,
        answers: &[],
        kernel: &kernel,
        is_update: true,
    })?;
    plan.space = space::needs(&plan.packages)?;
    plan.running = units::running(host, &plan.packages, packages)?;
    let full = space::objections(&plan.space);
    plan.problems.extend(full);
    Ok(plan)
}

/// Records the updates that are offered. If another run holds the lock, the record stays as it is: it is only
/// for reports.
fn remember(host: &Host, offers: &Offers, packages: &HostPackages, refreshed: u64) {
    let write = || {
        let _lock = Lock::take(host, &lock::this_process("root@localhost", "os-plan"))?;
        record::write(host, &record::with_offers(record::read(host), offers, packages, refreshed))
    };
    if let Err(problem) = write() {
        warn!("the updates that are offered were not recorded: {}", problem.what);
    }
}

/// Returns a problem if a plan changes a package that the declaration holds by now.
#[must_use]
pub fn held_since(declared: &DeclaredPackages, plan: &AptPlan) -> Option<Problem> {
    let held = |package: &&PackageChange| declared.holds(&package.name);
    let package = plan.packages.iter().find(held)?;
    Some(
        Problem::new(Code::PlanOutdated, "the update changes a package that is held by now")
            .because(format!("the inventory holds {} since the update was planned", package.name))
            .help("run `nixfleet os-update` again, which plans and downloads the update again"),
    )
}
