//! One host of a lab, controlled from this machine. The functions run commands on the host, cut its power and
//! count its logins. None of them uses SSH, so that tests can count and break the SSH connections of
//! NixFleet.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::{Finished, Program, wait_until};
use crate::control::Control;
use crate::files::Files;
use crate::lab::BOOT_LIMIT;
use crate::spec::GuestDir;

/// The `PATH` of a login on Debian.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A host of a lab.
#[derive(Clone, Debug)]
pub struct Guest {
    name: String,
    addr: String,
    dir: GuestDir,
    control: Control,
}

impl Guest {
    /// Creates the guest with this name and address. The lab keeps the guest's files in `dir`.
    #[must_use]
    pub fn new(name: &str, addr: &str, dir: GuestDir, control: Control) -> Self {
        Self { name: name.to_owned(), addr: addr.to_owned(), dir, control }
    }

    /// Returns the host name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the address.
    #[must_use]
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// Returns a program that runs in the guest as root, with a clean environment.
    ///
    /// # Errors
    /// The guest is down.
    pub fn program(&self, program: &str) -> Result<Program> {
        Ok(self.enter()?.arg(program))
    }

    /// Runs a shell script in the guest as root. The result has the exit code of the script.
    ///
    /// # Errors
    /// The guest is down, or the script exceeds its time limit.
    pub fn sh(&self, script: &str) -> Result<Finished> {
        self.program("sh")?.args(["-c", script]).called(format!("{}# {script}", self.name)).run()
    }

    /// Runs a shell script that must succeed, and returns its standard output without trailing whitespace.
    ///
    /// # Errors
    /// The guest is down, or the script exceeds its time limit or fails.
    pub fn ask(&self, script: &str) -> Result<String> {
        Ok(self.sh(script)?.success()?.line().to_owned())
    }

    /// Opens a login shell in the guest on this terminal, or runs `command` there. Returns the exit code.
    ///
    /// # Errors
    /// The guest is down.
    pub fn shell(&self, command: &[String]) -> Result<i32> {
        let terminal = std::env::var("TERM").unwrap_or_else(|_| "dumb".to_owned());
        let shell = self.enter()?.arg(format!("TERM={terminal}")).limit(Duration::MAX);
        if command.is_empty() {
            shell.args(["bash", "--login"]).run_here()
        } else {
            shell.args(command).run_here()
        }
    }

    /// Returns access to the files of the guest.
    ///
    /// # Errors
    /// The guest is down.
    pub fn files(&self) -> Result<Files> {
        Files::of(&PathBuf::from(format!("/proc/{}/root", self.leader()?)))
    }

    /// Whether the guest is powered on.
    #[must_use]
    pub fn powered(&self) -> bool {
        self.dir.nspawn().exists()
    }

    /// Returns the boot id, which changes with every boot. In a container, systemd sets this id, and not the
    /// kernel.
    ///
    /// # Errors
    /// The guest is down.
    pub fn boot_id(&self) -> Result<String> {
        self.ask("cat /proc/sys/kernel/random/boot_id")
    }

    /// Returns the number of SSH sessions since the guest booted. Each session is one command or shell.
    ///
    /// # Errors
    /// The guest is down.
    pub fn ssh_sessions(&self) -> Result<usize> {
        self.ssh_log("Starting session:")
    }

    /// Returns the number of SSH connections that have logged in since the guest booted.
    ///
    /// # Errors
    /// The guest is down.
    pub fn ssh_connections(&self) -> Result<usize> {
        self.ssh_log("Accepted publickey for ")
    }

    /// Returns the number of log lines of sshd since the boot that start with `begin`.
    fn ssh_log(&self, begin: &str) -> Result<usize> {
        // Until version 9.7 of OpenSSH, sshd itself logs sessions.
        let identifiers = "--identifier sshd --identifier sshd-session";
        let log =
            self.ask(&format!("journalctl --sync; journalctl --boot --quiet --output cat {identifiers}"))?;
        Ok(log.lines().filter(|line| line.starts_with(begin)).count())
    }

    /// Simulates a power failure: all processes of the guest are killed at once.
    ///
    /// # Errors
    /// The supervisor of the lab does not answer.
    pub fn power_cut(&self) -> Result<()> {
        self.control.order(&format!("cut {}", self.name))?;
        wait_until(&format!("{} is down", self.name), Duration::from_secs(20), || Ok(!self.powered()))
    }

    /// Powers the guest on and waits until it is up.
    ///
    /// # Errors
    /// The supervisor of the lab does not answer, or the guest does not boot.
    pub fn power_on(&self) -> Result<()> {
        self.control.order(&format!("start {}", self.name))?;
        self.wait_until_up(BOOT_LIMIT)
    }

