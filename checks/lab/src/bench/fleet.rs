//! The fleet of sixteen hosts on which the benchmark applies changes, and the commands whose time it
//! measures.

use std::time::Duration;

use anyhow::Result;

use super::{Figure, HOSTS};
use crate::lab::Lab;
use crate::operator::Operator;

/// SSH options with which each command opens a new connection.
pub const FRESH: &str = "-o ControlMaster=no -o ControlPath=none";
/// SSH options with which a command reuses the connection of an earlier command.
pub const WARM: &str = "-o ControlMaster=auto -o ControlPath=/tmp/bench-%h -o ControlPersist=600";
/// The command that applies the fleet.
pub const APPLY: &str = "nixfleet apply --yes";

/// The time limit of one measured command. It is long because a run of Ansible takes minutes.
const LIMIT: Duration = Duration::from_secs(900);

/// Returns a script that runs a shell command on all hosts at the same time over SSH, without any other tool.
pub fn bare(options: &str, command: &str) -> String {
    format!(
        "for host in $(cat inventory); do ssh {options} -o BatchMode=yes deploy@$host {command} & \
         jobs=\"$jobs $!\"; done; for job in $jobs; do wait $job || exit; done"
    )
}

/// The operator's machine of a lab, with a separate fleet for the benchmark.
pub struct Bench<'a> {
    operator: Operator<'a>,
}

impl<'a> Bench<'a> {
    /// Uses the operator's machine of a lab.
    ///
    /// # Errors
    /// The lab has no operator's machine.
    pub fn of(lab: &'a Lab) -> Result<Self> {
        Ok(Self { operator: lab.operator()? })
    }

    /// Creates the benchmark's folder on the operator's machine with a list of all hosts, and runs a script
    /// that adds the fleet.
    ///
    /// # Errors
    /// The script fails.
    pub fn create(&self, script: &str) -> Result<()> {
        let inventory: Vec<_> = (1..=HOSTS).map(super::host).collect();
        let lists =
            format!("mkdir ../bench && cd ../bench && printf '%s\\n' {} > inventory", inventory.join(" "));
        self.operator.types(&format!("{lists} && {script}"))?.success().map(drop)
    }

    /// Runs a command line `runs` times, and returns the measured times as a figure with this name.
    ///
    /// # Errors
    /// The command fails.
    pub fn figure(&self, name: &str, runs: usize, line: &str) -> Result<Figure> {
        Figure::measure(name, runs, |_| self.once(line))
    }

    /// Runs a command line and returns its duration in seconds.
    ///
    /// # Errors
    /// The command fails.
    pub fn once(&self, line: &str) -> Result<f64> {
        let typed = self.operator.typed(&format!("cd ../bench\n{line}"))?;
        let finished = typed.limit(LIMIT).run()?.success()?;
        Ok(finished.took.as_secs_f64())
    }

    /// Closes the SSH connections that earlier commands left open for reuse.
    ///
    /// # Errors
    /// The operator's machine does not answer.
    pub fn forget_connections(&self) -> Result<()> {
        let script = "pkill --uid ada --exact ssh; while pgrep --uid ada --exact ssh; do :; done";
        self.operator.guest().sh(script).map(drop)
    }
}
