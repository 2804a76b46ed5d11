//! Asks a host what a change would do. Planning changes nothing on the host, not even its store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nixfleet_contract::force::Force;
use nixfleet_contract::inspected;
use nixfleet_contract::manifest::Manifest;
use nixfleet_contract::nixos::SUMMARY;
use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::{Code, Problem};

use super::for_operator;
use super::plan_options::PlanOptions;
use super::terms::force_flags;
use crate::nix::{Closure, stored};
use crate::ssh::Session;

/// The closure that a host would run after the planned change, with those parts of the closure that are sent
/// to the host to make the plan.
#[derive(Debug)]
pub struct HostTarget {
    /// The closure, in the store of this machine.
    pub closure: Closure,
    /// The path of the closure's activator, which is the same in the store of this machine and in that of the
    /// host.
    pub activator: PathBuf,
    /// The manifest of the closure.
    pub manifest: Arc<[u8]>,
}

impl HostTarget {
    /// Reads the parts of a closure that are sent to the host.
    ///
    /// # Errors
    /// The closure cannot be read on this machine.
    pub fn read(closure: Closure) -> Result<Self, Problem> {
        Ok(Self { activator: closure.activator()?, manifest: closure.manifest()?.into(), closure })
    }
}

/// Activators to upload, each of which is read once for all hosts.
#[derive(Debug, Default)]
pub struct Activators(Mutex<BTreeMap<PathBuf, Arc<[u8]>>>);

impl Activators {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, Problem> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = known.get(path) {
            return Ok(Arc::clone(bytes));
        }
        let bytes: Arc<[u8]> = stored::read(path)
            .map_err(|error| {
                Problem::new(Code::Build, "the activator cannot be read on this machine")
                    .at(path.display())
                    .because(error)
            })?
            .into();
        known.insert(path.to_owned(), Arc::clone(&bytes));
        Ok(bytes)
    }
}

/// The terms on which a host plans a change.
#[derive(Clone, Copy)]
pub struct PlanTerms<'a> {
    /// The host's objections that `--force` overrules.
    pub force: &'a [Force],
    /// Options that determine the contents and the cost of the plan.
    pub options: PlanOptions,
    /// The time limit of the health checks that the host runs if nothing would change, or `None` if the host
    /// runs no health checks.
    pub trying: Option<Duration>,
}

impl PlanTerms<'_> {
    fn flags(self) -> Vec<String> {
        let trying = self.trying.map(|_| "--health-checks".to_owned());
        force_flags(self.force).chain(self.options.flags()).chain(trying).collect()
    }

    /// Returns the time limit for the host's answer.
    fn limit(self, session: &Session, manifest: &[u8]) -> Duration {
        let tools = if self.options.no_validate {
            Duration::ZERO
        } else {
            inspected::patience(inspected::commands(manifest))
        };
        session.to_answer().saturating_add(self.trying.unwrap_or_default()).saturating_add(tools)
    }
}

/// Asks a host for a plan. This takes one SSH exec if the host already runs the activator of the target
/// closure. Otherwise a second exec uploads the activator, which is removed again after planning.
///
/// The host's own tools may have to inspect the contents of files. If the activator is uploaded, all contents
/// that may change are uploaded with it. Otherwise one more exec uploads the contents that the host asks for.
///
/// # Errors
/// The host cannot be reached, has no Nix, the SSH user cannot become root, or the activator refuses.
pub async fn plan(
    session: &Session,
    target: &HostTarget,
    terms: PlanTerms<'_>,
    activators: &Activators,
) -> Result<Plan, Problem> {
    let activator = target.activator.to_string_lossy();
    let limit = terms.limit(session, &target.manifest);
    let flags = terms.flags();
    let ask = async |more: &str, contents: Vec<Arc<[u8]>>, limit: Duration| {
        let arguments = [activator.as_ref(), &target.closure.path, more].into_iter();
        let arguments: Vec<&str> = arguments.chain(flags.iter().map(String::as_str)).collect();
        let pieces = [vec![Arc::clone(&target.manifest)], contents].concat();
        super::ask(session, include_str!("scripts/plan.sh"), &arguments, pieces, limit).await
    };
    // In this exec, the host's own tools do not inspect any contents yet, so the time limit includes no time
    // for an inspection.
    let at_once = session.to_answer().saturating_add(terms.trying.unwrap_or_default());
    let answer = ask("--name-lacking", Vec::new(), at_once).await?;
    if !answer.has_nix {
        return Err(no_nix(session));
    }
    if answer.activator.as_deref() == Some(&activator) {
        let plan = ours(answer.document()?, session, target)?;
        if !plan.unvalidated {
            return Ok(plan);
        }
        let contents = target.contents(session, |sha256| plan.lacks.contains(sha256));
        let answer = ask(&target.parts(&contents), contents, limit).await?;
        return ours(answer.document()?, session, target);
    }
    if !answer.succeeded() {
        return Err(answer.refusal());
    }
    let program = activators.read(&target.activator)?;
    let contents = if terms.options.no_validate { Vec::new() } else { target.contents(session, |_| true) };
    let (size, parts) = (program.len().to_string(), target.parts(&contents));
    let arguments = [size.as_str(), &target.closure.path, &parts].into_iter();
    let arguments: Vec<&str> = arguments.chain(flags.iter().map(String::as_str)).collect();
    let pieces = [vec![program, Arc::clone(&target.manifest)], contents].concat();
    let answer = super::ask(session, include_str!("scripts/upload.sh"), &arguments, pieces, limit).await?;
    ours(answer.document()?, session, target)
}

