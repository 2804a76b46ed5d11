//! Kills the released activator, or cuts the power of its host, at random moments of a change while the host
//! is busy.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use nixfleet_lab::command::{Finished, wait_until};
use rustix::process::{Pid, Signal, kill_process};

use super::field::{End, Field, prepared};
use super::{SOAK, report};

/// A script that starts two programs that never end. One program computes, and the other writes to the
/// disk. Other tests that run at the same time get most of the processor. The programs run only during a
/// change, because a busy host makes no difference before and after it.
const LOAD: &str = "setsid nice sh -c 'while :; do head -c 20M /dev/urandom | sha256sum; done' >/dev/null 2>&1 &
                    echo $! >/run/load
                    setsid nice sh -c 'while :; do dd if=/dev/zero of=/var/tmp/load bs=1M count=8 conv=fsync; done' \
                    >/dev/null 2>&1 &
                    echo $! >>/run/load";
/// A script that ends the programs of [`LOAD`].
const RELIEF: &str = "for leader in $(cat /run/load); do kill -s KILL -- \"-$leader\"; done";
/// The limit for each wait, which is far longer than any wait takes.
const LIMIT: Duration = Duration::from_secs(120);

/// A random number generator that returns the same sequence in each run.
struct Chance(u64);

impl Chance {
    /// Returns a random number below a limit.
    const fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// The processes to kill.
#[derive(Clone, Copy, Debug)]
enum Victim {
    /// The main process of the run, which changes the host.
    Run,
    /// The main process and the tools that it runs.
    Unit,
    /// The main process, and then the recovery that runs after it.
    Recovery,
}

/// A run of the activator in its own unit, as the command line starts it.
struct Run<'f> {
    field: &'f Field<'f>,
    name: String,
}

impl<'f> Run<'f> {
    fn new(field: &'f Field<'f>, number: usize) -> Self {
        Self { field, name: format!("c{number:031x}") }
    }

    /// Starts the change on a host that is busy from now on, and waits for its end.
    fn finish(&self) -> Finished {
        let change = ["apply", "--closure", &self.field.closure, "--json", "--run", &self.name];
        self.field.guest.ask(LOAD).unwrap();
        self.field.activator().args(change).limit(LIMIT).run().unwrap()
    }

    /// Ends the programs that keep the host busy.
    fn relieve(&self) {
        self.field.guest.ask(RELIEF).unwrap();
    }

    /// Returns the processes of the unit: their ids on this machine, and their command lines.
    fn processes(&self) -> Vec<(Pid, String)> {
        let leader = self.field.guest.leader().unwrap();
        let group =
            format!("/proc/{leader}/root/sys/fs/cgroup/system.slice/nixfleet-run-{}.service", self.name);
        let listed = fs::read_to_string(PathBuf::from(group).join("cgroup.procs")).unwrap_or_default();
        let known = |id: &str| {
            let words = fs::read(format!("/proc/{id}/cmdline")).ok()?;
            Some((Pid::from_raw(id.parse().ok()?)?, String::from_utf8_lossy(&words).replace('\0', " ")))
        };
        listed.lines().filter_map(known).collect()
    }

    /// Returns the process of the unit whose command line contains a word.
    fn process(&self, word: &str) -> Option<Pid> {
        self.processes().into_iter().find(|(_, words)| words.contains(word)).map(|(pid, _)| pid)
    }

    fn wait_for(&self, word: &str, limit: Duration) -> Option<Pid> {
        let begun = Instant::now();
        loop {
            match self.process(word) {
                None if begun.elapsed() < limit => thread::sleep(Duration::from_millis(1)),
                found => return found,
            }
        }
    }

    /// Kills the run some time after its start. Returns whether it was still running.
    fn kill(&self, victim: Victim, after: Duration) -> bool {
        let Some(main) = self.wait_for("--in-unit", LIMIT) else { return false };
        thread::sleep(after);
        let all = self.processes();
        let killed = self.process("--in-unit") == Some(main) && kill_process(main, Signal::KILL).is_ok();
        match victim {
            Victim::Run => {}
            Victim::Unit => {
                for (pid, _) in all {
                    // Some processes may have ended already.
                    let _ = kill_process(pid, Signal::KILL);
                }
            }
            Victim::Recovery => {
                if let Some(pid) = self.wait_for("--after", Duration::from_secs(5)).filter(|_| killed) {
                    thread::sleep(after / 4);
                    let _ = kill_process(pid, Signal::KILL);
                }
            }
        }
        killed
    }

