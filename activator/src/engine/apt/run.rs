//! Carries out the transactions of apt before and after the change of a host.

use std::collections::BTreeMap;
use std::path::Path;

use nixfleet_contract::apt::FirstStart;
use nixfleet_contract::apt::declared::{DeclaredPackage, DeclaredPackages};
use nixfleet_contract::apt::plan::{AptPhase, AptPlan, Mark, PackageChange, PackageOperation};
use nixfleet_contract::apt::report::{AptReport, ChangedPackage};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::PackageName;
use tracing::warn;

use super::held_units;
use super::journal::{self, AptJournal};
use super::owned::OwnedPackages;
use super::plan::full_name;
use super::planning::activator;
use super::ran_before::RanBefore;
use super::view::AptView;
use super::waiting::wait_for_locks;
use crate::host::Host;
use crate::host::apt::debconf;
use crate::host::apt::dpkg::HostPackages;
use crate::host::apt::transaction::{self, AptCall, AptFailure};
use crate::host::transcript::Transcript;

/// The transactions of a plan of apt.
pub struct AptRun<'a> {
    /// The host.
    pub host: &'a Host,
    /// The declared packages.
    pub declared: &'a DeclaredPackages,
    /// The plan.
    pub plan: &'a AptPlan,
    /// The files of an update of the operating system, in the order of its packages; `None` for an apply,
    /// which takes the files from the package sources.
    pub update: Option<&'a [String]>,
    /// The transcript to which the run reports that it waits, if the run has one.
    pub transcript: Option<Transcript>,
}

