//! The wait for the locks of apt and dpkg.

use std::thread;
use std::time::{Duration, Instant};

use nixfleet_contract::apt::declared::DeclaredPackages;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::run::Notice;
use tracing::info;

use crate::diagnostics::retried;
use crate::host::apt::lock::{self, PackageLockHolder};
use crate::host::transcript::Transcript;

/// The pause between two checks of the locks.
const PAUSE: Duration = Duration::from_millis(500);

/// Waits until no other program holds a lock of apt or dpkg. `transcript`: where the run reports the program,
/// if it has a transcript.
///
/// # Errors
/// [`Code::Locked`] if a program holds a lock for too long.
pub(crate) fn wait_for_locks(
    declared: &DeclaredPackages,
    transcript: Option<&Transcript>,
) -> Result<(), Problem> {
    let limit = declared.lock_timeout.unwrap_or(DeclaredPackages::LOCK_TIMEOUT);
    let deadline = Instant::now() + Duration::from_secs(limit);
    let mut reported = None;
    let mut attempts = 0;
    while let Some(holder) = lock::holder() {
        if reported.as_ref() != Some(&holder) {
            info!("waiting for {holder}, which uses apt or dpkg");
            report(transcript, Some(&holder));
            reported = Some(holder.clone());
        }
        if Instant::now() >= deadline {
            return Err(Problem::new(Code::Locked, "another program uses apt or dpkg")
                .at(holder.path)
                .because(format!("{holder} has held the lock for more than {limit} seconds"))
                .help("wait until the program has ended, then run the command again"));
        }
        attempts += 1;
        retried("wait for the locks of apt", attempts, PAUSE, &holder);
        thread::sleep(PAUSE);
    }
    if reported.is_some() {
        report(transcript, None);
    }
    Ok(())
}

/// Reports the process for which the run waits, or the end of the wait. An error is ignored, because a client
/// can safely miss this notice.
fn report(transcript: Option<&Transcript>, holder: Option<&PackageLockHolder>) {
    if let Some(transcript) = transcript {
        let holder = holder.map(PackageLockHolder::reported);
        let _ = transcript.say(&Notice::awaiting_apt(transcript.run().clone(), holder));
    }
}
