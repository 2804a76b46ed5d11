//! One host of a lab, seen from outside: commands in it, its power, its logins. None of this goes through
//! SSH, so that tests can count and break what does.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::{Finished, Program, wait_until};
use crate::control::Control;
use crate::files::Files;
use crate::lab::BOOT_LIMIT;
use crate::spec::GuestDir;

/// The search path of a login on Debian.
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
    /// The guest of this name, whose files are in `dir`.
    #[must_use]
    pub fn new(name: &str, addr: &str, dir: GuestDir, control: Control) -> Self {
        Self { name: name.to_owned(), addr: addr.to_owned(), dir, control }
    }

    /// Its host name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address.
    #[must_use]
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// A program to be run in it as root, with a clean environment.
    ///
    /// # Errors
    /// The guest is down.
    pub fn program(&self, program: &str) -> Result<Program> {
        Ok(self.enter()?.arg(program))
    }

    /// Runs a shell script in it as root; the exit code is the script's.
    ///
    /// # Errors
    /// The guest is down, or the script does not end within a minute.
    pub fn sh(&self, script: &str) -> Result<Finished> {
        self.program("sh")?.args(["-c", script]).called(format!("{}# {script}", self.name)).run()
    }

    /// Runs a shell script that has to succeed, and returns what it printed, without the line end.
    ///
    /// # Errors
    /// As for [`Self::sh`], or the script fails.
    pub fn ask(&self, script: &str) -> Result<String> {
        Ok(self.sh(script)?.success()?.line().to_owned())
    }

    /// Opens a login shell in it on this terminal, or runs `command` there, and returns the exit code.
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

    /// Its files.
    ///
    /// # Errors
    /// The guest is down.
    pub fn files(&self) -> Result<Files> {
        Files::of(&PathBuf::from(format!("/proc/{}/root", self.leader()?)))
    }

    /// Whether it is powered.
    #[must_use]
    pub fn powered(&self) -> bool {
        self.dir.nspawn().exists()
    }

    /// Its kernel's boot id; in a container, systemd's, which changes with every boot.
    ///
    /// # Errors
    /// The guest is down.
    pub fn boot_id(&self) -> Result<String> {
        self.ask("cat /proc/sys/kernel/random/boot_id")
    }

    /// How many sessions, each one command or shell, were opened in it over SSH since it booted.
    ///
    /// # Errors
    /// The guest is down.
    pub fn ssh_sessions(&self) -> Result<usize> {
        self.ssh_log("Starting session:")
    }

    /// How many connections over SSH have logged in to it since it booted.
    ///
    /// # Errors
    /// The guest is down.
    pub fn ssh_connections(&self) -> Result<usize> {
        self.ssh_log("Accepted publickey for ")
    }

    /// How many lines of sshd since it booted begin like this.
    fn ssh_log(&self, begin: &str) -> Result<usize> {
        let log =
            self.ask("journalctl --sync; journalctl --boot --quiet --output cat --identifier sshd-session")?;
        Ok(log.lines().filter(|line| line.starts_with(begin)).count())
    }

    /// Takes its power away: every process dies at one instant.
    ///
    /// # Errors
    /// The lab's supervisor does not answer.
    pub fn power_cut(&self) -> Result<()> {
        self.control.order(&format!("cut {}", self.name))?;
        wait_until(&format!("{} is down", self.name), Duration::from_secs(20), || Ok(!self.powered()))
    }

    /// Powers it on and waits until it is up.
    ///
    /// # Errors
    /// The lab's supervisor does not answer, or the guest does not come up.
    pub fn power_on(&self) -> Result<()> {
        self.control.order(&format!("start {}", self.name))?;
        self.wait_until_up(BOOT_LIMIT)
    }

    /// Waits until it takes logins and has nothing left to start.
    ///
    /// # Errors
    /// It does not come up within `limit`; the message ends with its console.
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

    /// Whether something listens on port 22, and users other than root may log in.
    fn answers_ssh(&self) -> bool {
        let Ok(leader) = self.leader() else { return false };
        let tables = ["tcp", "tcp6"].map(|table| fs::read_to_string(format!("/proc/{leader}/net/{table}")));
        let listens = tables.into_iter().flatten().any(|table| {
            table.lines().any(|line| {
                let fields: Vec<_> = line.split_whitespace().collect();
                // Local address and state; 0016 is port 22, 0A is LISTEN.
                fields.len() > 3 && fields[1].ends_with(":0016") && fields[3] == "0A"
            })
        });
        listens && !PathBuf::from(format!("/proc/{leader}/root/run/nologin")).exists()
    }

    /// The last lines on its console.
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

    /// The process id, on this machine, of the guest's first process.
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
            // Its ids in the machine's process namespace, in that of nspawn, and in its own.
            ids.is_some_and(|ids| ids.split_whitespace().nth(2) == Some("1"))
        });
        leader.and_then(|pid| pid.parse().ok()).with_context(down)
    }
}

fn children(pid: &str) -> Vec<String> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children.split_whitespace().map(str::to_owned).collect()
}