impl AptRun<'_> {
    /// Repairs, installs and upgrades packages, and sets their marks. The report has a problem if apt did not
    /// finish. Also returns the packages of others that are not completely installed. `ran_before`: the units
    /// to start again if a run is killed while dpkg may change packages.
    ///
    /// # Errors
    /// Fails if nothing was changed: a lock was held for too long, a file could not be downloaded, or a
    /// record could not be read or written.
    pub fn before(
        &self,
        view: Option<&AptView>,
        ran_before: &RanBefore,
    ) -> Result<(AptReport, Vec<PackageName>), Problem> {
        let options = view.map_or(&[][..], |view| &view.options);
        let activator = activator();
        let call = AptCall { activator: &activator, options };
        wait_for_locks(self.declared, self.transcript.as_ref())?;
        let installs = self.plan.in_phase(AptPhase::Before).next().is_some();
        if installs && self.update.is_none() {
            call.download(self.plan, &|| false)?;
            // A download may take long, and another program may have started meanwhile.
            wait_for_locks(self.declared, self.transcript.as_ref())?;
        }
        let host = HostPackages::read()?;
        if let Some(problem) = outdated(self.plan, &host) {
            return Err(problem);
        }
        self.host.create_home()?;
        ran_before.write(self.host)?;
        self.open(AptPhase::Before, self.plan.clone(), &host)?;
        if let Err(problem) = debconf::set(&self.plan.answers) {
            let mut report = self.close(&host, Ok(()))?;
            report.problem = Some(problem);
            return Ok((report, Vec::new()));
        }
        // If dpkg cannot complete a package, apt may still be able to, since it installs dependencies too.
        let repaired = if self.plan.repairs.is_empty() { None } else { transaction::configure_all() };
        let mut ended = self.set_marks(&[Mark::Unhold]);
        if installs && ended.is_ok() {
            let installed = match self.update {
                Some(files) => call.install_files(self.plan, files),
                None => call.install(self.plan),
            };
            ended = installed.or_else(|failure| self.without_others(failure));
        }
        // apt has marked the packages as manual even if dpkg has failed.
        let marked = self.mark_automatic();
        let ended = ended.and(marked);
        let ended = ended.and_then(|()| self.set_marks(&[Mark::Manual, Mark::Auto, Mark::Hold]));
        if ended.is_err() {
            // If the plan fails, restore the holds that it ended.
            let unheld = self.plan.marks.iter().filter(|change| change.mark == Mark::Unhold);
            let _ = transaction::mark("hold", unheld.map(|change| &change.package));
        }
        let mut report = self.close(&host, ended)?;
        let answered = self.plan.answers.iter().map(|it| format!("{} {}", it.package, it.question));
        report.answered = answered.collect();
        let (ours, of_others) = report.unfinished.into_iter().partition(|name| self.concerns(name));
        report.unfinished = ours;
        let is_left = self.plan.repairs.iter().any(|name| report.unfinished.contains(name));
        if let Some(why) = repaired.filter(|_| is_left && report.problem.is_none()) {
            report.problem = Some(AptFailure::Failed(why).problem());
        }
        Ok((report, of_others))
    }

    /// Removes packages, after the change of the host is committed. The report has a problem if apt did not
    /// finish. `ran_before`: as for [`Self::before`].
    ///
    /// # Errors
    /// Fails if nothing was changed.
    pub fn after(&self, ran_before: &RanBefore) -> Result<AptReport, Problem> {
        let activator = activator();
        let call = AptCall { activator: &activator, options: &[] };
        wait_for_locks(self.declared, self.transcript.as_ref())?;
        let host = HostPackages::read()?;
        ran_before.write(self.host)?;
        let mut ended = Ok(());
        if self.plan.in_phase(AptPhase::After).any(|change| !is_finished(&host, change)) {
            ended = transaction::merge_interrupted();
        }
        for verb in ["remove", "purge"] {
            let mut part = self.plan.clone();
            part.packages.retain(|package| {
                let purges = matches!(package.change, PackageOperation::Purge { .. });
                package.phase == AptPhase::After && purges == (verb == "purge")
            });
            if ended.is_ok() && !part.packages.is_empty() {
                self.open(AptPhase::After, part.clone(), &host)?;
                ended = call.remove(verb, &part);
            }
        }
        self.close(&host, ended)
    }

    /// Whether a package matters for the declaration. Any other package belongs to somebody else.
    fn concerns(&self, name: &PackageName) -> bool {
        if self.update.is_some() && self.plan.repairs.contains(name) {
            return true;
        }
        // If the record cannot be read, each package may be owned.
        OwnedPackages::read(self.host).map_or(true, |owned| concerns(&owned, self.declared, self.plan, name))
    }

    /// Ignores a failure if apt has carried out the whole plan. apt also tries to complete the packages of
    /// others, and fails if it cannot.
    fn without_others(&self, failure: AptFailure) -> Result<(), AptFailure> {
        let AptFailure::Failed(why) = &failure else { return Err(failure) };
        let Ok(host) = HostPackages::read() else { return Err(failure) };
        let is_complete = |name: &PackageName| !self.concerns(name);
        if !is_reached(self.plan, &host) || !host.unfinished().iter().all(is_complete) {
            return Err(failure);
        }
        warn!("apt could not complete a package that is not declared: {why}");
        Ok(())
    }

    /// Writes the records before dpkg may change anything.
    fn open(&self, phase: AptPhase, plan: AptPlan, host: &HostPackages) -> Result<(), Problem> {
        let owned = OwnedPackages::read(self.host)?;
        owned.with_marks(&plan, host).without_dependencies(&plan, host).write(self.host, &owned)?;
        let starts = self.declared.packages.iter().filter_map(|(name, package)| match package {
            DeclaredPackage::Present(present) => Some((name.clone(), present.start)),
            DeclaredPackage::Absent {} | DeclaredPackage::Purged {} => None,
        });
        let starts: BTreeMap<PackageName, _> =
            starts.filter(|(_, start)| *start != FirstStart::default()).collect();
        let is_update = self.update.is_some();
        AptJournal { schema: AptJournal::SCHEMA, phase, plan, starts, is_update }.write(self.host)
    }

    /// Writes the records from the answer of dpkg, and makes the report.
    fn close(&self, before: &HostPackages, ended: Result<(), AptFailure>) -> Result<AptReport, Problem> {
        let after = HostPackages::read()?;
        let owned = OwnedPackages::read(self.host)?;
        owned.settled(&after).write(self.host, &owned)?;
        held_units::forget_removed(self.host, |package| after.is_on_host(package))?;
        self.host.remove_record(journal::RECORD)?;
        Ok(AptReport {
            fingerprint: self.plan.fingerprint.clone(),
            changed: changed(before, &after),
            answered: Vec::new(),
            unfinished: after.unfinished(),
            set_aside: set_aside(self.host, self.plan),
            problem: ended.err().map(|failure| failure.problem()),
        })
    }

    /// Marks packages as automatic again. apt marks each package as manual that it is asked for.
    fn mark_automatic(&self) -> Result<(), AptFailure> {
        let failed = |problem: Problem| AptFailure::Failed(problem.to_string());
        let host = HostPackages::read().map_err(failed)?;
        let owned = OwnedPackages::read(self.host).map_err(failed)?;
        let owned = self.update.is_none().then_some(&owned);
        transaction::mark("auto", automatic(self.plan, &host, owned).iter())
    }

    fn set_marks(&self, marks: &[Mark]) -> Result<(), AptFailure> {
        for mark in marks {
            let word = match mark {
                Mark::Manual => "manual",
                Mark::Auto => "auto",
                Mark::Hold => "hold",
                Mark::Unhold => "unhold",
            };
            let changes = self.plan.marks.iter().filter(|change| change.mark == *mark);
            transaction::mark(word, changes.map(|change| &change.package))?;
        }
        Ok(())
    }
}

