//! Tests of sixteen hosts, eleven of which send malicious answers. These hosts must not make the command use
//! too much memory, wait too long or trust a wrong answer. The other hosts must be changed normally.

use std::collections::BTreeMap;

use nixfleet_lab::command::Finished;
use nixfleet_lab::lab::{Lab, Plan};
use serde_json::Value;

use crate::stage::{generation, outcomes, outcomes_of};

/// The memory limit of the command, in MiB. The command normally needs about 30 MiB. One host sends a plan of
/// 40 MiB, which is stored four times: as received, as a plan, as text, and in the document. For each host
/// that sends endless data, the command may need a buffer of up to 64 MiB.
const MEMORY: u64 = 500;
/// The maximum number of connections to a host that requests its confirmation 2,000 times: the shared
/// connection, the connection that confirms the change, and a connection that sshd has dropped.
const LOGINS: usize = 3;
/// The number of times that the command tries to confirm a change if the host always refuses, as
/// docs/security.md states.
const REFUSALS: usize = 20;

/// A program that replaces `sudo` on a hostile host. NixFleet runs every command on a host with `sudo`, with
/// the arguments of the scripts in `operator/src/remote/scripts`: `$4` is the subcommand of the activator,
/// and `$7` is the program that receives closures. At the start of a change, `$8` is the closure and `$9` is
/// the name of the run. The shell function `serves` receives a closure as a host does that is not hostile.
const SUDO: &str = r#"#!/bin/sh
serves() { /opt/sudo -n -- "$7" --serve --write; }
report() {
  printf '{"schema":1,"host":"%s","outcome":"ok","before":null,"after":{"number":2,"closure":"%s"},"stepsDone":3,' "$1" "$2"
  echo '"kept":[],"problem":null,"recovered":null,"durationMs":5}'
}
hangs_up() {
  process=$$
  until case $(cat /proc/$process/comm) in sshd*) ;; *) false ;; esac; do
    process=$(awk '/^PPid/ { print $2 }' /proc/$process/status)
  done
  kill -KILL $process
}
refused() { cat /tmp/refused 2>/dev/null | wc -l; }
asks_to_refuse() {
  printf '{"schema":1,"awaitingConfirm":{"run":"%s","seconds":86400}}\n' "$1"
  until=$(($(refused) + 4)) tries=0
  while [ "$(refused)" -lt $until ]; do
    tries=$((tries + 1))
    [ $tries -lt 80 ] && [ $until -lt 30 ] || { echo '{"schema":1}'; exit; }
    sleep 0.1
  done
  sleep 1.5
  hangs_up
}
case $4:$5 in
  plan:*) step=plan ;;
  -c:*--serve*apply*) step=change ;;
  confirm:*) step=confirm ;;
  follow:*) step=follow ;;
  *) step=other ;;
esac
case $step in
MALICE
esac
exec /opt/sudo "$@"
"#;

/// The hostile hosts. Each has a name, its behavior by step, the expected outcome, and the texts that the
/// problem reported for the host must contain.
const HOSTILE: [(&str, &str, &str, &[&str]); 11] = [
    (
        "web-02",
        "plan) exec cat /dev/zero ;;",
        "failed",
        &["NF-307", "sends too much output", "64 MiB of an answer"],
    ),
    ("web-03", "change) serves \"$@\"; exec cat /dev/zero ;;", "failed", &["NF-307", "32 MiB of one line"]),
    (
        "web-04",
        "plan) while printf x; do sleep 1; done ;;",
        "unreachable",
        &["NF-301", "did not answer in time"],
    ),
    ("web-05", "plan) exit 0 ;;", "failed", &["NF-307", "sent no answer"]),
    (
        "web-06",
        "change) serves \"$@\"\n\
         yes \"{\\\"schema\\\":1,\\\"awaitingConfirm\\\":{\\\"run\\\":\\\"$9\\\",\\\"seconds\\\":86400}}\" | head -n 2000\n\
         sleep 6; echo '{\"schema\":1}'; exit ;;\n\
         confirm) exit 0 ;;",
        "failed",
        &["NF-307"],
    ),
    (
        "web-07",
        "plan) printf '[{}'; yes ',{}' | head -c 40000000; echo ]; exit ;;",
        "failed",
        &["NF-307", "750000 JSON objects"],
    ),
    ("web-08", "change) serves \"$@\"; report web-01 \"$8\"; exit ;;", "failed", &["NF-307", "about web-01"]),
    // This answer is accepted, although few plans are that large.
    (
        "web-09",
        "plan) plan=$(/opt/sudo \"$@\"); printf '{\"warnings\":[{\"subject\":\"x\",\"what\":\"'\n\
         head -c 40000000 /dev/zero | tr '\\0' x; printf '%s\\n' \"\\\"}],${plan#?}\"; exit ;;",
        "ok",
        &[],
    ),
    ("web-10", "plan) exec cat /dev/zero >&2 ;;", "failed", &["NF-307", "16 MiB of standard error"]),
    (
        "web-11",
        "change) serves \"$@\"; report web-11 \"$8\"; exit ;;",
        "failed",
        &["NF-307", "never requested it"],
    ),
    // This host closes the connection after four refusals, so that the command reconnects and is asked to
    // confirm again. The host gives up when no further attempts to confirm arrive.
    (
        "web-12",
        "change) serves \"$@\"; asks_to_refuse \"$9\" ;;\n\
         follow) asks_to_refuse \"$7\" ;;\n\
         confirm) echo >> /tmp/refused; exit 1 ;;",
        "failed",
        &["NF-307"],
    ),
];

