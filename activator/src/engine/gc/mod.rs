//! Drops generations of a host that nobody needs any more, and then what only they kept in the store.
//!
//! Each generation goes by the removal of one link, oldest first: stopped anywhere, the host has fewer
//! generations, each of them whole.

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
use crate::host::profile::{self, Profile};

pub use judge::{References, judge};

/// How garbage is collected.
#[derive(Clone, Copy, Debug)]
pub struct GcOptions<'a> {
    /// What is asked.
    pub request: &'a Request,
    /// The moment from which ages are counted, in seconds since 1970-01-01 UTC.
    pub at: u64,
    /// The fingerprint of the plan that somebody agreed to; another plan is refused.
    pub expect: Option<&'a str>,
    /// The `nix-store` with which the store is collected afterwards.
    pub collect: Option<&'a str>,
}

/// What a garbage collection would do. Changes nothing.
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
        // It runs, so nothing interrupted it.
        interrupted: journal::interrupted(host).filter(|_| objection.is_none()),
        disk: disk(host),
        problem: objection,
    })
}

/// Drops what nobody needs, under the lock of the host. An interrupted run is recovered first.
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
    // The lock goes before the store is collected: that may take long, and Nix lets an apply go on meanwhile.
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
    for Judged { info, .. } in generations.into_iter().filter(Judged::goes) {
        profile::forget(host, info.generation.number)?;
        report.outcome = Outcome::Ok;
        report.dropped.push(info);
    }
    if report.dropped.is_empty() { Ok(()) } else { profile::sync(host) }
}

fn judged(host: &Host, request: &Request, at: u64) -> Result<Vec<Judged>, Problem> {
    let profile = Profile::read(host)?;
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

/// The room where the store stands.
fn disk(host: &Host) -> Option<Disk> {
    disk_of(host, "/nix/store")
}

/// The room where a path stands; nothing where the filesystem does not say it.
pub(in crate::engine) fn disk_of(host: &Host, path: &str) -> Option<Disk> {
    let found = [path, "/"].into_iter().find_map(|path| rustix::fs::statvfs(host.path(path)).ok())?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Some(Disk { free: bytes(found.f_bavail), size: bytes(found.f_blocks) })
}
