//! The updates that apt offers to this machine, from its own answers. Nothing changes.
//!
//! apt decides which packages it would update. An update of the whole host is `apt-get upgrade
//! --with-new-pkgs`, which removes nothing. For the security updates, the same question is asked with
//! priorities that prefer their releases. Only the packages that would come from such a release are then
//! asked for, so their dependencies are the only other packages.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::apt::declared::{DeclaredPackage, DeclaredPackages};
use nixfleet_contract::apt::plan::SourceRelease;
use nixfleet_contract::os::update::{HeldReason, HeldUpdate, UpdateScope};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::{Invalid, PackageName, PackageVersion, VersionPattern};

use super::preferences::Preferences;
use crate::engine::apt::ask;
use crate::engine::apt::plan::{full_name, release};
use crate::host::Host;
use crate::host::apt::dpkg::{HostPackages, upgradable};
use crate::host::apt::hook::{AptTransaction, TransactionMode, TransactionPackage};
use crate::host::apt::offers::offered;
use crate::host::apt::simulation::{AptRequest, FIX_BROKEN};

/// Our waves are the phases of an update, so apt must not phase it too.
const UNPHASED: &str = "APT::Get::Always-Include-Phased-Updates=true";
/// The option with which apt refuses each removal.
const NO_REMOVAL: &str = "APT::Get::Remove=false";
/// The option with which apt treats held packages like others.
const IGNORE_HOLDS: &str = "APT::Ignore-Hold=true";
/// The largest number of packages whose reason to be kept back is asked for, each with a simulation.
const ASKED: usize = 16;
/// How often apt is asked again because a package that must stay would change.
const ROUNDS: usize = 5;

/// The updates that apt offers.
#[derive(Clone, Debug, Default)]
pub struct Offers {
    /// The transaction with all updates.
    pub full: AptTransaction,
    /// The transaction with the security updates and what they need.
    pub security: AptTransaction,
    /// The names of the packages that get a security update.
    pub secured: BTreeSet<PackageName>,
    /// The updates that are in neither transaction.
    pub kept: Vec<HeldUpdate>,
}

/// An update that apt offers: the new version, and the release that offers it.
pub type Offered = (PackageVersion, SourceRelease);

/// The question to apt.
pub struct UpdateQuestion<'a> {
    /// The host.
    pub host: &'a Host,
    /// The packages of the host.
    pub packages: &'a HostPackages,
    /// The declared packages, whose holds and versions stay.
    pub declared: &'a DeclaredPackages,
    /// The path of this program, which apt starts as a hook.
    pub activator: &'a str,
}

