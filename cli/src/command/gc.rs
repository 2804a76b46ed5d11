//! `nixfleet gc`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::gc::{GcPlan, Judged, Passage, Request, Retention};
use nixfleet_contract::problem::Problem;
use nixfleet_contract::report::Outcome;

use super::{Context, confirm, targets};
use crate::args::GcArgs;
use crate::exit::Exit;
use crate::render;
use nixfleet_operator::event::{EventKind, Phase};
use nixfleet_operator::host_result::{GcView, HostResult};
use nixfleet_operator::inventory::Natural;
use nixfleet_operator::orchestrate::each;
use nixfleet_operator::remote;
use nixfleet_operator::rollout::{open_passages, pin, today};
use nixfleet_operator::ssh::Session;
use nixfleet_operator::state::StateDir;

/// Drops generations that nobody needs from hosts, after it has shown which.
///
/// # Errors
/// The command came to no host.
pub async fn execute(args: &GcArgs, context: &Context) -> anyhow::Result<Exit> {
    if !args.dry_run {
        confirm::check(args.yes, context)?;
    }
    let (_, hosts) =
        targets::select(&args.targets.flake, &args.targets.selection.selection(), context).await?;
    let (hosts, mut results) = resting(hosts);
    let (rollouts, today) = (open_passages(&StateDir::find()?)?, today());
    let retention = args.older_than.map_or(Retention::Newest(args.keep.get()), Retention::Younger);
    let asked: Vec<Asked> = args
        .targets
        .connections()
        .sessions(hosts)?
        .into_iter()
        .map(|session| {
            let request = request(session.host(), retention, &rollouts, &today);
            Asked { session, request, plan: None }
        })
        .collect();

    let planned = plan(asked, args, context).await?;
    let goes = planned.iter().filter(|asked| asked.is_to_change(args.collect)).count();
    let shown: Vec<HostResult> = planned.iter().map(|asked| asked.result(args.collect)).collect();
    context.show(&render::gc_plans(&shown, context.output.verbose()));
    if args.dry_run || goes == 0 {
        results.extend(shown);
        return end(results, context);
    }
    if !args.yes && !confirm::ask(question(&planned, goes, args.collect)).await? {
        context.operation.events.say(EventKind::Declined);
        render::err("nothing was changed");
        return Ok(Exit::Refused);
    }
    context.operation.interrupt.hosts_are_changing();
    results.extend(carry_out(planned, args, context).await?);
    results.sort_by_cached_key(|result| Natural::of(&result.host));
    context.show(&render::gc_reports(&results));
    context.finish(results, None)
}

/// Ends a command that changed nothing.
fn end(mut results: Vec<HostResult>, context: &Context) -> anyhow::Result<Exit> {
    results.sort_by_cached_key(|result| Natural::of(&result.host));
    for result in &results {
        context.operation.events.say(EventKind::HostEnded(result.end(std::time::Duration::ZERO)));
    }
    context.finish(results, None)
}

/// Hosts in maintenance are left alone.
pub fn resting(hosts: Vec<Host>) -> (Vec<Host>, Vec<HostResult>) {
    let (resting, others): (Vec<Host>, Vec<Host>) =
        hosts.into_iter().partition(|host| host.maintenance.is_some());
    let excluded = resting.into_iter().map(|host| {
        let reason = host.maintenance.map(|why| format!("maintenance: {why}"));
        HostResult { reason, ..HostResult::new(host.name, Outcome::Skipped) }
    });
    (others, excluded.collect())
}

/// A host, what is asked of it, and what it says would go; nothing where it was not asked.
struct Asked {
    session: Arc<Session>,
    request: Request,
    plan: Option<Result<Option<GcPlan>, Problem>>,
}

impl Asked {
    fn name(&self) -> &str {
        &self.session.host().name
    }

    fn known(&self) -> Option<&GcPlan> {
        self.plan.as_ref()?.as_ref().ok()?.as_ref()
    }

    fn going(&self) -> usize {
        let generations = self.known().map(|plan| plan.generations.as_slice()).unwrap_or_default();
        generations.iter().filter(|judged| judged.goes()).count()
    }

    fn is_to_change(&self, collect: bool) -> bool {
        self.known().is_some_and(|plan| {
            plan.problem.is_none() && (collect || plan.generations.iter().any(Judged::goes))
        })
    }

    /// What is known of it before anything is dropped.
    fn result(&self, collect: bool) -> HostResult {
        let name = self.name();
        let plan = match &self.plan {
            None => return HostResult::new(name, Outcome::Skipped),
            Some(Err(problem)) => return HostResult::failed(name, problem.clone()),
            Some(Ok(None)) => {
                let reason = Some("not managed yet".to_owned());
                return HostResult { reason, ..HostResult::new(name, Outcome::Unchanged) };
            }
            Some(Ok(Some(plan))) => plan,
        };
        let gc = Some(Box::new(GcView { plan: plan.clone(), report: None }));
        match &plan.problem {
            Some(problem) => HostResult { gc, ..HostResult::failed(name, problem.clone()) },
            None if self.is_to_change(collect) => HostResult { gc, ..HostResult::new(name, Outcome::Ok) },
            None => HostResult { gc, ..HostResult::new(name, Outcome::Unchanged) },
        }
    }
}

