//! A reboot on request.

use std::time::Duration;

use nixfleet_contract::SCHEMA;
use nixfleet_contract::holder::Holder;
use nixfleet_contract::os::reboot::RebootAnswer;
use nixfleet_contract::problem::{Code, Problem};

use crate::host::apt::lock as apt_lock;
use crate::host::lock::Lock;
use crate::host::{Host, boot, command};

/// The time limit for the answer of systemd, which only queues the reboot.
const LIMIT: Duration = Duration::from_secs(60);

/// A host that may be rebooted now. No run can begin as long as this value exists.
#[derive(Debug)]
pub struct MayReboot {
    /// The answer to the request.
    pub answer: RebootAnswer,
    _lock: Lock,
}

impl MayReboot {
    /// Checks that nothing is in the way of a reboot. `expect`: the id of the boot that should end.
    ///
    /// # Errors
    /// Fails with [`Code::Locked`] if a run, apt or dpkg works on the host, with [`Code::PlanOutdated`] if
    /// the host was rebooted already, or with [`Code::Usage`] for a directory.
    pub fn of(host: &Host, expect: &str, holder: &Holder) -> Result<Self, Problem> {
        if !host.is_machine() {
            return Err(Problem::new(Code::Usage, "a directory cannot be rebooted"));
        }
        let lock = Lock::take(host, holder)?;
        let boot_id = boot::id(host);
        if boot_id != expect {
            return Err(Problem::new(Code::PlanOutdated, "the host was rebooted in the meantime")
                .because(format!("its boot has the id {boot_id}, not {expect}"))
                .help("run `nixfleet status` to see whether it still has to be rebooted"));
        }
        if let Some(other) = apt_lock::holder() {
            return Err(Problem::new(Code::Locked, "another program uses apt or dpkg")
                .at(other.path)
                .because(format!("{other} would be killed by a reboot"))
                .help("wait until the program has ended, then run the command again"));
        }
        Ok(Self { answer: RebootAnswer { schema: SCHEMA, boot_id }, _lock: lock })
    }

    /// Reboots the host. systemd stops all units first.
    ///
    /// # Errors
    /// [`Code::Unit`] if systemd refuses.
    pub fn reboot(self) -> Result<(), Problem> {
        let failed = |why: String| {
            Problem::new(Code::Unit, "the host could not be rebooted")
                .because(why)
                .help("run `systemctl reboot` on the host to see the reason")
        };
        let finished = command::run(&["systemctl", "reboot", "--no-ask-password"], LIMIT);
        let finished = finished.map_err(|error| failed(error.to_string()))?;
        if finished.success() { Ok(()) } else { Err(failed(finished.why())) }
    }
}