impl HostTarget {
    /// Returns contents of files that the host's own tools may inspect, each only once and within the limits
    /// on size, and the summary of a NixOS system. Contents that cannot be read on this machine are left out,
    /// and the plan reports that they are missing.
    fn contents(&self, session: &Session, is_asked_for: impl Fn(&String) -> bool) -> Vec<Arc<[u8]>> {
        let Ok(manifest) = Manifest::parse(&self.manifest) else { return Vec::new() };
        let closure = Path::new(&self.closure.path);
        let (mut known, mut room) = (BTreeSet::new(), inspected::ALL);
        let files = inspected::files(&manifest, &session.host().ssh.user);
        let contents = files.filter(|file| is_asked_for(&file.sha256)).filter_map(|file| {
            let fits = file.size <= inspected::EACH.min(room);
            if !fits || known.len() == inspected::COUNT || !known.insert(file.sha256.clone()) {
                return None;
            }
            let content = stored::read(&closure.join(&*file.source)).ok()?;
            room = room.saturating_sub(file.size);
            Some(content.into())
        });
        let system = manifest.nixos.as_ref().and_then(|system| system.summary.as_ref());
        let summary = system.filter(|file| is_asked_for(&file.sha256) && file.size <= inspected::ALL);
        let summary = summary.and_then(|_| stored::read(&closure.join(SUMMARY)).ok()).map(Into::into);
        contents.chain(summary).collect()
    }

    /// Returns the flag that states the lengths of the manifest and of each of the contents that are sent
    /// after the manifest.
    fn parts(&self, contents: &[Arc<[u8]>]) -> String {
        let lengths: Vec<String> = contents.iter().map(|content| format!(",{}", content.len())).collect();
        format!("--parts={}{}", self.manifest.len(), lengths.concat())
    }
}

/// Checks that a plan is about the target closure, because the plan that is shown must be the plan that is
/// applied. Sets the name of the host to its name in the inventory.
fn ours(plan: Plan, session: &Session, target: &HostTarget) -> Result<Plan, Problem> {
    let name = &session.host().name;
    if plan.target == target.closure.path {
        return Ok(named(plan, session));
    }
    let why = format!(
        "the plan for {} was requested, but the answer is about {}",
        target.closure.path, plan.target
    );
    Err(Problem::new(Code::BadAnswer, "the host sent the plan of a different closure").at(name).because(why))
}

/// Adapts a plan to this machine: sets the name of the host to its name in the inventory, and rewrites
/// commands in problems so that the user can type them here.
pub fn named(mut plan: Plan, session: &Session) -> Plan {
    let host = session.host();
    plan.problems = plan.problems.into_iter().map(|problem| for_operator(problem, host)).collect();
    Plan { host: host.name.clone(), ..plan }
}

fn no_nix(session: &Session) -> Problem {
    Problem::new(Code::NoNix, "the host has no Nix")
        .at(&session.host().name)
        .because(
            "there is no nix-store in /nix/var/nix/profiles/default/bin, /run/current-system/sw/bin or \
             /usr/bin",
        )
        .help(
            "install Nix with its daemon on the host: apt-get install nix-bin nix-setup-systemd, or \
             https://nixos.org/download",
        )
}
