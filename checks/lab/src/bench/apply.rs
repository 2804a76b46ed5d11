//! Measures applies to sixteen hosts with twenty files and one unit each, compared with Ansible and with bare
//! SSH.

use anyhow::Result;

use super::fleet::{APPLY, Bench, FRESH, WARM, bare};
use super::results::Budget;
use super::{Figure, Results};
use crate::guest::Guest;
use crate::lab::Lab;

/// The number of runs of each fast measurement, which takes seconds.
const RUNS: usize = 5;
/// The number of runs of each Ansible measurement, which takes minutes.
const ANSIBLE_RUNS: usize = 3;

/// The host of the small-change benchmark, which changes one file of one host.
const ONE: &str = "host-01";

/// Measures an apply without changes, an apply that changes every file, and a small change on one host.
///
/// # Errors
/// A measured command fails.
pub fn measure(lab: &Lab, results: &mut Results) -> Result<()> {
    let bench = Bench::of(lab)?;
    prepare(&bench)?;

    let fresh = results.add(bench.figure(
        "bare ssh true, 16 fresh connections at once",
        RUNS,
        &bare(FRESH, "true"),
    )?);
    bench.once(&bare(WARM, "true"))?;
    let warm =
        results.add(bench.figure("bare ssh true, 16 open connections at once", RUNS, &bare(WARM, "true"))?);
    let noop = results.add(Figure::measure("no-op apply, NixFleet, fresh connections", RUNS, |_| {
        bench.forget_connections()?;
        bench.once(APPLY)
    })?);
    let noop_ansible = results.add(bench.figure("no-op apply, Ansible", ANSIBLE_RUNS, ANSIBLE)?);
    let change =
        results.add(Figure::measure("every file changed, NixFleet, fresh connections", RUNS, |run| {
            bench.forget_connections()?;
            set(&bench, "revision", run + 1)?;
            bench.once(APPLY)
        })?);
    let change_ansible = results.add(Figure::measure("every file changed, Ansible", ANSIBLE_RUNS, |run| {
        bench.once(&format!("{ANSIBLE} --extra-vars revision={}", run + 1))
    })?);
    let copy = bare(FRESH, "\"rm -rf /tmp/bench && tar -xC /tmp\" < files.tar");
    let copy =
        results.add(bench.figure("bare copy of 20 files, 16 fresh connections at once", RUNS, &copy)?);

    small_change(&bench, lab.guest(ONE)?, results)?;

    results.compare("no-op apply: NixFleet by bare ssh, both fresh", noop / fresh, Some(Budget::AtMost(2.0)));
    results.compare("no-op apply: NixFleet (fresh) by bare ssh (open)", noop / warm, None);
    results.compare("no-op apply: Ansible by NixFleet", noop_ansible / noop, Some(Budget::AtLeast(80.0)));
    results.compare(
        "every file changed: Ansible by NixFleet",
        change_ansible / change,
        Some(Budget::AtLeast(40.0)),
    );
    let floor = change / (fresh + copy);
    results.compare("every file changed: NixFleet by bare ssh + bare copy", floor, Some(Budget::AtMost(4.0)));
    Ok(())
}

/// Measures the change of one file and the restart of its unit on one host. A health check verifies that the
/// web server returns the file. The change includes the confirmation, for which the operator connects to the
/// host again.
fn small_change(bench: &Bench<'_>, host: &Guest, results: &mut Results) -> Result<()> {
    let ssh = format!("ssh {FRESH} -o BatchMode=yes deploy@{ONE} true");
    let ssh = results.add(bench.figure("bare ssh true, one fresh connection", RUNS, &ssh)?);
    let (connections, sessions) = (host.ssh_connections()?, host.ssh_sessions()?);
    let name = "one small change on one host with a health check, NixFleet, fresh connections";
    let change = results.add(Figure::measure(name, RUNS, |run| {
        bench.forget_connections()?;
        set(bench, "small", run + 1)?;
        bench.once(&format!("{APPLY} --host {ONE}"))
    })?);
    let each = |before, after: usize| u32::try_from((after - before) / RUNS).map(f64::from);
    let connections = each(connections, host.ssh_connections()?)?;
    let sessions = each(sessions, host.ssh_sessions()?)?;
    results.compare("one small change: NixFleet by bare ssh", change / ssh, None);
    results.compare("one small change: SSH connections", connections, Some(Budget::AtMost(2.0)));
    results.compare("one small change: SSH execs", sessions, Some(Budget::AtMost(3.0)));
    Ok(())
}

const ANSIBLE: &str = "ansible-playbook playbook.yml";

/// Creates a description of the fleet for NixFleet and another description for Ansible. Then it applies both
/// descriptions, so that neither tool has anything left to change.
fn prepare(bench: &Bench<'_>) -> Result<()> {
    bench.create("cp /srv/nixfleet/checks/bench/apply/* .")?;
    bench.once(
        "mkdir bench && for n in $(seq 20); do head -c 60 /dev/urandom > bench/$n.conf; done && \
         tar -cf files.tar bench",
    )?;
    bench.once(APPLY)?;
    bench.once(ANSIBLE)?;
    Ok(())
}

/// Sets one of the numbers in `fleet.nix` to another value.
fn set(bench: &Bench<'_>, name: &str, value: usize) -> Result<()> {
    bench.once(&format!("sed -i 's/{name} = [0-9]*;/{name} = {value};/' fleet.nix")).map(drop)
}
