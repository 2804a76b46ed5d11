//! A fleet of simulated hosts on one machine: each is a directory, and a command on it a process that sees
//! the directory as its root. A program called `ssh` in front of the real one (`checks/simulation/ssh`) is
//! all that `NixFleet` is deceived by: the scripts, the conversation with the host's Nix, its store and the
//! activator are the real ones. There is no sshd and no encryption, no sudo, and no systemd, so that there
//! are no units and no confirmation over a second connection.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::command::Program;
use crate::files::Files;
use crate::guest::Guest;
use crate::lab::{Lab, Plan};

/// Where its hosts are, on the operator's machine.
const PLACE: &str = "/srv/simulation";
/// Where the operator's machine remembers what was done.
pub const STATE: &str = "/srv/state";
/// Where its fleet is.
const FLEET: &str = "/srv/simulated-fleet";

/// The fleet, and the machine that it is simulated on.
#[derive(Debug)]
pub struct Simulation {
    lab: Lab,
    /// How many bytes of the log were read.
    read: AtomicUsize,
}

/// A command on a host that began or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Whether it began; else it ended, or was refused.
    pub began: bool,
    /// `plan`, `send`, `apply`, `rollback`, `status` or `other`.
    pub what: String,
    /// The host.
    pub host: String,
}

impl Simulation {
    /// Boots a lab, of which nothing but the operator's machine is used.
    ///
    /// # Errors
    /// It does not come up.
    pub fn boot(plan: &Plan) -> Result<Self> {
        let simulation = Self { lab: Lab::boot(plan)?, read: AtomicUsize::new(0) };
        simulation.operator()?.ask(&format!("cp -r /srv/nixfleet/checks/simulation {FLEET}"))?;
        Ok(simulation)
    }

    /// Makes so many hosts, in place of those that there were. Their stores have what the closures of all
    /// hosts share.
    ///
    /// # Errors
    /// The closure of the first one does not build.
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

    /// The machine that it is simulated on.
    ///
    /// # Errors
    /// It is down.
    pub fn operator(&self) -> Result<&Guest> {
        Ok(self.lab.operator()?.guest())
    }

    /// A script of the operator, in the fleet, ready to run.
    ///
    /// # Errors
    /// The machine is down.
    pub fn script(&self, script: &str) -> Result<Program> {
        let environment = [
            format!("SIMULATION={PLACE}"),
            format!("PATH={PLACE}:/usr/local/bin:/usr/bin:/bin:/usr/sbin"),
            "USER=ada".to_owned(),
            format!("NIXFLEET_STATE={STATE}"),
            // Thousands of closures that are to be built shall not wait for a disk that nobody measures.
            "NIX_CONFIG=fsync-metadata = false".to_owned(),
        ];
        let program = self.operator()?.program("env")?.args(environment).args(["bash", "-c"]);
        Ok(program.arg(format!("cd {FLEET}\n{script}")).called(script).limit(Duration::from_secs(1800)))
    }

    /// Gives every file of every host another content.
    ///
    /// # Errors
    /// The machine is down.
    pub fn releases(&self, revision: usize) -> Result<()> {
        let script = format!("sed -i 's/revision = [0-9]*;/revision = {revision};/' fleet.nix");
        self.script(&script)?.run()?.success()?;
        Ok(())
    }

    /// The revision that a host has of its first file; nothing where it has none.
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

    /// Has a host refuse so many connections.
    ///
    /// # Errors
    /// The machine is down.
    pub fn refuses(&self, host: &str, times: usize) -> Result<()> {
        self.files()?.write(&format!("{PLACE}/hosts/{host}.refuses"), times.to_string() + "\n")
    }

    /// Puts an empty file in a host.
    ///
    /// # Errors
    /// The machine is down.
    pub fn touch(&self, host: &str, path: &str) -> Result<()> {
        self.files()?.write(&inside(host, path), "")
    }

    /// Takes a file out of a host.
    ///
    /// # Errors
    /// The machine is down.
    pub fn remove(&self, host: &str, path: &str) -> Result<()> {
        self.operator()?.ask(&format!("rm {}", inside(host, path))).map(drop)
    }

    /// What happened on hosts since this was asked last, in order. Hosts write into the log at any time, so
    /// it is never emptied.
    ///
    /// # Errors
    /// The machine is down, or its log cannot be understood.
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
