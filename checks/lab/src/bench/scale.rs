//! Measures the resources that the command line uses for thousands of simulated hosts. The programs that it
//! starts are not counted. The figures are compared with a loop that only starts the same number of `ssh`
//! processes, 16 at once.

use std::process;

use anyhow::Result;

use super::results::Budget;
use super::watch::{Taken, begin, watch};
use super::{Figure, Results};
use crate::command::Finished;
use crate::lab::Plan;
use crate::simulation::Simulation;

/// The numbers of hosts for which the benchmark runs.
const SIZES: [usize; 2] = [1000, 5000];
/// The number of hosts for which memory has a budget, and the budget in MiB.
const BUDGETED: (usize, f64) = (1000, 50.0);
/// The limit for the number of threads, and for the number of open files. Neither number grows with the
/// number of hosts, because at any time at most 16 hosts are changed and closures are copied to at most 16
/// other hosts.
const STORM: f64 = 256.0;

/// Measures a plan, a first apply in waves to new hosts, and an apply without changes.
///
/// # Errors
/// A measured command fails.
pub fn measure(results: &mut Results) -> Result<()> {
    let simulation = Simulation::boot(&Plan::new(format!("bench-scale-{}", process::id())).shipped())?;
    for hosts in SIZES {
        of_size(&simulation, hosts, results)?;
    }
    Ok(())
}

fn of_size(simulation: &Simulation, hosts: usize, results: &mut Results) -> Result<()> {
    simulation.found(hosts)?;
    let (_, plan) = once(simulation, "nixfleet plan --out /srv/plan.json > /srv/shown")?;
    simulation.log()?;
    let (_, change) = once(simulation, "nixfleet apply --yes --plan /srv/plan.json > /srv/shown")?;
    let execs = simulation.log()?.iter().filter(|noted| noted.began).count();
    let (_, noop) = once(simulation, "nixfleet apply --yes > /srv/shown")?;
    // The apply starts `ssh` once for the connection to each host, and once for each command on the host. The
    // commands are two plans, usually a copy of the closure in advance, and the change.
    let (_, floor) = spawns(simulation, hosts + execs)?;
    simulation.operator()?.ask("rm -f /srv/plan.json /srv/shown")?;

    let mut add = |what: &str, seconds: f64| {
        results.add(Figure::of(&format!("{hosts} simulated hosts: {what}"), vec![seconds]))
    };
    add("first apply, wall time", change.wall);
    add("first apply, processor time of the controller", change.cpu);
    add("no-op apply, processor time of the controller", noop.cpu);
    add("as many bare spawns, wall time", floor.wall);
    add("as many bare spawns, processor time of the loop", floor.cpu);
    let budget = |most: f64| (hosts == BUDGETED.0).then_some(Budget::AtMost(most));
    let mut compare = |what: &str, value: f64, budget: Option<Budget>| {
        results.compare(&format!("{hosts} hosts: {what}"), value, budget);
    };
    for (what, taken) in [("plan", &plan), ("first apply", &change), ("no-op", &noop)] {
        compare(&format!("{what}: MiB of the controller"), taken.memory, budget(BUDGETED.1));
    }
    compare("first apply: threads", count(change.threads), Some(Budget::AtMost(STORM)));
    compare("first apply: open files", count(change.files), Some(Budget::AtMost(STORM)));
    compare("first apply: ms of the controller's processor a host", change.cpu * 1000.0 / count(hosts), None);
    compare("first apply: ms a host", change.wall * 1000.0 / count(hosts), None);
    compare("first apply: processor time by bare spawns", change.cpu / floor.cpu, None);
    Ok(())
}

fn once(simulation: &Simulation, command: &str) -> Result<(Finished, Taken)> {
    let taken = watch(simulation.operator()?, simulation.script(&format!("{}{command}", begin()))?)?;
    eprintln!("bench: {command}: {:?}", taken.1);
    Ok(taken)
}

/// Starts `ssh` as many times as `count` says. Each `ssh` runs `true` on a random host.
fn spawns(simulation: &Simulation, count: usize) -> Result<(Finished, Taken)> {
    let loop_ = "xargs -P 16 -I HOST ssh -T -- root@HOST true";
    let hosts = format!("ls \"$SIMULATION/hosts\" | shuf --repeat --head-count {count} > /srv/loop");
    simulation.script(&hosts)?.run()?.success()?;
    once(simulation, &format!("{loop_} < /srv/loop"))
}

#[expect(clippy::cast_precision_loss, reason = "nobody has 2⁵³ hosts")]
const fn count(number: usize) -> f64 {
    number as f64
}
