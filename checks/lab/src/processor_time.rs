//! The processor time of a program and of all hosts that it boots.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::Duration;

use crate::cgroup;
use crate::command::wait_until;

/// A control group that counts the processor time of its processes. It is in the hierarchy `cpuacct` of
/// version 1 of control groups, because a lab moves its hosts to other groups of version 2.
#[derive(Debug)]
pub struct ProcessorTime {
    path: PathBuf,
}

impl ProcessorTime {
    /// Creates a group with this name. Returns nothing if this machine does not have the hierarchy.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let is_wanted =
            |kind: &str, options: &str| kind == "cgroup" && options.split(',').any(|it| it == "cpuacct");
        let root = cgroup::mounted(is_wanted).ok()??;
        let path = root.join(format!("nixfleet-test-{}-{name}", process::id()));
        fs::create_dir(&path).ok()?;
        Some(Self { path })
    }

    /// Returns a command that starts a program in this group.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo $$ >\"$0\" && exec \"$@\""])
            .arg(self.path.join("cgroup.procs"))
            .arg(program);
        command
    }

    /// Returns the processor time until now.
    #[must_use]
    pub fn used(&self) -> Option<Duration> {
        let text = fs::read_to_string(self.path.join("cpuacct.usage")).ok()?;
        text.trim().parse().ok().map(Duration::from_nanos)
    }
}

impl Drop for ProcessorTime {
    fn drop(&mut self) {
        // The labs of a test program end a moment after the program. A group that stays is harmless.
        wait_until("the group is empty", Duration::from_secs(10), || Ok(fs::remove_dir(&self.path).is_ok()))
            .ok();
    }
}