impl UpdateQuestion<'_> {
    /// Asks apt.
    ///
    /// # Errors
    /// Fails with [`Code::Packages`] if apt does not answer, or cannot update the packages.
    pub fn ask(&self) -> Result<Offers, Problem> {
        let upgradable = upgradable(&self.packages.architecture, &[UNPHASED.to_owned()])?;
        // Without updates, apt may still have to complete packages.
        if upgradable.is_empty() && self.packages.unfinished().is_empty() {
            return Ok(Offers::default());
        }
        let (full, _) = self.upgrade(false)?;
        let (security, secured) = self.security()?;
        let names = |transaction: &AptTransaction| -> BTreeSet<PackageName> {
            transaction.packages.iter().filter(|it| is_update(it)).filter_map(|it| self.name(it)).collect()
        };
        let planned = &names(&full) | &names(&security);
        let left: Vec<PackageName> = upgradable.difference(&planned).cloned().collect();
        Ok(Offers { kept: self.reasons(&left)?, full, security, secured })
    }

    /// Returns the transaction of an upgrade, and the options for which it was asked. Packages that must stay
    /// keep their version.
    fn upgrade(&self, security: bool) -> Result<(AptTransaction, Asked), Problem> {
        let mut kept = BTreeMap::new();
        for _ in 0..ROUNDS {
            let preferences = Preferences::of(self.host, security, &kept)?;
            let mut options = self.options();
            options.push(preferences.option());
            let found = request("upgrade", &[], &options).simulate(self.activator)?;
            let stays =
                found.packages.iter().filter(|package| self.must_stay(package)).filter_map(|package| {
                    Some((self.name(package)?, package.versions.current.as_ref()?.version.parse().ok()?))
                });
            let before = kept.len();
            kept.extend(stays);
            if kept.len() == before {
                return Ok((found, Asked { options, _preferences: preferences }));
            }
        }
        Err(Problem::new(Code::Packages, "apt cannot update the packages of the host")
            .because("packages that are held by the inventory would change"))
    }

    /// Returns the transaction of the security updates, and their packages.
    fn security(&self) -> Result<(AptTransaction, BTreeSet<PackageName>), Problem> {
        let (mut raised, asked) = self.upgrade(true)?;
        raised.packages.retain(|package| is_update(package) && is_security(package));
        let secured = raised.packages.iter().filter_map(|package| self.name(package)).collect();
        if raised.packages.is_empty() {
            return Ok((raised, secured));
        }
        let exact = ask::exactly(&raised);
        let mut options = asked.options;
        options.push(NO_REMOVAL.to_owned());
        let request = AptRequest { options, recommends: None, ..exact };
        let mut found = request.simulate(self.activator)?;
        // apt treats each package that a request names as manual.
        for package in &mut found.packages {
            let installed = self.name(package).and_then(|name| self.packages.packages.get(&name).cloned());
            if let Some(installed) = installed.filter(|_| is_update(package)) {
                package.automatic = installed.is_automatic;
            }
        }
        Ok((found, secured))
    }

    /// Returns each package that apt would not update, with the reason.
    fn reasons(&self, left: &[PackageName]) -> Result<Vec<HeldUpdate>, Problem> {
        let names: Vec<String> = left.iter().map(ToString::to_string).collect();
        let files = offered(&names, &[UNPHASED.to_owned()])?;
        let version = |name: &PackageName| {
            files.keys().find(|(package, _)| package == name.plain()).map(|(_, version)| version.as_str())
        };
        let is_held = |name: &PackageName| self.packages.packages.get(name).is_some_and(|it| it.is_held);
        let by_policy =
            |name: &PackageName| version(name).is_some_and(|version| self.is_kept_by_policy(name, version));
        let mut unheld = AptTransaction::default();
        if left.iter().any(|name| is_held(name) || by_policy(name)) {
            let options = [self.options(), vec![IGNORE_HOLDS.to_owned()]].concat();
            unheld = request("upgrade", &[], &options).simulate(self.activator)?;
        }
        let mut found = Vec::new();
        for (index, name) in left.iter().enumerate() {
            let (Some(from), Some(to)) = (self.version(name), version(name)) else { continue };
            let in_unheld = offer_of(&unheld, name, &self.packages.architecture);
            let (why, release) = if by_policy(name) {
                (HeldReason::HeldByPolicy, in_unheld)
            } else if is_held(name) {
                (HeldReason::HeldOnHost, in_unheld)
            } else if in_unheld.is_none() && index < ASKED {
                self.reason(name, to)
            } else {
                (HeldReason::KeptBack, in_unheld)
            };
            found.push(HeldUpdate {
                name: name.plain().parse().map_err(|error| unreadable(&error))?,
                architecture: name.architecture().unwrap_or(&self.packages.architecture).to_owned(),
                from,
                to: to.parse().map_err(|error| unreadable(&error))?,
                release: release.unwrap_or_default(),
                why,
            });
        }
        Ok(found)
    }

    /// Asks apt for one package that it keeps back.
    fn reason(&self, name: &PackageName, version: &str) -> (HeldReason, Option<SourceRelease>) {
        let request = request("install", &[format!("{name}={version}")], &self.options());
        let Ok(found) = request.simulate(self.activator) else { return (HeldReason::KeptBack, None) };
        let removed = found
            .packages
            .iter()
            .filter(|package| matches!(package.mode, TransactionMode::Deinstall | TransactionMode::Purge));
        let mut packages: Vec<PackageName> = removed.filter_map(|package| self.name(package)).collect();
        packages.sort();
        let release = offer_of(&found, name, &self.packages.architecture);
        let why =
            if packages.is_empty() { HeldReason::KeptBack } else { HeldReason::WouldRemove { packages } };
        (why, release)
    }

    fn options(&self) -> Vec<String> {
        let fix = (!self.packages.unfinished().is_empty()).then(|| FIX_BROKEN.to_owned());
        [UNPHASED.to_owned()].into_iter().chain(fix).collect()
    }

    /// Whether apt would update a package that the declaration keeps at another version.
    fn must_stay(&self, package: &TransactionPackage) -> bool {
        let to = package.versions.install.as_ref().map(|install| install.version.as_str());
        match (self.name(package).filter(|_| is_update(package)), to) {
            (Some(name), Some(to)) => self.is_kept_by_policy(&name, to),
            _ => false,
        }
    }

    /// Whether the declaration holds a package, or wants another version than this one.
    fn is_kept_by_policy(&self, name: &PackageName, to: &str) -> bool {
        let is_other = |pattern: &VersionPattern| to.parse().is_ok_and(|to| !pattern.matches(&to));
        let version = match self.declared.packages.get(name) {
            Some(DeclaredPackage::Present(present)) => present.version.as_ref(),
            Some(DeclaredPackage::Absent {} | DeclaredPackage::Purged {}) | None => None,
        };
        self.declared.holds(name) || version.is_some_and(is_other)
    }

    fn version(&self, name: &PackageName) -> Option<PackageVersion> {
        self.packages.packages.get(name)?.version.clone()
    }

    fn name(&self, package: &TransactionPackage) -> Option<PackageName> {
        Some(full_name(self.packages, &package.name.parse().ok()?, &package.architecture))
    }
}

