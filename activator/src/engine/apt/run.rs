//! Carries out the transactions of apt before and after the change of a host.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nixfleet_contract::apt::declared::{DeclaredPackage, DeclaredPackages};
use nixfleet_contract::apt::plan::{AptPhase, AptPlan, Mark, PackageOperation};
use nixfleet_contract::apt::report::{AptReport, ChangedPackage};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::run::Notice;
use nixfleet_contract::values::PackageName;
use tracing::info;

use super::journal::{self, AptJournal};
use super::owned::OwnedPackages;
use super::plan::full_name;
use super::planning::activator;
use super::view::AptView;
use crate::host::Host;
use crate::host::apt::debconf;
use crate::host::apt::dpkg::HostPackages;
use crate::host::apt::lock::{self, PackageLockHolder};
use crate::host::apt::transaction::{self, AptCall, AptFailure};
use crate::host::transcript::Transcript;

/// The pause between two looks at the locks of apt and dpkg.
const PAUSE: Duration = Duration::from_millis(500);

/// The transactions of a plan of apt.
pub struct AptRun<'a> {
    /// The host.
    pub host: &'a Host,
    /// The declared packages.
    pub declared: &'a DeclaredPackages,
    /// The plan.
    pub plan: &'a AptPlan,
    /// The transcript to which the run reports that it waits, if the run has one.
    pub transcript: Option<Transcript>,
}

impl AptRun<'_> {
    /// Repairs, installs and upgrades packages, and sets their marks. The report has a problem if apt did not
    /// come to its end.
    ///
    /// # Errors
    /// Fails if nothing was changed: a lock was held for too long, a file could not be downloaded, or a
    /// record could not be read or written.
    pub fn before(&self, view: Option<&AptView>) -> Result<AptReport, Problem> {
        let options = view.map_or(&[][..], |view| &view.options);
        let activator = activator();
        let call = AptCall { activator: &activator, options };
        self.wait_for_locks()?;
        let installs = self.plan.in_phase(AptPhase::Before).next().is_some();
        if installs {
            call.download(self.plan).map_err(|failure| failure.problem())?;
        }
        let host = HostPackages::read()?;
        self.open(AptPhase::Before, self.plan.clone(), &host)?;
        if let Err(problem) = debconf::set(&self.plan.answers) {
            let mut report = self.close(&host, Ok(()))?;
            report.problem = Some(problem);
            return Ok(report);
        }
        // If dpkg cannot complete a package, apt may still be able to, since it installs dependencies too.
        let repaired = if self.plan.repairs.is_empty() { None } else { transaction::configure_all() };
        let mut ended = self.set_marks(&[Mark::Unhold]);
        if installs && ended.is_ok() {
            ended = call.install(self.plan);
        }
        let ended = ended.and_then(|()| self.mark_automatic());
        let ended = ended.and_then(|()| self.set_marks(&[Mark::Manual, Mark::Auto, Mark::Hold]));
        let mut report = self.close(&host, ended)?;
        let answered = self.plan.answers.iter().map(|it| format!("{} {}", it.package, it.question));
        report.answered = answered.collect();
        let is_left = self.plan.repairs.iter().any(|name| report.unfinished.contains(name));
        if let Some(why) = repaired.filter(|_| is_left && report.problem.is_none()) {
            report.problem = Some(AptFailure::Failed(why).problem());
        }
        Ok(report)
    }

    /// Removes packages, after the change of the host is committed. The report has a problem if apt did not
    /// come to its end.
    ///
    /// # Errors
    /// Fails if nothing was changed.
    pub fn after(&self) -> Result<AptReport, Problem> {
        let activator = activator();
        let call = AptCall { activator: &activator, options: &[] };
        self.wait_for_locks()?;
        let host = HostPackages::read()?;
        let mut ended = Ok(());
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

    /// Waits until no other program holds a lock of apt or dpkg.
    fn wait_for_locks(&self) -> Result<(), Problem> {
        let limit = self.declared.lock_timeout.unwrap_or(DeclaredPackages::LOCK_TIMEOUT);
        let deadline = Instant::now() + Duration::from_secs(limit);
        let mut told = None;
        while let Some(holder) = lock::holder() {
            if told.as_ref() != Some(&holder) {
                info!("waiting for {holder}, which uses apt or dpkg");
                self.report_wait(Some(&holder));
                told = Some(holder.clone());
            }
            if Instant::now() >= deadline {
                return Err(Problem::new(Code::Locked, "another program uses apt or dpkg")
                    .at(holder.path)
                    .because(format!("{holder} has held the lock for more than {limit} seconds"))
                    .help("wait until the program has ended, then apply again"));
            }
            thread::sleep(PAUSE);
        }
        if told.is_some() {
            self.report_wait(None);
        }
        Ok(())
    }

    /// Reports the process for which the run waits, or that it waits no longer. An error is ignored, since a
    /// client can safely miss this notice.
    fn report_wait(&self, holder: Option<&PackageLockHolder>) {
        if let Some(transcript) = &self.transcript {
            let holder = holder.map(PackageLockHolder::reported);
            let _ = transcript.say(&Notice::awaiting_apt(transcript.run().clone(), holder));
        }
    }

    /// Writes the records before dpkg may change anything.
    fn open(&self, phase: AptPhase, plan: AptPlan, host: &HostPackages) -> Result<(), Problem> {
        self.host.create_home()?;
        let owned = OwnedPackages::read(self.host)?;
        owned.with(&plan, host).write(self.host, &owned)?;
        let starts = self.declared.packages.iter().filter_map(|(name, package)| match package {
            DeclaredPackage::Present(present) => Some((name.clone(), present.start)),
            DeclaredPackage::Absent {} | DeclaredPackage::Purged {} => None,
        });
        let starts: BTreeMap<PackageName, _> =
            starts.filter(|(_, start)| *start != nixfleet_contract::apt::FirstStart::default()).collect();
        AptJournal { schema: AptJournal::SCHEMA, phase, plan, starts }.write(self.host)
    }

    /// Writes the records from the answer of dpkg, and makes the report.
    fn close(&self, before: &HostPackages, ended: Result<(), AptFailure>) -> Result<AptReport, Problem> {
        let after = HostPackages::read()?;
        let owned = OwnedPackages::read(self.host)?;
        owned.settled(&after).write(self.host, &owned)?;
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
        let host = HostPackages::read().map_err(|problem| AptFailure::Failed(problem.to_string()))?;
        transaction::mark("auto", automatic(self.plan, &host).iter())
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

/// Returns the installed packages of a plan that are automatic.
pub(super) fn automatic(plan: &AptPlan, host: &HostPackages) -> Vec<PackageName> {
    let manual = |name: &PackageName| {
        plan.marks.iter().any(|change| change.mark == Mark::Manual && change.package == *name)
    };
    let automatic = plan.in_phase(AptPhase::Before).filter(|package| package.automatic);
    let names = automatic.map(|package| full_name(host, &package.name, &package.architecture));
    names.filter(|name| host.installed(name).is_some() && !manual(name)).collect()
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
