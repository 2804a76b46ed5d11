//! Compares the history of a command with the output of the command itself.

use std::collections::BTreeMap;

use nixfleet_lab::command::Finished;
use serde_json::Value;

use super::Fleet16;

impl Fleet16 {
    /// Returns the entry of the history for the last command of a user.
    pub fn told_of(&self, user: &str) -> Value {
        let finished = self.types("history --limit 5 --json");
        let document: Value = serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished}"));
        let entries = document["entries"].as_array().unwrap();
        let operator = format!("{user}@operator");
        entries.iter().find(|entry| entry["operator"] == *operator).unwrap().clone()
    }

    /// Asserts that the history matches the exit code and the document of a command. If a rollout was
    /// resumed, hosts that were finished before are in the document, but not in the history of the command.
    pub fn assert_told(&self, user: &str, finished: &Finished, document: &Value) {
        if document["command"] == "status" {
            return;
        }
        let entry = self.told_of(user);
        assert_eq!(entry["command"], document["command"], "{entry:#}");
        assert_eq!(
            (&entry["state"], &entry["exitCode"]),
            (&"ended".into(), &finished.code.into()),
            "{entry:#}"
        );
        assert_eq!(entry["problem"]["code"], document["problem"]["code"], "{entry:#}");
        let rollout = &document["rollout"];
        assert_eq!((&entry["rollout"], &entry["end"]), (&rollout["id"], &rollout["end"]), "{entry:#}");
        let (told, said) = (by_name(&entry), by_name(document));
        assert!(told.keys().all(|host| said.contains_key(host)), "{entry:#}");
        for (host, said) in said {
            let Some(told) = told.get(host) else {
                assert!(said["plan"].is_null() && said["report"].is_null(), "{host} is missing: {entry:#}");
                continue;
            };
            if document["command"] == "plan" && said["outcome"] == "ok" {
                assert_eq!(told["outcome"], Value::Null, "{host} was only asked: {told:#}");
                continue;
            }
            assert_eq!(told["outcome"], said["outcome"], "{host}: {told:#}");
            assert_eq!(told["problem"]["code"], said["problem"]["code"], "{host}: {told:#}");
            if let Some(report) = said["report"].as_object() {
                assert_eq!(told["after"], report["after"], "{host}: {told:#}");
                // A host that was rolled back with others has two reports: one of the change and one of the
                // rollback. The document shows only the report of the rollback.
                if said["outcome"] == "ok" {
                    assert_eq!(told["before"], report["before"], "{host}: {told:#}");
                }
            }
        }
    }
}

fn by_name(document: &Value) -> BTreeMap<&str, &Value> {
    let hosts = document["hosts"].as_array().unwrap();
    hosts.iter().map(|host| (host["host"].as_str().unwrap(), host)).collect()
}