/// The options of a question, whose directory of priorities lasts as long.
struct Asked {
    options: Vec<String>,
    _preferences: Preferences,
}

impl Offers {
    /// Returns the transaction for a scope.
    #[must_use]
    pub const fn transaction(&self, scope: UpdateScope) -> &AptTransaction {
        match scope {
            UpdateScope::Security => &self.security,
            UpdateScope::Full => &self.full,
        }
    }

    /// Returns the updates that a plan of this scope leaves out, sorted by name.
    ///
    /// # Errors
    /// Fails with [`Code::Packages`] if the answer of apt cannot be used.
    pub fn held(&self, scope: UpdateScope) -> Result<Vec<HeldUpdate>, Problem> {
        let mut held = self.kept.clone();
        if scope == UpdateScope::Security {
            for update in &mut held {
                let is_other = update.release != SourceRelease::default() && !update.release.is_security();
                match update.why {
                    HeldReason::WouldRemove { .. } | HeldReason::KeptBack if is_other => {
                        update.why = HeldReason::NotSecurity;
                    }
                    HeldReason::HeldByPolicy
                    | HeldReason::HeldOnHost
                    | HeldReason::NotSecurity
                    | HeldReason::WouldRemove { .. }
                    | HeldReason::KeptBack => {}
                }
            }
            let is_planned = |package: &TransactionPackage| {
                self.security
                    .packages
                    .iter()
                    .any(|it| (&it.name, &it.architecture) == (&package.name, &package.architecture))
            };
            for package in self.full.packages.iter().filter(|it| is_update(it) && !is_planned(it)) {
                held.extend(not_security(package).map_err(|error| unreadable(&error))?);
            }
        }
        held.sort_by(|a, b| (&a.name, &a.architecture).cmp(&(&b.name, &b.architecture)));
        Ok(held)
    }

    /// Returns each update that is offered, with the version that a full update would install.
    #[must_use]
    pub fn all(&self, packages: &HostPackages) -> BTreeMap<PackageName, Offered> {
        let of_full = self.full.packages.iter().chain(&self.security.packages).filter(|it| is_update(it));
        let of_full = of_full.filter_map(|package| {
            let name = full_name(packages, &package.name.parse().ok()?, &package.architecture);
            Some((name, offer(package)?))
        });
        let kept = self.kept.iter().map(|update| {
            let name = full_name(packages, &update.name, &update.architecture);
            (name, (update.to.clone(), update.release.clone()))
        });
        let mut all = BTreeMap::new();
        for (name, offered) in of_full.chain(kept) {
            all.entry(name).or_insert(offered);
        }
        all
    }

    /// Returns the number of packages that a full update would update.
    #[must_use]
    pub fn count(&self) -> usize {
        self.full.packages.iter().filter(|package| is_update(package)).count()
    }
}

fn request(verb: &'static str, packages: &[String], options: &[String]) -> AptRequest {
    AptRequest { verb, packages: packages.to_vec(), recommends: None, options: options.to_vec() }
}

/// Whether a package gets a newer version.
fn is_update(package: &TransactionPackage) -> bool {
    package.mode == TransactionMode::Upgrade
}

/// Whether a release with security updates offers the version.
fn is_security(package: &TransactionPackage) -> bool {
    let install = package.versions.install.as_ref();
    install.is_some_and(|install| install.origins.iter().any(|origin| release(origin).is_security()))
}

/// Returns the version that a transaction installs, with a release that has security updates if there is one.
fn offer(package: &TransactionPackage) -> Option<Offered> {
    let install = package.versions.install.as_ref()?;
    let mut releases = install.origins.iter().map(release);
    let security = releases.clone().find(SourceRelease::is_security);
    Some((install.version.parse().ok()?, security.or_else(|| releases.next()).unwrap_or_default()))
}

fn offer_of(transaction: &AptTransaction, name: &PackageName, native: &str) -> Option<SourceRelease> {
    let architecture = name.architecture().unwrap_or(native);
    let same = |it: &&TransactionPackage| it.name == name.plain() && it.architecture == architecture;
    transaction.packages.iter().find(same).and_then(offer).map(|(_, release)| release)
}

/// Returns an update that is left out because it is no security update.
fn not_security(package: &TransactionPackage) -> Result<Option<HeldUpdate>, Invalid> {
    let (Some((to, release)), Some(from)) = (offer(package), &package.versions.current) else {
        return Ok(None);
    };
    let (name, from) = (package.name.parse()?, from.version.parse()?);
    let architecture = package.architecture.clone();
    Ok(Some(HeldUpdate { name, architecture, from, to, release, why: HeldReason::NotSecurity }))
}

fn unreadable(invalid: &Invalid) -> Problem {
    Problem::new(Code::Packages, "the answer of apt cannot be used").because(invalid)
}
