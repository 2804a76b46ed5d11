//! A plan in the form that a command keeps in memory: a few parsed fields, and the whole plan as JSON text.

use std::sync::Arc;

use nixfleet_contract::apt::plan::AptPlan;
use nixfleet_contract::generation::Generation;
use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::Problem;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// The plan of a host. A command keeps the plans of all its hosts until it ends, and the text takes a quarter
/// of the memory of the parsed plan. Clones share the text.
#[derive(Clone, Debug)]
pub struct PlanText {
    /// The fingerprint of the plan. A later apply is refused if the host then has another fingerprint.
    pub fingerprint: String,
    /// The run that was interrupted on the host, if any.
    pub interrupted: Option<String>,
    /// The closure that the host would run after the change.
    pub target: String,
    /// The current generation of the host.
    pub current: Option<Generation>,
    /// The revision of the flake from which the current generation was made, as the host reports it.
    pub current_revision: Option<String>,
    /// The number of steps of the plan.
    pub steps: usize,
    /// The reasons why an apply would refuse the plan.
    pub problems: Vec<Problem>,
    /// The parts that take effect only when the host is restarted, such as `kernel`.
    pub awaits_boot: Vec<String>,
    /// The size of the packages that apt has to download, in bytes.
    pub download_size: u64,
    is_to_change: bool,
    text: Arc<RawValue>,
}

impl PlanText {
    /// Converts a plan to its JSON text and the few parsed fields.
    ///
    /// # Errors
    /// The plan cannot be serialised, which can only be a bug.
    pub fn of(plan: Plan) -> serde_json::Result<Self> {
        let text = serde_json::value::to_raw_value(&plan)?.into();
        let is_to_change = plan.is_to_change();
        let download_size = plan.apt.as_ref().map_or(0, AptPlan::download_size);
        let Plan {
            fingerprint,
            interrupted,
            target,
            current,
            current_revision,
            steps,
            problems,
            awaits_boot,
            ..
        } = plan;
        let steps = steps.len();
        Ok(Self {
            fingerprint,
            interrupted,
            target,
            current,
            current_revision,
            steps,
            problems,
            awaits_boot,
            download_size,
            is_to_change,
            text,
        })
    }

    /// Parses the whole plan from its JSON text.
    ///
    /// # Errors
    /// The text cannot be parsed, which can only be a bug, because this program wrote it.
    pub fn read(&self) -> serde_json::Result<Plan> {
        serde_json::from_str(self.text.get())
    }

    /// Whether an apply of the plan would change the host.
    #[must_use]
    pub const fn is_to_change(&self) -> bool {
        self.is_to_change
    }
}

impl Serialize for PlanText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}
