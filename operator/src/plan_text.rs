//! A plan as a command keeps it: a few facts, and the rest as text.

use std::sync::Arc;

use nixfleet_contract::generation::Generation;
use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::Problem;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// The plan of a host. A command has those of all its hosts to the end, and as text they take a quarter of
/// the memory; clones share it.
#[derive(Clone, Debug)]
pub struct PlanText {
    /// What an apply has to find again.
    pub fingerprint: String,
    /// The closure that would be in force afterwards.
    pub target: String,
    /// The generation in force.
    pub current: Option<Generation>,
    /// How many steps there are.
    pub steps: usize,
    /// Reasons why an apply would refuse.
    pub problems: Vec<Problem>,
    text: Arc<RawValue>,
}

impl PlanText {
    /// Of a plan.
    ///
    /// # Errors
    /// Only a bug: every plan can be written.
    pub fn of(plan: Plan) -> serde_json::Result<Self> {
        let text = serde_json::value::to_raw_value(&plan)?.into();
        let Plan { fingerprint, target, current, steps, problems, .. } = plan;
        Ok(Self { fingerprint, target, current, steps: steps.len(), problems, text })
    }

    /// Parses the plan.
    ///
    /// # Errors
    /// Only a bug: this program wrote the text.
    pub fn read(&self) -> serde_json::Result<Plan> {
        serde_json::from_str(self.text.get())
    }

    /// Whether carrying it out would do something.
    #[must_use]
    pub const fn is_to_change(&self) -> bool {
        self.problems.is_empty() && self.steps > 0
    }
}

impl Serialize for PlanText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}
