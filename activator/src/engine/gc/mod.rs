//! Drops generations of a host that nothing needs, and collects the garbage in the Nix store afterwards.
//!
//! Each generation is dropped by removing one link, oldest first. So if the run is interrupted, the host has
//! fewer generations, but each of them is complete.

mod judge;
mod store;

use std::time::Instant;

use nixfleet_contract::SCHEMA;
use nixfleet_contract::gc::{Disk, GcPlan, GcReport, Judged, Request};
use nixfleet_contract::generation::GenerationInfo;
use nixfleet_contract::holder::Holder;
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::{Code, Problem};

use crate::digest;
use crate::engine::state::State;
use crate::engine::transaction::journal;
use crate::engine::transaction::recover;
use crate::host::Host;
use crate::host::lock::Lock;
use crate::host::nixos;
use crate::host::profile::{self, Profile};

pub use judge::{References, judge};

/// The options of a garbage collection.
#[derive(Clone, Copy, Debug)]
pub struct GcOptions<'a> {
    /// The rules for which generations to keep.
    pub request: &'a Request,
    /// The time from which ages are counted, in seconds since 1970-01-01 UTC.
    pub at: u64,
    /// The fingerprint of the approved plan. A plan with another fingerprint is refused.
    pub expect: Option<&'a str>,
    /// The `nix-store` program that collects the garbage in the store after generations were dropped; `None`
    /// to collect no garbage.
    pub collect: Option<&'a str>,
}

/// Plans a garbage collection, without changing anything.
///
/// # Errors
/// The profile, the state or the journal cannot be read.
pub fn plan(host: &Host, request: &Request, at: u64) -> Result<GcPlan, Problem> {
    let generations = judged(host, request, at)?;
    let objection = Lock::objection(host);
    Ok(GcPlan {
        schema: SCHEMA,
        fingerprint: fingerprint(&generations),
        at,
        generations,
        // While a run holds the lock, the open transaction belongs to that run and is not interrupted.
        interrupted: journal::interrupted(host).filter(|_| objection.is_none()),
        disk: disk(host),
        problem: objection,
    })
}

/// Drops generations that nothing needs, under the lock of the host. Then collects the garbage in the Nix
/// store. Recovers an interrupted run first.
#[must_use]
pub fn collect(host: &Host, options: GcOptions<'_>, holder: &Holder) -> GcReport {
    let started = Instant::now();
    let mut report = GcReport {
        schema: SCHEMA,
        outcome: Outcome::Blocked,
        dropped: Vec::new(),
        collected: None,
        disk: None,
        recovered: None,
        problem: None,
        duration_ms: 0,
    };
    // The lock is released before the store is collected. A collection may take long, and Nix allows an apply
    // at the same time.
    let dropped = drop_generations(host, options, holder, &mut report);
    let collected = dropped.and_then(|()| {
        let Some(program) = options.collect else { return Ok(()) };
        report.collected = Some(store::collect(program)?);
        report.outcome = Outcome::Ok;
        Ok(())
    });
    if let Err(problem) = collected {
        if report.outcome != Outcome::Blocked {
            report.outcome = Outcome::Failed;
        }
        report.problem = Some(problem);
    }
    report.disk = disk(host);
    report.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    report
}

fn drop_generations(
    host: &Host,
    options: GcOptions<'_>,
    holder: &Holder,
    report: &mut GcReport,
) -> Result<(), Problem> {
    let _lock = Lock::take_on_full_disk(host, holder)?;
    match recover::recover(host) {
        Ok(recovered) => report.recovered = recovered,
        Err(problem) => {
            report.outcome = Outcome::Failed;
            return Err(problem);
        }
    }
    let generations = judged(host, options.request, options.at)?;
    if options.expect.is_some_and(|expect| expect != fingerprint(&generations)) {
        return Err(Problem::new(Code::PlanOutdated, "the generations changed after they were listed")
            .because("the command would now delete different generations")
            .help("inspect the new list (`nixfleet gc --dry-run`), then run the command again"));
    }
    report.outcome = Outcome::Unchanged;
    let (state, _) = State::read(host)?;
    let pending = state.nixos.and_then(|applied| applied.boot_once).map(|pending| pending.number);
    for Judged { info, .. } in generations.into_iter().filter(Judged::goes) {
        nixos::forget(host, &info.generation, pending)?;
        profile::forget(host, profile::DIRECTORY, info.generation.number)?;
        report.outcome = Outcome::Ok;
        report.dropped.push(info);
    }
    if report.dropped.is_empty() { Ok(()) } else { profile::sync(host, profile::DIRECTORY) }
}

fn judged(host: &Host, request: &Request, at: u64) -> Result<Vec<Judged>, Problem> {
    let mut profile = Profile::read(host)?;
    // The generations of other tools are theirs to drop.
    profile.generations.retain(|info| !info.external);
    let references = References::read(host, &profile)?;
    let (state, _) = State::read(host)?;
    let made = |info: GenerationInfo| GenerationInfo { made: state.made(info.generation.number), ..info };
    let generations: Vec<GenerationInfo> = profile.generations.into_iter().map(made).collect();
    Ok(judge(&generations, &references, request, at))
}

fn fingerprint(generations: &[Judged]) -> String {
    let named = |GenerationInfo { generation, .. }: &GenerationInfo| {
        format!("{} {}\n", generation.number, generation.closure)
    };
    let going = generations.iter().filter(|judged| judged.goes());
    digest::of(going.map(|judged| named(&judged.info)).collect::<String>().as_bytes())
}

/// Returns the size and the free space of the filesystem of the Nix store.
fn disk(host: &Host) -> Option<Disk> {
    disk_of(host, "/nix/store")
}

/// Returns the size and the free space of the filesystem that contains a path, or of the root filesystem if
/// the path does not exist; `None` if neither can be queried.
pub(in crate::engine) fn disk_of(host: &Host, path: &str) -> Option<Disk> {
    let found = [path, "/"].into_iter().find_map(|path| rustix::fs::statvfs(host.path(path)).ok())?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Some(Disk { free: bytes(found.f_bavail), size: bytes(found.f_blocks) })
}
