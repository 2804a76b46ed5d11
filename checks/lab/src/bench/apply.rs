//! Applying to sixteen hosts with twenty files and a unit each, against Ansible and against bare SSH.

use anyhow::Result;

use super::results::Budget;
use super::{Figure, HOSTS, Results};
use crate::guest::Guest;
use crate::lab::Lab;
use crate::operator::Operator;

/// Runs of what takes seconds.
const RUNS: usize = 5;
/// Runs of Ansible, which takes minutes.
const ANSIBLE_RUNS: usize = 3;

/// The host that gets one small change.
const ONE: &str = "host-01";

/// Commands over SSH to all hosts at once, each over a connection of its own.
const FRESH: &str = "-o ControlMaster=no -o ControlPath=none";
/// The same over connections that are open already.
const WARM: &str = "-o ControlMaster=auto -o ControlPath=/tmp/bench-%h -o ControlPersist=600";

/// Measures a no-op and a change of every file.
///
/// # Errors
/// Something that is measured fails.
pub fn measure(lab: &Lab, results: &mut Results) -> Result<()> {
    let operator = lab.operator()?;
    let bench = Bench { operator };
    bench.prepare()?;

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
            bench.set("revision", run + 1)?;
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

/// One file and the restart of its unit on one host: its web server has to show the file, and the change is
/// confirmed over a new connection.
fn small_change(bench: &Bench<'_>, host: &Guest, results: &mut Results) -> Result<()> {
    let ssh = format!("ssh {FRESH} -o BatchMode=yes deploy@{ONE} true");
    let ssh = results.add(bench.figure("bare ssh true, one fresh connection", RUNS, &ssh)?);
    let (connections, sessions) = (host.ssh_connections()?, host.ssh_sessions()?);
    let name = "one small change on one host with a health check, NixFleet, fresh connections";
    let change = results.add(Figure::measure(name, RUNS, |run| {
        bench.forget_connections()?;
        bench.set("small", run + 1)?;
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

const APPLY: &str = "nixfleet apply --yes";
const ANSIBLE: &str = "ansible-playbook playbook.yml";

/// A command of the host's shell on all hosts at once.
fn bare(options: &str, command: &str) -> String {
    format!(
        "for host in $(cat inventory); do ssh {options} -o BatchMode=yes deploy@$host {command} & \
         jobs=\"$jobs $!\"; done; for job in $jobs; do wait $job || exit; done"
    )
}

struct Bench<'a> {
    operator: Operator<'a>,
}

impl Bench<'_> {
    /// Lays out the two descriptions of the fleet, and brings every host to where both have nothing to do.
    fn prepare(&self) -> Result<()> {
        let inventory: Vec<_> = (1..=HOSTS).map(|number| format!("host-{number:02}")).collect();
        let script = format!(
            "mkdir ../bench && cd ../bench && cp /srv/nixfleet/checks/bench/apply/* . && \
             printf '%s\\n' {} > inventory && \
             mkdir bench && for n in $(seq 20); do head -c 60 /dev/urandom > bench/$n.conf; done && \
             tar -cf files.tar bench",
            inventory.join(" ")
        );
        self.operator.types(&script)?.success()?;
        self.once(APPLY)?;
        self.once(ANSIBLE)?;
        Ok(())
    }

    fn figure(&self, name: &str, runs: usize, line: &str) -> Result<Figure> {
        Figure::measure(name, runs, |_| self.once(line))
    }

    /// Types a line and returns its seconds.
    fn once(&self, line: &str) -> Result<f64> {
        let typed = self.operator.typed(&format!("cd ../bench\n{line}"))?;
        let finished = typed.limit(std::time::Duration::from_secs(900)).run()?.success()?;
        Ok(finished.took.as_secs_f64())
    }

    /// Gives one of the numbers of the fleet another value.
    fn set(&self, name: &str, value: usize) -> Result<()> {
        let line = format!("sed -i 's/{name} = [0-9]*;/{name} = {value};/' fleet.nix");
        self.once(&line).map(|_| ())
    }

    /// Ends the connections that an earlier command left open for the next one.
    fn forget_connections(&self) -> Result<()> {
        self.operator
            .guest()
            .sh("pkill --uid ada --exact ssh; while pgrep --uid ada --exact ssh; do :; done")?;
        Ok(())
    }
}
