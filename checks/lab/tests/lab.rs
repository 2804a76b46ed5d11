//! Tests that the lab is cleaned up, however it ends.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nixfleet_lab::cgroup::Cgroup;
use nixfleet_lab::command::wait_until;
use nixfleet_lab::lab::{BOOT_LIMIT, Lab, Plan};
use nixfleet_lab::spec::Spec;
use nixfleet_lab::{place, reaper};
use rustix::process::{Pid, Signal, kill_process};

/// The time limit for the removal of a lab.
const LIMIT: Duration = Duration::from_secs(30);

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

/// Returns the directory and the control group of a lab.
fn traces(name: &str) -> (PathBuf, Cgroup) {
    let dir = place::of_lab(name);
    let spec = Spec::read(&dir).unwrap();
    (dir, Cgroup::of_lab(&spec.id).unwrap())
}

#[test]
fn a_lab_whose_supervisor_is_killed_is_removed_by_the_next_one_that_looks() {
    let plan = Plan::of_test();
    let lab = Lab::boot_detached(&plan).unwrap();
    let (dir, cgroup) = traces(plan.name());
    let supervisor = cgroup.child("supervisor").processes().unwrap()[0];
    let guests: Vec<_> = lab.hosts().map(|host| host.leader().unwrap()).collect();

    kill(supervisor, Signal::KILL);

    let dead = |pid: &u32| !PathBuf::from(format!("/proc/{pid}")).exists();
    wait_until("its hosts are dead", LIMIT, || Ok(guests.iter().all(dead))).unwrap();
    let running = reaper::reap(&reaper::exclusively().unwrap()).unwrap();
    assert!(running.iter().all(|lab| lab.name != plan.name()));
    assert!(!dir.exists());
    assert!(!cgroup.exists());
    assert!(cgroup.shadow().is_none_or(|shadow| !shadow.exists()));
}

#[test]
fn a_lab_ends_with_the_process_that_booted_it() {
    let mut tests = Command::new(env!("CARGO_BIN_EXE_nixfleet-lab"))
        .args(["test", "--only", "nix"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let name = format!("nix-{}", tests.id());
    wait_until("its lab boots", BOOT_LIMIT, || Ok(Spec::read(&place::of_lab(&name)).is_ok())).unwrap();
    let (dir, cgroup) = traces(&name);
    wait_until("its hosts run", BOOT_LIMIT, || Ok(cgroup.child("operator").exists())).unwrap();

    kill(tests.id(), Signal::INT);
    tests.wait().unwrap();

    wait_until("its lab is gone", LIMIT, || Ok(!dir.exists() && !cgroup.exists())).unwrap();
}

#[test]
fn a_lab_ends_with_a_test_that_panics() {
    let name = format!("panics-{}", std::process::id());
    let plan = Plan::new(&name);
    let panicked = thread::spawn(move || {
        let _lab = Lab::boot(&plan).unwrap();
        assert!(traces(&name).0.exists());
        std::panic::resume_unwind(Box::new(traces(&name)));
    });
    let (dir, cgroup) = *panicked.join().unwrap_err().downcast::<(PathBuf, Cgroup)>().unwrap();
    assert!(!dir.exists());
    assert!(!cgroup.exists());
}
