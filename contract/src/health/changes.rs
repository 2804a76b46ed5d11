//! Differences between the health checks of two generations.

use serde::{Deserialize, Serialize};

use super::check::{Check, CheckName, Probe};

/// Differences between the health checks of two generations. Each list is sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckChanges {
    /// Checks that are only in the new generation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<CheckChange>,
    /// Checks that are only in the old generation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<CheckChange>,
    /// Checks that are in both generations but differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<CheckChange>,
}

/// A health check that is added, removed or changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckChange {
    /// The name of the check.
    pub name: CheckName,
    /// For people: a description of the check, or the differences of a changed check.
    pub what: String,
}

impl CheckChanges {
    /// Compares the health checks of two generations. Checks are matched by name.
    #[must_use]
    pub fn between(old: &[Check], new: &[Check]) -> Self {
        let mut changes = Self::default();
        let find =
            |checks: &[Check], name: &CheckName| checks.iter().find(|check| check.name == *name).cloned();
        let described = |check: &Check| CheckChange { name: check.name.clone(), what: description(check) };
        for check in new {
            match find(old, &check.name) {
                None => changes.added.push(described(check)),
                Some(before) if before != *check => changes.changed.push(CheckChange {
                    name: check.name.clone(),
                    what: differences(&before, check).join(", "),
                }),
                Some(_) => {}
            }
        }
        changes.removed.extend(old.iter().filter(|check| find(new, &check.name).is_none()).map(described));
        for list in [&mut changes.added, &mut changes.removed, &mut changes.changed] {
            list.sort_by(|a, b| a.name.cmp(&b.name));
        }
        changes
    }

    /// Returns the number of checks that differ.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.added.len() + self.removed.len() + self.changed.len()
    }

    /// Returns whether no check differs.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn description(check: &Check) -> String {
    format!("{} from the {}, on failure: {}", check.probe, check.from.as_str(), check.on_failure.as_str())
}

/// Returns the differences between two checks, one text each, such as `retries 3 → 5`.
fn differences(old: &Check, new: &Check) -> Vec<String> {
    let probe = match (&old.probe, &new.probe) {
        (old, new) if old == new => None,
        (Probe::Unit { unit, stable_for: before }, Probe::Unit { unit: other, stable_for })
            if unit == other =>
        {
            Some(format!("stable for {before} s → {stable_for} s"))
        }
        (old, new) if old.to_string() == new.to_string() => Some("another request or response".to_owned()),
        (old, new) => Some(format!("{old} → {new}")),
    };
    let word = |what: &str, old: &str, new: &str| (old != new).then(|| format!("{what} {old} → {new}"));
    let time = |what: &str, old: u64, new: u64| (old != new).then(|| format!("{what} {old} s → {new} s"));
    let settings = [
        word("from", old.from.as_str(), new.from.as_str()),
        (old.retries != new.retries).then(|| format!("retries {} → {}", old.retries, new.retries)),
        time("interval", old.interval, new.interval),
        time("timeout", old.timeout, new.timeout),
        time("start delay", old.start_delay, new.start_delay),
        word("on failure", old.on_failure.as_str(), new.on_failure.as_str()),
    ];
    probe.into_iter().chain(settings.into_iter().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(name: &str, changes: &Value) -> Check {
        let mut check = json!({
            "name": name, "kind": "tcp", "host": "localhost", "port": 80, "interval": 1, "retries": 3,
            "timeout": 5, "startDelay": 0, "from": "host", "onFailure": "rollback",
        });
        for (key, value) in changes.as_object().unwrap() {
            check[key] = value.clone();
        }
        serde_json::from_value(check).unwrap()
    }

    fn changes(old: &[Check], new: &[Check]) -> Value {
        serde_json::to_value(CheckChanges::between(old, new)).unwrap()
    }

    #[test]
    fn checks_that_come_go_or_differ_are_listed() {
        let (web, db) = (check("web", &json!({})), check("db", &json!({ "port": 5432 })));
        assert_eq!(changes(&[web.clone(), db.clone()], &[db.clone(), web.clone()]), json!({}));
        let slow = check("web", &json!({ "retries": 9, "timeout": 60, "onFailure": "stop" }));
        assert_eq!(
            changes(&[web, db], &[slow, check("api", &json!({ "port": 81 }))]),
            json!({
                "added": [{ "name": "api", "what": "localhost port 81 from the host, on failure: rollback" }],
                "removed": [
                    { "name": "db", "what": "localhost port 5432 from the host, on failure: rollback" },
                ],
                "changed": [
                    { "name": "web", "what": "retries 3 → 9, timeout 5 s → 60 s, on failure rollback → stop" },
                ],
            })
        );
    }

    #[test]
    fn a_check_that_tests_something_else_says_what() {
        let unit = |stable| json!({ "kind": "unit", "unit": "web.service", "stableFor": stable });
        let http = |text: Option<&str>| {
            json!({
                "kind": "http", "url": "http://localhost/", "method": "GET", "maxRedirects": 0,
                "verifyCertificate": true, "bodyContains": text,
            })
        };
        let what = |old: &Value, new: &Value| {
            changes(&[check("a", old)], &[check("a", new)])["changed"][0]["what"].as_str().unwrap().to_owned()
        };
        assert_eq!(what(&json!({}), &json!({ "port": 81 })), "localhost port 80 → localhost port 81");
        assert_eq!(what(&unit(1), &unit(5)), "stable for 1 s → 5 s");
        assert_eq!(what(&unit(1), &http(None)), "web.service → GET http://localhost/");
        assert_eq!(what(&http(None), &http(Some("ok"))), "another request or response");
    }
}