    /// Waits until the unit has no more processes.
    fn wait_until_over(&self) {
        wait_until("the unit of the run is over", LIMIT, || Ok(self.processes().is_empty())).unwrap();
    }
}

/// Repeats `once` until it has succeeded `times` times. If [`SOAK`] is set, repeats `once` for that time
/// instead. Returns the number of successes.
fn often(times: usize, mut once: impl FnMut(usize) -> bool) -> usize {
    let soak = std::env::var(SOAK).ok().map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
    let begun = Instant::now();
    let mut done = 0;
    for attempt in 0.. {
        let over = soak.map_or(done == times, |soak| begun.elapsed() > soak);
        if over {
            break;
        }
        assert!(soak.is_some() || attempt < times * 8, "{done} of {attempt} attempts came in time");
        done += usize::from(once(attempt));
    }
    done
}

/// Measures how long a change takes on a busy host, in microseconds, and resets the host.
fn measured(field: &mut Field<'_>) -> u64 {
    let begun = Instant::now();
    let run = Run::new(field, usize::MAX);
    run.finish().success().unwrap();
    let took = begun.elapsed();
    run.relieve();
    field.set_back();
    u64::try_from(took.as_micros()).unwrap()
}

#[test]
#[ignore = "run by make soak-hosts"]
fn killed_at_any_moment_of_a_busy_host() {
    let lab = prepared();
    let mut field = Field::of(&lab);
    let took = measured(&mut field);
    let mut chance = Chance(0x006e_6978_666c_6565);
    let mut failures = Vec::new();
    let done = often(3, |attempt| {
        let victim = [Victim::Run, Victim::Unit, Victim::Recovery][attempt % 3];
        let after = Duration::from_micros(chance.below(took));
        let run = Run::new(&field, attempt);
        let (finished, killed) = thread::scope(|scope| {
            let finished = scope.spawn(|| run.finish());
            let killed = run.kill(victim, after);
            (finished.join().unwrap(), killed)
        });
        run.relieve();
        run.wait_until_over();
        let next = field.activator().args(["rollback", "--to", "99", "--json"]).run().unwrap();
        let end = field.judge();
        let said = match &end {
            _ if !next.stdout.contains("NF-409") => false,
            Ok((End::Old, _)) => killed && !finished.stdout.contains(r#""outcome":"ok""#),
            Ok((End::New, _)) => !finished.stdout.contains("rolled-back"),
            Err(_) => false,
        };
        if !said {
            let end = end.map(|(end, _)| end);
            failures
                .push(format!("{victim:?} killed after {after:?} ({killed}): {end:#?}\n{finished}\n{next}"));
        }
        field.set_back();
        killed
    });
    report(
        "chance::killed_at_any_moment_of_a_busy_host",
        &format!("{done} kills at random moments"),
        &failures,
    );
}

#[test]
fn without_power_at_any_moment_of_a_busy_host() {
    let lab = prepared();
    let mut field = Field::of(&lab);
    let took = measured(&mut field);
    let mut chance = Chance(0x0070_6f77_6572_6375);
    let mut failures = Vec::new();
    let done = often(2, |attempt| {
        let after = Duration::from_micros(chance.below(took));
        let run = Run::new(&field, attempt);
        let in_time = thread::scope(|scope| {
            scope.spawn(|| run.finish());
            let began = run.wait_for("--in-unit", LIMIT).is_some();
            thread::sleep(after);
            let in_time = began && run.process("--in-unit").is_some();
            field.guest.power_cut().unwrap();
            in_time
        });
        field.guest.power_on().unwrap();
        let left = field.guest.files().unwrap().exists("/var/lib/nixfleet/journal.json");
        let next = field.activator().args(["recover", "--json"]).run().unwrap();
        let end = field.judge();
        if left || !next.ok() || end.is_err() {
            let end = end.map(|(end, _)| end);
            failures.push(format!("without power after {after:?}: journal {left}, {end:#?}\n{next}"));
        }
        field.set_back();
        in_time
    });
    report(
        "chance::without_power_at_any_moment_of_a_busy_host",
        &format!("{done} power cuts at random moments"),
        &failures,
    );
}