    /// Saves a copy of the guest's disk for [`Self::restore`].
    ///
    /// # Errors
    /// The supervisor of the lab does not answer, or cannot copy the disk.
    pub fn save(&self) -> Result<()> {
        self.control.order(&format!("save {}", self.name))?;
        let what = format!("the disk of {} is saved", self.name);
        wait_until(&what, Duration::from_secs(20), || Ok(self.dir.saved().exists()))
    }

    /// Boots the guest, which must be powered off, with the saved copy of its disk. The caller waits until
    /// the guest is up.
    ///
    /// # Errors
    /// The supervisor of the lab does not answer.
    pub fn restore(&self) -> Result<()> {
        self.control.order(&format!("restore {}", self.name))
    }

    /// Returns the upper layer of the guest's disk, which contains everything that the guest has written. The
    /// path leads through the mount namespace of the lab.
    ///
    /// # Errors
    /// The guest is down.
    pub fn disk(&self) -> Result<PathBuf> {
        let launcher = fs::read_to_string(self.dir.nspawn())
            .with_context(|| format!("The host {} is down", self.name))?;
        let upper = self.dir.upper();
        let upper = upper.strip_prefix("/").unwrap_or(&upper);
        Ok(PathBuf::from(format!("/proc/{launcher}/root")).join(upper))
    }

    /// Waits until the guest accepts logins and has no pending systemd jobs.
    ///
    /// # Errors
    /// The guest is not up within `limit`. The message then ends with the last lines of the guest's console.
    pub fn wait_until_up(&self, limit: Duration) -> Result<()> {
        let up = wait_until(&format!("{} answers SSH", self.name), limit, || Ok(self.answers_ssh()))
            .and_then(|()| {
                self.program("systemctl")?.args(["is-system-running", "--wait"]).limit(limit).run()
            });
        match up {
            Ok(state) if state.line() == "running" => Ok(()),
            Ok(state) => bail!(
                "{} is up but {}: {}",
                self.name,
                state.line(),
                self.ask("systemctl --failed --plain --no-legend")?
            ),
            Err(error) => {
                Err(error).with_context(|| format!("The console of {} says:\n{}", self.name, self.console()))
            }
        }
    }

    /// Whether a process listens on port 22 and all users may log in. While a host boots, only root may log
    /// in.
    fn answers_ssh(&self) -> bool {
        let Ok(leader) = self.leader() else { return false };
        // sshd writes this file after it has opened its sockets. As long as the file does not exist, the
        // tables of sockets are not read, because the kernel must do much more work for them.
        if !PathBuf::from(format!("/proc/{leader}/root/run/sshd.pid")).exists() {
            return false;
        }
        let tables = ["tcp", "tcp6"].map(|table| fs::read_to_string(format!("/proc/{leader}/net/{table}")));
        let listens = tables.into_iter().flatten().any(|table| {
            table.lines().any(|line| {
                let fields: Vec<_> = line.split_whitespace().collect();
                // The fields are the local address and the state: 0016 is port 22, 0A is LISTEN.
                fields.len() > 3 && fields[1].ends_with(":0016") && fields[3] == "0A"
            })
        });
        listens && !PathBuf::from(format!("/proc/{leader}/root/run/nologin")).exists()
    }

    /// Returns the last lines of the console.
    fn console(&self) -> String {
        let log = fs::read(self.dir.console()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn enter(&self) -> Result<Program> {
        let leader = self.leader()?.to_string();
        let into = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--target", leader.as_str()];
        let environment =
            [format!("PATH={PATH}"), "HOME=/root".into(), "LANG=C.UTF-8".into(), "TERM=dumb".into()];
        Ok(Program::new("nsenter").args(into).args(["env", "--ignore-environment"]).args(environment))
    }

    /// Returns the process id of the guest's first process, as seen on this machine.
    ///
    /// # Errors
    /// The guest is down.
    pub fn leader(&self) -> Result<u32> {
        let down = || format!("The host {} is down", self.name);
        let launcher = fs::read_to_string(self.dir.nspawn()).with_context(down)?;
        let nspawn = children(&launcher).into_iter().next().with_context(down)?;
        let leader = children(&nspawn).into_iter().find(|pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
            // `NSpid` lists the process's ids in three PID namespaces: those of this machine, of nspawn and
            // of the guest, in this order.
            ids.is_some_and(|ids| ids.split_whitespace().nth(2) == Some("1"))
        });
        leader.and_then(|pid| pid.parse().ok()).with_context(down)
    }
}

fn children(pid: &str) -> Vec<String> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children.split_whitespace().map(str::to_owned).collect()
}
