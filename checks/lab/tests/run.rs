//! Tests of `nixfleet run`: the input that hosts receive, and the output that they return.

use std::time::{Duration, Instant};

use nixfleet_lab::command::{Finished, wait_until};
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::{Lab, Plan};
use serde_json::Value;

use crate::stage::assert_says;
use crate::stage::shared::Shared;

/// A lab with two hosts.
static PAIR: Shared = Shared::restored(|| Lab::boot(&Plan::of_test().without("db-1")).unwrap());

fn types(lab: &Lab, line: &str) -> Finished {
    lab.operator().unwrap().types(line).unwrap()
}

/// Runs a line, and returns the result of each host.
fn hosts(lab: &Lab, line: &str) -> Vec<Value> {
    let (_, mut document) = lab.operator().unwrap().types_for_json(line).unwrap();
    serde_json::from_value(document["hosts"].take()).unwrap()
}

fn sessions(lab: &Lab) -> Vec<usize> {
    lab.hosts().map(|host| host.ssh_sessions().unwrap()).collect()
}

#[test]
fn standard_input_goes_to_one_host_or_to_all_who_are_to_have_it() {
    let lab = PAIR.turn();
    let one = hosts(&lab, "printf 'a\\nb' | nixfleet run --json --host web-1 -- cat");
    assert_eq!(one[0]["run"]["stdout"], "a\nb");

    let before = sessions(&lab);
    let finished = types(&lab, "echo x | nixfleet run --tag web -- cat");
    assert_says(&finished, 1, &["NF-101", "2 hosts", "--stdin"]);
    assert_eq!(sessions(&lab), before);

    let sum = types(&lab, "seq 400000 | sha256sum").stdout;
    for host in hosts(&lab, "seq 400000 | nixfleet run --stdin --tag web --json -- sha256sum") {
        assert_eq!(host["run"]["stdout"], sum.as_str());
    }
    // The hosts run the command one at a time. Each of them receives the complete input.
    for host in hosts(
        &lab,
        "seq 400000 > numbers; nixfleet run --stdin --tag web --json --parallel 1 -- sha256sum < numbers",
    ) {
        assert_eq!(host["run"]["stdout"], sum.as_str());
    }

    // If the command on the host reads no input, `nixfleet run` does not wait for input, and does not consume
    // the input of a surrounding shell loop.
    let began = Instant::now();
    types(&lab, "nixfleet run --host web-1 -- true < <(exec sleep 100)").success().unwrap();
    types(&lab, "nixfleet run --tag web -- true < <(exec sleep 100)").success().unwrap();
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_command_that_takes_too_long_is_ended_and_failed() {
    let lab = PAIR.turn();
    let web = lab.guest("web-1").unwrap();
    let gone = |host: &Guest| {
        let gone = || Ok(!host.sh("pgrep --full '^sleep 61[34]'")?.ok());
        wait_until("the command is gone", Duration::from_secs(30), gone).unwrap();
    };
    for (flag, seconds) in [("", 613), ("--sudo", 614)] {
        let script = format!("echo begun; sleep {seconds}; true");
        let line = format!("nixfleet run --json --timeout 2 {flag} --host web-1 -- sh -c '{script}'");
        let host = hosts(&lab, &line).remove(0);
        assert_eq!((&host["outcome"], &host["run"]["exitCode"]), (&"failed".into(), &124.into()), "{host:#}");
        assert_eq!(host["run"]["stdout"], "begun\n");
        assert_eq!(host["problem"]["code"], "NF-308", "{host:#}");
        assert!(
            host["problem"]["why"].as_str().unwrap().contains("the command was killed on the host"),
            "{flag} {host:#}"
        );
        gone(web);
    }
}

#[test]
fn output_comes_back_as_it_was() {
    let lab = PAIR.turn();
    let zeros = hosts(&lab, "nixfleet run --json --host web-1 -- head -c 1000000 /dev/zero").remove(0);
    assert_eq!(zeros["run"]["stdout"].as_str().unwrap(), "\0".repeat(1_000_000));
    let finished = types(&lab, "nixfleet run --host web-1 -- seq 2000000 | tail -n 1");
    assert_eq!(finished.line(), "web-1 | 2000000", "{finished}");
    let finished = types(&lab, "nixfleet run --host web-1 -- head -c 100000 /dev/urandom > out; wc -c < out");
    assert_eq!(finished.code, 0, "{finished}");

    let finished = types(&lab, "nixfleet run --fold --tag web -- sh -c 'echo same; echo -n twice'");
    assert_eq!(finished.stdout, "web-1, web-2 (2 hosts):\n  same\n  twice\n", "{finished}");
    let finished = types(
        &lab,
        "nixfleet run --fold --tag web -- sh -c 'test \"$(hostname)\" = web-2 || exit 7; echo up'",
    );
    assert_says(&finished, 2, &["web-1, exit code 7: no output", "web-2:\n  up"]);

    let finished = types(&lab, "nixfleet run --host web-1 -- sh -c 'exit 7'");
    assert_says(&finished, 2, &["exit code 7: web-1"]);
}
