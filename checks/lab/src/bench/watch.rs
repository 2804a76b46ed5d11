//! Measures the resources that a process uses. The programs that it starts are not counted.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::command::{Finished, Program, wait_until};
use crate::guest::Guest;

/// The file to which a watched script writes its process id.
const PID: &str = "/run/watched";
/// The interval between two measurements.
const PAUSE: Duration = Duration::from_millis(5);
/// The number of clock ticks per second in which `/proc` counts processor time. It is the same on every
/// machine that the lab runs on.
const TICKS_A_SECOND: f64 = 100.0;

/// The resources that a process has used.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// The maximum memory, in MiB.
    pub memory: f64,
    /// The processor time, in seconds.
    pub cpu: f64,
    /// The duration from start to end, in seconds.
    pub wall: f64,
    /// The maximum number of threads.
    pub threads: usize,
    /// The maximum number of open files.
    pub files: usize,
}

/// Returns the beginning of a script to watch. Exactly one command has to follow this text, because `exec`
/// replaces the shell with the command.
pub fn begin() -> String {
    format!("echo $$ > {PID}; exec ")
}

/// Runs a program in a guest and measures it. The program is a script that starts with the text from
/// [`begin`].
///
/// # Errors
/// The program cannot be started, or fails.
pub fn watch(guest: &Guest, program: Program) -> Result<(Finished, Taken)> {
    guest.ask(&format!("rm -f {PID}"))?;
    let root = PathBuf::from(format!("/proc/{}/root", guest.leader()?));
    thread::scope(|scope| {
        let run = scope.spawn(|| program.run());
        let mut pid = String::new();
        wait_until("the program has begun", Duration::from_secs(60), || {
            pid = fs::read_to_string(root.join(&PID[1..])).unwrap_or_default();
            Ok(pid.ends_with('\n') || run.is_finished())
        })?;
        let process = root.join("proc").join(pid.trim());
        let mut taken = Taken::default();
        while !run.is_finished() {
            // An error is ignored, because the process may end at any moment.
            let _ = look(&process, &mut taken);
            thread::sleep(PAUSE);
        }
        let finished = run.join().ok().context("The thread of the program ended")??.success()?;
        Ok((finished.clone(), Taken { wall: finished.took.as_secs_f64(), ..taken }))
    })
}

#[expect(clippy::cast_precision_loss, reason = "no program takes 2⁵³ of anything")]
fn look(process: &Path, taken: &mut Taken) -> Option<()> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let number = |text: &str| text.split_whitespace().next()?.parse::<u64>().ok();
    let value = |name: &str| number(status.lines().find_map(|line| line.strip_prefix(name))?);
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    // The program's name in parentheses may contain any character, so the fields are counted after the last
    // `)`: the state, ten other numbers, then the processor time in user mode and in the kernel.
    let times = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2);
    let ticks: u64 = times.filter_map(number).sum();
    taken.memory = taken.memory.max(value("VmHWM:")? as f64 / 1024.0);
    taken.threads = taken.threads.max(usize::try_from(value("Threads:")?).ok()?);
    taken.cpu = taken.cpu.max(ticks as f64 / TICKS_A_SECOND);
    taken.files = taken.files.max(fs::read_dir(process.join("fd")).ok()?.count());
    Some(())
}
