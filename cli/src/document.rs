//! The JSON document that a command prints with `--json`. Nothing else is printed on standard output.

use nixfleet_contract::SCHEMA;
use nixfleet_contract::problem::Problem;
use nixfleet_operator::operation::rollout_view::RolloutView;
use serde::Serialize;

/// The JSON document that a command prints with `--json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<T> {
    /// The schema version, always [`SCHEMA`].
    schema: u32,
    /// The name of the subcommand.
    command: &'static str,
    /// One entry for each selected host, sorted by name.
    hosts: Vec<T>,
    /// Only for `plan`, `apply` and `rollback`: the waves of the rollout, and how the rollout ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    rollout: Option<RolloutView>,
    /// The reason for the stop, if the command stopped before it reached any host.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

impl<T> Document<T> {
    /// Creates the document of a command that reached its hosts.
    pub const fn of(command: &'static str, hosts: Vec<T>) -> Self {
        Self { schema: SCHEMA, command, hosts, rollout: None, problem: None }
    }

    /// Creates the document of a command that stopped before it reached any host.
    pub const fn failed(command: &'static str, problem: Problem) -> Self {
        Self { schema: SCHEMA, command, hosts: Vec::new(), rollout: None, problem: Some(problem) }
    }

    /// Adds the rollout to the document.
    #[must_use]
    pub fn with(self, rollout: Option<RolloutView>) -> Self {
        Self { rollout, ..self }
    }
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::outcome::Outcome;
    use nixfleet_contract::problem::Code;

    use super::*;
    use nixfleet_operator::host_result::{HostResult, Ran};

    #[test]
    fn the_document_says_only_what_there_is_to_say() {
        let problem = Problem::new(Code::Unreachable, "the host cannot be reached").at("web-2");
        let results =
            vec![HostResult::new("web-1", Outcome::Unchanged), HostResult::failed("web-2", problem)];
        expect_test::expect![[r#"
            {
              "schema": 1,
              "command": "apply",
              "hosts": [
                {
                  "host": "web-1",
                  "outcome": "unchanged"
                },
                {
                  "host": "web-2",
                  "outcome": "unreachable",
                  "problem": {
                    "code": "NF-301",
                    "what": "the host cannot be reached",
                    "where": "web-2"
                  }
                }
              ]
            }"#]]
        .assert_eq(&pretty(&Document::of("apply", results)));
    }

    #[test]
    fn a_command_that_came_to_no_host_says_why() {
        let problem =
            Problem::new(Code::Selection, "unknown tag `europe`").help("check the name: did you mean `eu`?");
        expect_test::expect![[r#"
            {
              "schema": 1,
              "command": "plan",
              "hosts": [],
              "problem": {
                "code": "NF-103",
                "what": "unknown tag `europe`",
                "help": "check the name: did you mean `eu`?"
              }
            }"#]]
        .assert_eq(&pretty(&Document::<HostResult>::failed("plan", problem)));
    }

    #[test]
    fn what_a_command_said_on_a_host_is_there_in_full() {
        let run = Some(Ran { exit_code: 3, stdout: "a\n".into(), stderr: "\u{1b}[31m".into() });
        let result = HostResult { run, ..HostResult::new("web-1", Outcome::Failed) };
        expect_test::expect![[r#"
            {
              "schema": 1,
              "command": "run",
              "hosts": [
                {
                  "host": "web-1",
                  "outcome": "failed",
                  "run": {
                    "exitCode": 3,
                    "stdout": "a\n",
                    "stderr": "\u001b[31m"
                  }
                }
              ]
            }"#]]
        .assert_eq(&pretty(&Document::of("run", vec![result])));
    }

    fn pretty(document: &impl Serialize) -> String {
        serde_json::to_string_pretty(document).unwrap()
    }
}
