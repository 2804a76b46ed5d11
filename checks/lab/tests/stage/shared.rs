//! Labs that several tests of a program use, one after the other.

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use nixfleet_lab::lab::Lab;

/// A lab for tests that need it in a certain state, and return it in that state. It ends with the program.
pub struct Shared {
    lab: Mutex<Option<Lab>>,
    boot: fn() -> Lab,
    reset: fn(&Lab),
}

/// The use of a shared lab by one test. No other test uses the lab until this value is dropped.
pub struct Turn<'s> {
    lab: MutexGuard<'s, Option<Lab>>,
}

impl Shared {
    /// Creates a lab that `boot` boots for the first test. Before each other test, the fleet is reset to the
    /// files of the checkout, and then `reset` is called.
    pub const fn new(boot: fn() -> Lab, reset: fn(&Lab)) -> Self {
        Self { lab: Mutex::new(None), boot, reset }
    }

    /// Waits until no other test uses the lab.
    pub fn turn(&self) -> Turn<'_> {
        let mut lab = self.lab.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lab) = &*lab {
            lab.operator().unwrap().resets_fleet().unwrap();
            (self.reset)(lab);
        } else {
            *lab = Some((self.boot)());
        }
        Turn { lab }
    }
}

impl Deref for Turn<'_> {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        self.lab.as_ref().unwrap()
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