/// Whether a package matters for a declaration: the plan changes it, the declaration names it, or NixFleet
/// owns it.
pub(super) fn concerns(
    owned: &OwnedPackages,
    declared: &DeclaredPackages,
    plan: &AptPlan,
    name: &PackageName,
) -> bool {
    let planned = || plan.packages.iter().any(|change| &*change.name == name.plain());
    planned() || declared.packages.contains_key(name) || owned.installed.contains(name)
}

/// Returns a problem if another program has changed a package since the plan was made.
fn outdated(plan: &AptPlan, host: &HostPackages) -> Option<Problem> {
    let changed = plan.in_phase(AptPhase::Before).find(|change| {
        let name = full_name(host, &change.name, &change.architecture);
        let version = host.packages.get(&name).and_then(|package| package.version.as_ref());
        match &change.change {
            PackageOperation::Install { .. } => host.installed(&name).is_some(),
            PackageOperation::Upgrade { from, .. }
            | PackageOperation::Downgrade { from, .. }
            | PackageOperation::Remove { from } => version != Some(from),
            PackageOperation::Reinstall { to } => version != Some(&to.version),
            PackageOperation::Purge { from } => from.is_some() && version != from.as_ref(),
        }
    })?;
    Some(
        Problem::new(Code::PlanOutdated, "the packages of the host changed after the plan")
            .because(format!("another program has installed, changed or removed {}", changed.name))
            .help("plan again, then apply the new plan"),
    )
}

/// Whether the installation or removal of a package that a plan changes is complete.
fn is_finished(host: &HostPackages, change: &PackageChange) -> bool {
    !host.unfinished().contains(&full_name(host, &change.name, &change.architecture))
}

/// Whether all packages have the versions that a plan gives them before the change of the host.
fn is_reached(plan: &AptPlan, host: &HostPackages) -> bool {
    plan.in_phase(AptPhase::Before).all(|change| {
        let name = full_name(host, &change.name, &change.architecture);
        host.installed(&name) == change.change.to().map(|offer| &offer.version)
    })
}

/// Returns the packages of a plan that are on the host and are automatic. `owned`: the record of the packages
/// that the plan of an apply has installed; a new package that is not in it was installed by somebody else in
/// the meantime. An update owns no package.
pub(super) fn automatic(
    plan: &AptPlan,
    host: &HostPackages,
    owned: Option<&OwnedPackages>,
) -> Vec<PackageName> {
    let manual = |name: &PackageName| {
        plan.marks.iter().any(|change| change.mark == Mark::Manual && change.package == *name)
    };
    let automatic = plan.in_phase(AptPhase::Before).filter(|package| package.automatic);
    let names = automatic.filter_map(|package| {
        let name = full_name(host, &package.name, &package.architecture);
        let is_new = matches!(package.change, PackageOperation::Install { .. });
        (!is_new || owned.is_none_or(|owned| owned.installed.contains(&name))).then_some(name)
    });
    // A package that dpkg has only unpacked so far has its mark already.
    names.filter(|name| host.is_on_host(name) && !manual(name)).collect()
}

/// Returns the packages whose installed versions differ.
fn changed(before: &HostPackages, after: &HostPackages) -> Vec<ChangedPackage> {
    let names = before.packages.keys().chain(after.packages.keys());
    let names: std::collections::BTreeSet<&PackageName> = names.collect();
    let changed = names.into_iter().filter_map(|name| {
        let (was, is) = (before.installed(name), after.installed(name));
        let architecture = name.architecture().unwrap_or(&after.architecture).to_owned();
        let plain = name.plain().parse().ok()?;
        let (before, after) = (was.cloned(), is.cloned());
        (was != is).then_some(ChangedPackage { name: plain, architecture, before, after })
    });
    changed.collect()
}

/// Returns the files that dpkg left beside configuration files of the changed packages.
fn set_aside(host: &Host, plan: &AptPlan) -> Vec<String> {
    let lists = plan.packages.iter().flat_map(|package| {
        let short = format!("/var/lib/dpkg/info/{}.conffiles", package.name);
        let full = format!("/var/lib/dpkg/info/{}:{}.conffiles", package.name, package.architecture);
        [short, full].into_iter().filter_map(|path| std::fs::read_to_string(host.path(&path)).ok())
    });
    let files: Vec<String> =
        lists.flat_map(|list| list.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let asides = files.iter().flat_map(|file| [format!("{file}.dpkg-dist"), format!("{file}.dpkg-new")]);
    asides.filter(|path| Path::new(&host.path(path)).exists()).collect()
}