/// What is asked of a host. `today`: as pins write it.
fn request(
    host: &Host,
    retention: Retention,
    rollouts: &BTreeMap<String, BTreeSet<Passage>>,
    today: &str,
) -> Request {
    let pin = pin(host, today);
    Request {
        retention,
        pinned: pin.and_then(|pin| pin.generation).into_iter().collect(),
        pinned_revision: pin.filter(|pin| pin.generation.is_none()).and_then(|pin| pin.rev.clone()),
        rollouts: rollouts.get(&host.name).cloned().unwrap_or_default(),
    }
}

/// Asks each host what would go.
async fn plan(asked: Vec<Asked>, args: &GcArgs, context: &Context) -> anyhow::Result<Vec<Asked>> {
    let questions: Vec<_> =
        asked.iter().map(|asked| (Arc::clone(&asked.session), asked.request.clone())).collect();
    let plans =
        each(questions, args.targets.at_once(), &context.operation.interrupt, |(session, request)| {
            let events = context.operation.events.clone();
            async move {
                let host = session.host().name.clone();
                events.say(EventKind::HostPhase { host, phase: Phase::Planning });
                remote::plan_gc(&session, &request).await
            }
        });
    let plans = plans.await?;
    Ok(asked.into_iter().zip(plans).map(|(asked, plan)| Asked { plan, ..asked }).collect())
}

fn question(planned: &[Asked], hosts: usize, collect: bool) -> String {
    let generations: usize = planned.iter().map(Asked::going).sum();
    let noun = if generations == 1 { "generation" } else { "generations" };
    let store = if collect { " and collect the store" } else { "" };
    format!("Drop {generations} {noun}{store} on {}?", nixfleet_operator::text::hosts(hosts))
}

/// Drops what each host said would go.
async fn carry_out(planned: Vec<Asked>, args: &GcArgs, context: &Context) -> anyhow::Result<Vec<HostResult>> {
    let before: Vec<HostResult> = planned.iter().map(|asked| asked.result(args.collect)).collect();
    let collect = args.collect;
    let done = each(planned, args.targets.at_once(), &context.operation.interrupt, |asked| {
        let events = context.operation.events.clone();
        async move {
            let began = Instant::now();
            let mut result = asked.result(collect);
            if asked.is_to_change(collect)
                && let Some(plan) = asked.known()
            {
                let host = asked.name().to_owned();
                events.say(EventKind::HostPhase { host, phase: Phase::Cleaning });
                result = match remote::gc(&asked.session, &asked.request, plan, collect).await {
                    Err(problem) => HostResult { gc: result.gc, ..HostResult::failed(asked.name(), problem) },
                    Ok(report) => HostResult {
                        problem: report.problem.clone(),
                        gc: Some(Box::new(GcView { plan: plan.clone(), report: Some(report.clone()) })),
                        ..HostResult::new(asked.name(), report.outcome)
                    },
                };
            }
            events.say(EventKind::HostEnded(result.end(began.elapsed())));
            result
        }
    });
    let untouched = |before: HostResult| HostResult { outcome: Outcome::Skipped, ..before };
    let done = done.await?.into_iter().zip(before);
    Ok(done.map(|(done, before)| done.unwrap_or_else(|| untouched(before))).collect())
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::fleet::Pin;

    use super::*;

    fn host() -> Host {
        let host = serde_json::json!({
            "name": "a", "base": "ubuntu", "system": "x86_64-linux", "addr": "10.0.0.1",
            "ssh": { "user": "root", "port": 22 },
        });
        serde_json::from_value(host).unwrap()
    }

    #[test]
    fn a_pin_that_holds_keeps_what_it_says() {
        let pinned = |generation, rev: Option<&str>, until: Option<&str>| {
            let (rev, until, reason) = (rev.map(str::to_owned), until.map(str::to_owned), "why".to_owned());
            let host = Host { pin: Some(Pin { generation, rev, reason, until }), ..host() };
            let request = request(&host, Retention::Newest(1), &BTreeMap::new(), "2027-01-31");
            (request.pinned.into_iter().collect::<Vec<_>>(), request.pinned_revision)
        };
        assert_eq!(pinned(Some(7), None, None), (vec![7], None));
        assert_eq!(pinned(Some(7), Some("abc"), None), (vec![7], None));
        assert_eq!(pinned(None, Some("abc"), None), (vec![], Some("abc".to_owned())));
        assert_eq!(pinned(None, Some("abc"), Some("2027-01-30")), (vec![], None));
        assert_eq!(pinned(Some(7), None, Some("2027-01-30")), (vec![], None));
    }
}
