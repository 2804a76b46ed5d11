//! A fleet of simulated hosts on one machine. Each host is a directory, and a command on the host is a
//! process that has this directory as its root. Only one program is fake: `checks/simulation/ssh` comes
//! before the real `ssh` in `PATH`. The scripts, the Nix store of each host, the protocol of Nix on the host,
//! and the activator are real. There is no sshd, no encryption, no sudo and no systemd. So hosts have no
//! units, and changes are not confirmed over a second connection.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::command::Program;
use crate::files::Files;
use crate::guest::Guest;
use crate::lab::{Lab, Plan};

/// The directory of the simulated hosts on the operator's machine.
const PLACE: &str = "/srv/simulation";
/// The state directory of the command line on the operator's machine.
pub const STATE: &str = "/srv/state";
/// The directory of the fleet on the operator's machine.
const FLEET: &str = "/srv/simulated-fleet";

/// A simulated fleet, and the lab with the machine that it runs on.
#[derive(Debug)]
pub struct Simulation {
    lab: Lab,
    /// The number of bytes of the hosts' log that [`Self::log`] has read so far.
    read: AtomicUsize,
}

/// The start or the end of a command on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// True if the command started, and false if it ended or the host refused the connection.
    pub began: bool,
    /// The type of the command: `plan`, `send`, `apply`, `rollback`, `status` or `other`, or `refused` for a
    /// refused connection.
    pub what: String,
    /// The name of the host.
    pub host: String,
}

impl Simulation {
    /// Boots a lab that has only the operator's machine.
    ///
    /// # Errors
    /// The lab does not boot.
    pub fn boot(plan: &Plan) -> Result<Self> {
        let simulation = Self { lab: Lab::boot(plan)?, read: AtomicUsize::new(0) };
        simulation.operator()?.ask(&format!("cp -r /srv/nixfleet/checks/simulation {FLEET}"))?;
        Ok(simulation)
    }

    /// Creates `hosts` new hosts and removes the previous hosts. The store of each new host already contains
    /// the paths that the closures of all hosts have in common.
    ///
    /// # Errors
    /// The closure of the first host cannot be built.
    pub fn found(&self, hosts: usize) -> Result<()> {
        let script = format!(
            "umount {PLACE} 2>/dev/null; sed -i 's/count = [0-9]*;/count = {hosts};/' fleet.nix && \
             closure=$(nix build --no-link --print-out-paths .#nixfleet.hosts.host-0001.toplevel) && \
             ./found {hosts} $(nix-store --query --references \"$closure\")"
        );
        self.script(&script)?.limit(Duration::from_secs(600)).run()?.success()?;
        self.read.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Returns the machine on which the hosts are simulated.
    ///
    /// # Errors
    /// The machine is down.
    pub fn operator(&self) -> Result<&Guest> {
        Ok(self.lab.operator()?.guest())
    }

    /// Returns a program that runs a shell script on the operator's machine, in the directory of the fleet.
    ///
    /// # Errors
    /// The machine is down.
    pub fn script(&self, script: &str) -> Result<Program> {
        let environment = [
            format!("SIMULATION={PLACE}"),
            format!("PATH={PLACE}:/usr/local/bin:/usr/bin:/bin:/usr/sbin"),
            "USER=ada".to_owned(),
            format!("NIXFLEET_STATE={STATE}"),
            // Nix does not wait for the disk here. To wait would slow down the build of thousands of
            // closures, and the benchmark does not measure the disk.
            "NIX_CONFIG=fsync-metadata = false".to_owned(),
        ];
        let program = self.operator()?.program("env")?.args(environment).args(["bash", "-c"]);
        Ok(program.arg(format!("cd {FLEET}\n{script}")).called(script).limit(Duration::from_secs(1800)))
    }

    /// Sets the revision in `fleet.nix`, so that the next apply changes every managed file of every host.
    ///
    /// # Errors
    /// The machine is down.
    pub fn releases(&self, revision: usize) -> Result<()> {
        let script = format!("sed -i 's/revision = [0-9]*;/revision = {revision};/' fleet.nix");
        self.script(&script)?.run()?.success()?;
        Ok(())
    }

    /// Returns the revision in the first managed file of a host, or nothing if the host does not have the
    /// file.
    ///
    /// # Errors
    /// The machine is down.
    pub fn revision(&self, host: &str) -> Result<Option<usize>> {
        let path = inside(host, "/etc/simulated/0.conf");
        let files = self.files()?;
        if !files.exists(&path) {
            return Ok(None);
        }
        let text = files.text(&path)?;
        let revision = text.lines().find_map(|line| line.strip_prefix("revision = "));
        Ok(Some(revision.context("A file has no revision")?.parse()?))
    }

    /// Makes a host refuse its next `times` connections.
    ///
    /// # Errors
    /// The machine is down.
    pub fn refuses(&self, host: &str, times: usize) -> Result<()> {
        self.files()?.write(&format!("{PLACE}/hosts/{host}.refuses"), times.to_string() + "\n")
    }

    /// Creates an empty file on a host.
    ///
    /// # Errors
    /// The machine is down.
    pub fn touch(&self, host: &str, path: &str) -> Result<()> {
        self.files()?.write(&inside(host, path), "")
    }

    /// Removes a file from a host.
    ///
    /// # Errors
    /// The machine is down.
    pub fn remove(&self, host: &str, path: &str) -> Result<()> {
        self.operator()?.ask(&format!("rm {}", inside(host, path))).map(drop)
    }

    /// Returns the entries that were added to the hosts' log since the last call, in order. The log is never
    /// truncated, because hosts may append to it at any time.
    ///
    /// # Errors
    /// The machine is down, or its log cannot be parsed.
    pub fn log(&self) -> Result<Vec<Noted>> {
        let text = self.files()?.text(&format!("{PLACE}/log"))?;
        let unread = text.get(self.read.load(Ordering::Relaxed)..).context("The log has become shorter")?;
        let lines = unread.rfind('\n').map_or("", |end| &unread[..=end]);
        self.read.fetch_add(lines.len(), Ordering::Relaxed);
        lines
            .lines()
            .map(|line| noted(line).with_context(|| format!("Not a line of the log: {line}")))
            .collect()
    }

    fn files(&self) -> Result<Files> {
        self.operator()?.files()
    }
}

fn inside(host: &str, path: &str) -> String {
    format!("{PLACE}/hosts/{host}{path}")
}

fn noted(line: &str) -> Option<Noted> {
    let words: Vec<&str> = line.split(' ').collect();
    let [verb @ ("begin" | "end" | "refused"), rest @ .., host] = words.as_slice() else { return None };
    let what = if *verb == "refused" { "refused".to_owned() } else { rest.concat() };
    Some(Noted { began: *verb == "begin", what, host: (*host).to_owned() })
}
