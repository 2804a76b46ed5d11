//! Labs that several tests of a program use, one after the other.

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use nixfleet_lab::condition::Condition;
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::{BOOT_LIMIT, Lab};

/// The paths of the operator's machine that need not be as before: the home, which is restored in any case,
/// and the roots of paths in the Nix store.
const OF_OPERATOR: [&str; 2] = ["/home/ada", "/nix/var/nix/gcroots/auto"];
/// The number of changes of a machine that are printed.
const SHOWN: usize = 10;

/// A lab for several tests. It ends with the program.
pub struct Shared {
    lab: Mutex<Option<Kept>>,
    boot: fn() -> Lab,
    reset: Reset,
}

/// How a lab is reset between two tests.
enum Reset {
    /// The fleet is reset to the files of the checkout, and then this function is called.
    ByHand(fn(&Lab)),
    /// Every machine is in its condition of the time when the lab had booted.
    Restored,
}

/// A lab, and the name of the test that uses it.
struct Kept {
    lab: Lab,
    test: String,
    /// The condition of each machine at the start of the test, in the order of [`machines`].
    conditions: Vec<Condition>,
}

/// The use of a shared lab by one test. No other test uses the lab until this value is dropped.
pub struct Turn<'s> {
    lab: MutexGuard<'s, Option<Kept>>,
}

impl Shared {
    /// Creates a lab that `boot` boots for the first test. Before each other test, the fleet is reset to the
    /// files of the checkout, and then `reset` is called.
    pub const fn new(boot: fn() -> Lab, reset: fn(&Lab)) -> Self {
        Self { lab: Mutex::new(None), boot, reset: Reset::ByHand(reset) }
    }

    /// Creates a lab that `boot` boots for the first test. Each test finds the lab as `boot` left it: before
    /// each other test, the files of the operator are restored, and each machine on which a test has left a
    /// trace boots again with its disk of then. Only the Nix stores keep what tests have added.
    pub const fn restored(boot: fn() -> Lab) -> Self {
        Self { lab: Mutex::new(None), boot, reset: Reset::Restored }
    }

    /// Waits until no other test uses the lab.
    pub fn turn(&self) -> Turn<'_> {
        let mut guard = self.lab.lock().unwrap_or_else(PoisonError::into_inner);
        // If the reset fails, the next test boots a new lab.
        let mut kept = match (guard.take(), &self.reset) {
            (None, reset) => {
                let lab = (self.boot)();
                let conditions = match reset {
                    Reset::ByHand(_) => Vec::new(),
                    Reset::Restored => save(&lab),
                };
                Kept { lab, test: String::new(), conditions }
            }
            (Some(kept), Reset::ByHand(reset)) => {
                kept.lab.operator().unwrap().resets_fleet().unwrap();
                reset(&kept.lab);
                kept
            }
            (Some(mut kept), Reset::Restored) => {
                restore(&mut kept);
                kept
            }
        };
        thread::current().name().unwrap_or("test").clone_into(&mut kept.test);
        *guard = Some(kept);
        Turn { lab: guard }
    }
}

/// Returns the machines of a lab. The first is the operator's machine.
fn machines(lab: &Lab) -> Vec<&Guest> {
    [lab.operator().unwrap().guest()].into_iter().chain(lab.hosts()).collect()
}

/// Saves the disks of a lab's machines, and returns their condition.
fn save(lab: &Lab) -> Vec<Condition> {
    let operator = lab.operator().unwrap();
    operator.saves_home().unwrap();
    operator.restores_home().unwrap();
    let machines = machines(lab);
    for machine in &machines {
        machine.save().unwrap();
    }
    machines.into_iter().map(|machine| Condition::take(machine).unwrap()).collect()
}

/// Restores the files of the operator, and each machine that has changed since the start of the test.
fn restore(kept: &mut Kept) {
    let operator = kept.lab.operator().unwrap();
    let mut dirty = Vec::new();
    for (machine, before) in machines(&kept.lab).into_iter().zip(&mut kept.conditions) {
        let changes = if machine.powered() {
            let is_operator = machine.name() == operator.guest().name();
            if is_operator {
                operator.restores_home().unwrap();
            }
            before.changes(machine, if is_operator { &OF_OPERATOR } else { &[] }).unwrap()
        } else {
            "- power".to_owned()
        };
        if !changes.is_empty() {
            let shown: Vec<&str> = changes.lines().take(SHOWN).collect();
            eprintln!("{} has changed {}:\n{}", kept.test, machine.name(), shown.join("\n"));
            dirty.push((machine, before));
        }
    }
    for (machine, _) in dirty.iter().filter(|(machine, _)| machine.powered()) {
        machine.power_cut().unwrap();
    }
    for (machine, _) in &dirty {
        machine.restore().unwrap();
    }
    for (machine, before) in dirty {
        machine.wait_until_up(BOOT_LIMIT).unwrap();
        *before = Condition::take(machine).unwrap();
    }
}

impl Deref for Turn<'_> {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        &self.lab.as_ref().unwrap().lab
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // After a failed test, the lab may be in any state.
        if thread::panicking() {
            *self.lab = None;
        }
    }
}
