//! Labs that several tests of the same process use, one test after the other.

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use nixfleet_lab::condition::Condition;
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::{BOOT_LIMIT, Lab};

use super::{fresh, lone, managed};

/// The paths of the operator's machine on which changes by a test are ignored: the home directory, which is
/// restored in any case, and the garbage collector roots of Nix.
const OF_OPERATOR: [&str; 2] = ["/home/ada", "/nix/var/nix/gcroots/auto"];
/// The maximum number of changes of one machine that are printed.
const SHOWN: usize = 10;

/// A lab for several tests. It stops when the process ends.
pub struct Shared {
    lab: Mutex<Option<Kept>>,
    boot: fn() -> Lab,
    reset: Reset,
}

/// A lab with three hosts that NixFleet has never changed, and the demo's fleet.
pub static FRESH: Shared = Shared::restored(fresh);
/// A lab with the host web-1, which NixFleet has never changed.
pub static FRESH_WEB: Shared = Shared::restored(|| lone("web-1"));
/// A lab with the host web-1, to which the demo's fleet was applied.
pub static MANAGED_WEB: Shared = Shared::restored(|| managed("web-1"));

/// How a lab is reset between two tests.
enum Reset {
    /// The operator's fleet is reset to the files of the checkout, and then this function is called.
    ByHand(fn(&Lab)),
    /// Every machine is returned to its condition after the boot of the lab.
    Restored,
}

/// A booted lab, and the name of the test that uses it.
struct Kept {
    lab: Lab,
    test: String,
    /// The condition of each machine when the test began, in the order of [`machines`].
    conditions: Vec<Condition>,
}

/// The use of a shared lab by one test. No other test uses the lab until this value is dropped.
pub struct Turn<'s> {
    lab: MutexGuard<'s, Option<Kept>>,
}

impl Shared {
    /// Creates a lab that `boot` boots for the first test. Before each later test, the operator's fleet is
    /// reset to the files of the checkout, and then `reset` is called.
    pub const fn new(boot: fn() -> Lab, reset: fn(&Lab)) -> Self {
        Self { lab: Mutex::new(None), boot, reset: Reset::ByHand(reset) }
    }

    /// Creates a lab that `boot` boots for the first test. Before each later test, the lab is returned to the
    /// state after `boot`: the operator's files are restored, and each machine that a test has changed boots
    /// again from its disk of that time. Only the Nix stores keep what tests have added.
    pub const fn restored(boot: fn() -> Lab) -> Self {
        Self { lab: Mutex::new(None), boot, reset: Reset::Restored }
    }

    /// Waits until no other test uses the lab. Then boots or resets the lab, and returns it.
    pub fn turn(&self) -> Turn<'_> {
        let mut guard = self.lab.lock().unwrap_or_else(PoisonError::into_inner);
        // `take` leaves no lab behind, so if the reset fails, the next test boots a new lab.
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

/// Restores the home directory of the operator, and each machine that has changed since the start of the last
/// test.
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
        // A failed test may leave the lab in any state, so the next test boots a new lab.
        if thread::panicking() {
            *self.lab = None;
        }
    }
}
