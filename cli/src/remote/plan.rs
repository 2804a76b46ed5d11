//! Asks a host what would change. Nothing on it changes by that, not even its store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nixfleet_activate::force::Force;
use nixfleet_activate::plan::Plan;
use nixfleet_activate::problem::{Code, Problem};

use super::ask;
use super::terms::force_flags;
use crate::nix::Closure;
use crate::render::clean;
use crate::ssh::Session;

/// What a host should become.
#[derive(Debug)]
pub struct Wanted {
    /// The closure, in the store of this machine.
    pub closure: Closure,
    /// The activator in it: a path in the store, the same on both sides.
    pub activator: PathBuf,
    /// Its manifest.
    pub manifest: Arc<[u8]>,
}

impl Wanted {
    /// Reads what is sent to the host.
    ///
    /// # Errors
    /// The closure cannot be read here.
    pub fn read(closure: Closure) -> Result<Self, Problem> {
        Ok(Self { activator: closure.activator()?, manifest: closure.manifest()?.into(), closure })
    }
}

/// Activators read for upload, each once for all hosts.
#[derive(Debug, Default)]
pub struct Activators(Mutex<BTreeMap<PathBuf, Arc<[u8]>>>);

impl Activators {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, Problem> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = known.get(path) {
            return Ok(Arc::clone(bytes));
        }
        let bytes: Arc<[u8]> = std::fs::read(path)
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

/// Asks for a plan. Where the host already runs the activator of the wanted closure this is one SSH exec; else the
/// activator is sent along in a second one, and removed again. With `health_checks`, a host where nothing is to change tries
/// them, which may take so long.
///
/// # Errors
/// The host cannot be reached, has no Nix, gives no root, or its activator refuses.
pub async fn plan(
    session: &Session,
    wanted: &Wanted,
    force: &[Force],
    activators: &Activators,
    health_checks: Option<Duration>,
) -> Result<Plan, Problem> {
    let activator = wanted.activator.to_string_lossy();
    let manifest = Arc::clone(&wanted.manifest);
    let trying = health_checks.map(|_| "--health-checks");
    let limit = session.to_answer().saturating_add(health_checks.unwrap_or_default());
    let flags: Vec<String> = force_flags(force).collect();
    let flags = || flags.iter().map(String::as_str).chain(trying);
    let arguments: Vec<&str> =
        [activator.as_ref(), &wanted.closure.path].into_iter().chain(flags()).collect();
    let answer = ask(session, include_str!("scripts/plan.sh"), &arguments, vec![manifest], limit).await?;
    if !answer.has_nix {
        return Err(no_nix(session));
    }
    if answer.activator.as_deref() == Some(&activator) {
        return ours(answer.document()?, session, wanted);
    }
    if !answer.succeeded() {
        return Err(answer.refusal());
    }
    let program = activators.read(&wanted.activator)?;
    let size = program.len().to_string();
    let arguments: Vec<&str> = [size.as_str(), &wanted.closure.path].into_iter().chain(flags()).collect();
    let pieces = vec![program, Arc::clone(&wanted.manifest)];
    let answer = ask(session, include_str!("scripts/upload.sh"), &arguments, pieces, limit).await?;
    ours(answer.document()?, session, wanted)
}

/// Refuses a plan for another closure: what is shown must be what is applied. The host is called what we call it.
fn ours(plan: Plan, session: &Session, wanted: &Wanted) -> Result<Plan, Problem> {
    let name = &session.host().name;
    if plan.target == wanted.closure.path {
        return Ok(Plan { host: name.clone(), ..plan });
    }
    let why = format!("asked about {}, it answered about {}", wanted.closure.path, clean(&plan.target));
    Err(Problem::new(Code::BadAnswer, "the host answered with another plan").at(name).because(why))
}

fn no_nix(session: &Session) -> Problem {
    Problem::new(Code::NoNix, "the host has no Nix")
        .at(&session.host().name)
        .because("there is no nix-store in PATH or in /nix/var/nix/profiles/default/bin")
        .help("install it: apt-get install nix-setup-systemd, or https://nixos.org/download")
}
