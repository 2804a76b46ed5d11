//! The fleet of sixteen hosts to which the benchmark applies changes, and the commands that it measures
//! there.

use std::time::Duration;

use anyhow::Result;

use super::{Figure, HOSTS};
use crate::lab::Lab;
use crate::operator::Operator;

/// SSH options that open a new connection for each command.
pub const FRESH: &str = "-o ControlMaster=no -o ControlPath=none";
/// SSH options that reuse open connections.
pub const WARM: &str = "-o ControlMaster=auto -o ControlPath=/tmp/bench-%h -o ControlPersist=600";
/// The command that applies the fleet.
pub const APPLY: &str = "nixfleet apply --yes";

/// The time limit of one command. A run of Ansible takes minutes.
const LIMIT: Duration = Duration::from_secs(900);

/// Returns a script that runs a shell command on all hosts at once.
pub fn bare(options: &str, command: &str) -> String {
    format!(
        "for host in $(cat inventory); do ssh {options} -o BatchMode=yes deploy@$host {command} & \
         jobs=\"$jobs $!\"; done; for job in $jobs; do wait $job || exit; done"
    )
}

/// The operator's machine, with a fleet of its own for the benchmark.
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

    /// Creates the folder of the fleet with a list of all hosts, and runs a script that fills the folder.
    ///
    /// # Errors
    /// The script fails.
    pub fn create(&self, script: &str) -> Result<()> {
        let inventory: Vec<_> = (1..=HOSTS).map(super::host).collect();
        let lists =
            format!("mkdir ../bench && cd ../bench && printf '%s\\n' {} > inventory", inventory.join(" "));
        self.operator.types(&format!("{lists} && {script}"))?.success().map(drop)
    }

    /// Measures several runs of a command line.
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
