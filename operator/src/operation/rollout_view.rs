//! The summary of a rollout for JSON output.

use std::collections::BTreeMap;
use std::time::Duration;

use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::policy::Policy;
use serde::Serialize;

use super::verb::Changed;
use crate::event::{End, RolloutId};
use crate::host_result::HostResult;

/// The summary of a rollout.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutView {
    /// The id of the rollout, or `None` if the rollout is only planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<RolloutId>,
    /// The policy of the rollout.
    pub policy: Policy,
    /// The hosts of each wave.
    pub waves: Vec<Vec<String>>,
    /// How the rollout ended, if it was carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// Why the rollout stopped early, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether a rollback of the rollout may return a host to an earlier generation.
    #[serde(skip)]
    pub can_go_back: bool,
    /// The errands that this machine does for the first time, one line of text each: programs to run,
    /// messages to send and health checks to try.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub new_errands: Vec<String>,
}

/// Whether a rollback of a rollout may return a host to an earlier generation. `changed`: the changes that
/// the rollout had made before this command. `ended`: the results of this command.
pub(super) fn can_go_back(changed: BTreeMap<String, Changed>, ended: &BTreeMap<String, HostResult>) -> bool {
    let returned =
        |host: &String| ended.get(host).is_some_and(|result| result.outcome == Outcome::RolledBack);
    let before = changed.into_iter().any(|(host, (before, _))| before.is_some() && !returned(&host));
    before || ended.values().any(|result| result.end(Duration::ZERO).can_go_back())
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::generation::Generation;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rollout_goes_back_only_to_generations_that_exist() {
        let generation = |number: u64| Generation { number, closure: format!("/nix/store/{number}") };
        let ended = |outcome, before: Option<u64>, after: u64| {
            let (before, after) = (before.map(generation), generation(after));
            let report = serde_json::from_value(json!({
                "schema": 1, "host": "a", "outcome": outcome, "before": before, "after": after,
                "stepsDone": 1, "kept": [], "problem": null, "recovered": null, "durationMs": 5,
            }));
            BTreeMap::from([("a".to_owned(), HostResult::reported("a", report.unwrap()))])
        };
        let changed =
            |before: Option<u64>| BTreeMap::from([("a".to_owned(), (before.map(generation), generation(2)))]);
        let none = BTreeMap::new;
        assert!(can_go_back(none(), &ended(Outcome::Ok, Some(1), 2)));
        assert!(!can_go_back(none(), &ended(Outcome::Ok, None, 1)), "there is nothing before it");
        assert!(!can_go_back(none(), &ended(Outcome::RolledBack, Some(1), 1)));
        assert!(!can_go_back(none(), &BTreeMap::new()));
        assert!(can_go_back(changed(Some(1)), &BTreeMap::new()), "an earlier command changed it");
        assert!(!can_go_back(changed(None), &BTreeMap::new()));
        assert!(!can_go_back(changed(Some(1)), &ended(Outcome::RolledBack, Some(2), 1)));
    }
}