/// Boots sixteen hosts, and applies the first version of the service to them. The operator's fleet is in
/// `~/rollout`.
fn converged() -> Lab {
    let mut plan = Plan::new(format!("{}-hostile", std::process::id()));
    for (prefix, count, first) in [("web", 12, 100), ("db", 4, 130)] {
        for number in 1..=count {
            plan = plan.host(format!("{prefix}-{number:02}"), format!("10.0.1.{}", first + number));
        }
    }
    let lab = Lab::boot(&plan).unwrap();
    let prepare = "cp -r /srv/nixfleet/checks/fixtures/rollout-fleet ../rollout && cd ../rollout && \
                   sed -i 's/defaults.ssh.user/defaults.timeouts.answer = 15;\\n  &/' fleet.nix";
    lab.operator().unwrap().types(prepare).unwrap().success().unwrap();
    let (finished, _, _) = applies(&lab);
    assert!(finished.ok(), "{}", finished.stderr);
    lab
}

/// Runs an apply to all hosts. Returns the result, the JSON document, and the peak memory of the command in
/// MiB.
fn applies(lab: &Lab) -> (Finished, Value, u64) {
    let line = "cd ../rollout; nixfleet apply --yes --json --strategy all-at-once --max-failures 16 & pid=$!\n\
                while now=$(grep VmHWM /proc/$pid/status 2>&1); do peak=$now; sleep 0.05; done\n\
                wait $pid; code=$?; echo $peak >&2; exit $code";
    let finished = lab.operator().unwrap().types(line).unwrap();
    let peak = finished.stderr.lines().next_back().unwrap().split_whitespace().nth(1).unwrap();
    let (document, peak) =
        (serde_json::from_str(&finished.stdout).unwrap(), peak.parse::<u64>().unwrap() >> 10);
    (finished, document, peak)
}

#[test]
fn hosts_that_answer_with_malice_cost_the_others_nothing() {
    let lab = converged();
    for (name, malice, _, _) in HOSTILE {
        let files = lab.guest(name).unwrap().files().unwrap();
        lab.guest(name).unwrap().ask("mv /usr/bin/sudo /opt").unwrap();
        files.write("/usr/bin/sudo", SUDO.replace("MALICE", malice)).unwrap();
        lab.guest(name).unwrap().ask("chmod 755 /usr/bin/sudo").unwrap();
    }
    let flooded = lab.guest("web-06").unwrap();
    let before = flooded.ssh_connections().unwrap();
    let web_12 = lab.guest("web-12").unwrap();
    let before_refusals = web_12.ssh_connections().unwrap();
    let release = "sed -i 's/version = \"1\"/version = \"2\"/' ../rollout/app.nix";
    lab.operator().unwrap().types(release).unwrap().success().unwrap();

    let (finished, document, peak) = applies(&lab);

    let logins = flooded.ssh_connections().unwrap() - before;
    let refused: usize = web_12.ask("wc -l < /tmp/refused").unwrap().parse().unwrap();
    let logins_to_refuse = web_12.ssh_connections().unwrap() - before_refusals;
    println!("peak memory {peak} MiB, {logins} logins; {refused} refusals in {logins_to_refuse} logins");
    let mut expected: BTreeMap<String, String> =
        outcomes_of(["web-01", "db-01", "db-02", "db-03", "db-04"].map(|name| (name, "ok")));
    expected.extend(HOSTILE.iter().map(|(name, _, outcome, _)| ((*name).to_owned(), (*outcome).to_owned())));
    assert_eq!(outcomes(&document), expected, "{}", finished.stderr);
    for (name, _, outcome, sayings) in HOSTILE {
        let hosts = document["hosts"].as_array().unwrap();
        let problem = hosts.iter().find(|host| host["host"] == name).unwrap()["problem"].to_string();
        for saying in sayings {
            assert!(problem.contains(saying), "nothing of {name} says `{saying}`: {problem}");
        }
        assert!(problem.len() < 20_000, "{name} has much to say: {} bytes", problem.len());
        // A closure that the host received but did not activate does not count as a new generation.
        assert_eq!(generation(lab.guest(name).unwrap()), if outcome == "ok" { 2 } else { 1 }, "{name}");
    }
    assert!(peak < MEMORY, "{peak} MiB");
    assert!((1..=LOGINS).contains(&logins), "{logins} logins");
    assert_eq!(refused, REFUSALS);
    // Each attempt to confirm is a login. In addition, the shared connection and its reconnections are
    // logins.
    assert!(
        (REFUSALS..=REFUSALS + REFUSALS / 4 + 1).contains(&logins_to_refuse),
        "{logins_to_refuse} logins"
    );
    // The history stays small, because it shortens the problems of hosts.
    let history = lab.operator().unwrap().types("cat ~/.local/state/nixfleet/history/* | wc -c").unwrap();
    assert!(history.line().parse::<u64>().unwrap() < 4 << 20, "{history}");
}
