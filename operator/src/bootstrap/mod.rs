//! Decides how a host that NixFleet has never managed becomes a managed host: from the facts that the host
//! reports to a list of steps. Nothing here connects to a host.

mod facts;
mod installer;
mod packages;
mod plan;
mod records;
mod requirements;
mod simulated;
mod step;
mod unfinished;
mod version;

pub use facts::{Account, Daemon, Facts, OtherBootstrap, Package, Space};
pub use installer::Installer;
pub use plan::{BootstrapPlan, BootstrapTarget};
pub use records::{BootstrapRecords, Undoing};
pub use simulated::Simulated;
pub use step::{PlannedStep, Reported, Step, StepEnd, StepState};
pub use unfinished::Unfinished;
pub use version::is_at_least;
