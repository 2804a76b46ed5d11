//! Tests rollouts to many simulated hosts, with the real command line, scripts and activator.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use nixfleet_lab::command::{Finished, wait_until};
use nixfleet_lab::lab::Plan;
use nixfleet_lab::simulation::{Noted, STATE, Simulation};
use serde_json::Value;

const HOSTS: usize = 120;
/// The number of databases that the fleet allows to be down at once.
const DATABASES_DOWN: usize = 2;
const AT_ONCE: usize = 16;

/// The parts of this test run in order on one fleet.
#[test]
fn a_change_goes_through_many_hosts() {
    let fleet = Simulation::boot(&Plan::new(format!("{}-scale", std::process::id()))).unwrap();
    fleet.found(HOSTS).unwrap();
    hosts_are_asked_while_others_are_built(&fleet);
    waves_and_budgets_are_kept_among_many(&fleet);
    many_hosts_at_once_are_not_too_many_files(&fleet);
    one_failure_stops_the_rollout_in_its_wave(&fleet);
    a_host_tells_what_nobody_wrote_down(&fleet);
    a_rollout_that_changed_nothing_is_over(&fleet);
    a_host_that_has_moved_on_is_not_put_back(&fleet);
    an_interrupt_lets_those_end_that_have_begun(&fleet);
    a_second_interrupt_leaves_at_once(&fleet);
    nobody_is_forgotten_whose_command_was_killed(&fleet);
}

fn nixfleet(fleet: &Simulation, words: &str) -> (Finished, Value) {
    // `env` restores the default effect of SIGHUP, which may be ignored if the tests run without a terminal.
    let line = format!("env --default-signal=HUP nixfleet {words} --json");
    let finished = fleet.script(&line).unwrap().run().unwrap();
    let document = serde_json::from_str(&finished.stdout);
    (finished.clone(), document.unwrap_or_else(|error| panic!("{error}: {finished}")))
}

fn waves(document: &Value) -> Vec<Vec<String>> {
    serde_json::from_value(document["rollout"]["waves"].clone()).unwrap()
}

fn outcomes(document: &Value) -> BTreeMap<String, String> {
    let word = |host: &Value, name: &str| host[name].as_str().unwrap().to_owned();
    document["hosts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|host| (word(host, "host"), word(host, "outcome")))
        .collect()
}

/// Returns the hosts on which an apply started.
fn begun_in(log: &[Noted]) -> BTreeSet<&str> {
    log.iter().filter(|noted| noted.what == "apply" && noted.began).map(|noted| noted.host.as_str()).collect()
}

/// Returns the maximum number of hosts on which an apply ran at the same time. Only hosts for which `counts`
/// returns true are counted.
fn most_at_once(log: &[Noted], counts: impl Fn(&str) -> bool) -> usize {
    let mut running = BTreeSet::new();
    let applies = log.iter().filter(|noted| noted.what == "apply" && counts(&noted.host));
    let counted = applies.map(|noted| {
        if noted.began {
            assert!(running.insert(&noted.host), "{} twice at once", noted.host);
        } else {
            running.remove(&noted.host);
        }
        running.len()
    });
    counted.max().unwrap_or(0)
}

/// Asserts that an apply began on a host only after the applies on all hosts of the earlier waves had ended.
fn assert_in_waves(log: &[Noted], waves: &[Vec<String>]) {
    let wave = |host: &str| waves.iter().position(|wave| wave.iter().any(|each| each == host)).unwrap();
    let mut ended = vec![0; waves.len()];
    for noted in log.iter().filter(|noted| noted.what == "apply") {
        let wave = wave(&noted.host);
        if noted.began {
            for earlier in 0..wave {
                assert_eq!(ended[earlier], waves[earlier].len(), "{} overtook wave {earlier}", noted.host);
            }
        } else {
            ended[wave] += 1;
        }
    }
}

fn is_database(host: &str) -> bool {
    host.ends_with('0')
}

/// There are more hosts than one call of Nix builds. So some hosts are planned while the closures of other
/// hosts are still being built.
fn hosts_are_asked_while_others_are_built(fleet: &Simulation) {
    let plan = fleet.script("nixfleet plan --events").unwrap().run().unwrap().success().unwrap();
    let events: Vec<Value> = plan.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let is = |event: &Value, name: &str| event["event"] == name;
    let built = events.iter().position(|event| is(event, "stageEnded") && event["stage"] == "build").unwrap();
    let (before, after) = events.split_at(built);
    let planned = |events: &[Value]| events.iter().filter(|event| is(event, "hostPlanned")).count();
    assert!(planned(before) > 0, "{plan}");
    assert_eq!(planned(before) + planned(after), HOSTS);
    fleet.log().unwrap();
}

/// One host refuses its first two connections.
fn waves_and_budgets_are_kept_among_many(fleet: &Simulation) {
    fleet.refuses("host-0042", 2).unwrap();
    let (finished, document) = nixfleet(fleet, "apply --yes --connect-retries 3");
    assert!(finished.ok(), "{}", finished.stderr);
    let waves = waves(&document);
    assert_eq!(waves.iter().map(Vec::len).collect::<Vec<_>>(), [1, 11, 48, 60]);
    assert!(outcomes(&document).values().all(|outcome| outcome == "ok"), "{}", finished.stderr);
    let log = fleet.log().unwrap();
    assert_eq!(log.iter().filter(|noted| noted.what == "refused").count(), 2);
    assert_eq!(begun_in(&log).len(), HOSTS);
    assert_in_waves(&log, &waves);
    assert_eq!(most_at_once(&log, is_database), DATABASES_DOWN);
    let at_once = most_at_once(&log, |_| true);
    assert!((AT_ONCE / 2..=AT_ONCE).contains(&at_once), "{at_once} at once");
    for number in 1..=HOSTS {
        assert_eq!(fleet.revision(&format!("host-{number:04}")).unwrap(), Some(1), "{number}");
    }
}

/// A plan of many hosts at once needs more open files than the soft limit of a login allows.
fn many_hosts_at_once_are_not_too_many_files(fleet: &Simulation) {
    let plan = fleet.script("ulimit -Sn 64 && nixfleet plan --parallel 100").unwrap().run().unwrap();
    assert!(plan.ok() && plan.stdout.contains("Nothing to change."), "{plan}");
    fleet.log().unwrap();
}

fn one_failure_stops_the_rollout_in_its_wave(fleet: &Simulation) {
    fleet.releases(2).unwrap();
    let (_, plan) = nixfleet(fleet, "plan");
    let waves = waves(&plan);
    let broken = &waves[2][20];
    fleet.touch(broken, "/etc/broken").unwrap();
    fleet.log().unwrap();

    let (finished, document) = nixfleet(fleet, "apply --yes");
    assert_eq!(finished.code, 2, "{}", finished.stderr);
    assert_eq!(document["rollout"]["end"], "paused");
    let (ended, log) = (outcomes(&document), fleet.log().unwrap());
    assert_eq!(ended[broken], "blocked", "{}", finished.stderr);
    assert!(waves[..2].iter().flatten().all(|host| ended[host] == "ok"));
    assert!(waves[3].iter().all(|host| ended[host] == "deferred"));
    let begun = begun_in(&log);
    // The command receives the failure a moment after the apply on the broken host has ended. Other hosts
    // that have begun by then complete their change.
    let end =
        log.iter().position(|noted| noted.what == "apply" && !noted.began && noted.host == *broken).unwrap();
    let after = begun_in(&log[end..]);
    assert!(after.len() < AT_ONCE, "{after:?} were begun afterwards");
    for (host, outcome) in &ended {
        let (is_new, revision) = (outcome == "ok", fleet.revision(host).unwrap());
        assert_eq!(revision, Some(if is_new { 2 } else { 1 }), "{host} is {outcome}");
        assert_eq!(begun.contains(host.as_str()), is_new || host == broken, "{host} is {outcome}");
    }

    fleet.remove(broken, "/etc/broken").unwrap();
    // The closures of the remaining hosts survive a garbage collection on the operator's machine.
    let roots = format!("ls -d {STATE}/rollouts/*.roots");
    fleet.operator().unwrap().ask(&format!("{roots} && nix-store --gc --quiet")).unwrap();
    let (finished, document) = nixfleet(fleet, "apply --yes --resume");
    assert!(finished.ok(), "{}", finished.stderr);
    assert!(outcomes(&document).values().all(|outcome| outcome == "ok"));
    assert_eq!(begun_in(&fleet.log().unwrap()).len(), HOSTS + 1 - begun.len());
    assert!(!fleet.operator().unwrap().sh(&roots).unwrap().ok(), "the roots are still there");
}

/// Simulates a command that was killed after a host had changed and before the change was recorded. For this,
/// the lines about the end of the host and of the rollout are deleted from the record.
fn a_host_tells_what_nobody_wrote_down(fleet: &Simulation) {
    fleet.releases(3).unwrap();
    let (finished, document) = nixfleet(fleet, "apply --yes --tag db --strategy all-at-once");
    assert!(finished.ok(), "{}", finished.stderr);
    let rollout = document["rollout"]["id"].as_str().unwrap();
    let cut = format!(
        "cd {STATE}/rollouts && grep -v -e rolloutEnded -e 'hostEnded.*host-0050' {rollout}.jsonl > cut && \
         cat cut > {rollout}.jsonl && rm cut"
    );
    fleet.operator().unwrap().ask(&cut).unwrap();
    fleet.log().unwrap();

    let (finished, document) = nixfleet(fleet, "apply --yes --resume");
    assert!(finished.ok(), "{}", finished.stderr);
    assert_eq!(outcomes(&document)["host-0050"], "ok");
    let log = fleet.log().unwrap();
    let asked: Vec<&str> = log.iter().filter(|noted| noted.began).map(|noted| noted.what.as_str()).collect();
    assert_eq!(asked, ["plan", "status"]);

    // A rollback of the rollout includes this host. After that, nothing is left to resume or to roll back.
    let (finished, document) = nixfleet(fleet, &format!("rollback --yes --rollout {rollout}"));
    assert!(finished.ok(), "{}", finished.stderr);
    assert_eq!(outcomes(&document).len(), HOSTS / 10);
    assert_eq!(fleet.revision("host-0050").unwrap(), Some(2));
    for words in [format!("apply --yes --resume {rollout}"), format!("rollback --yes --rollout {rollout}")] {
        let (finished, document) = nixfleet(fleet, &words);
        assert_eq!((finished.code, &document["problem"]["code"]), (1, &"NF-104".into()), "{words}");
    }
}

/// A rollout in which no host was changed is finished. It can be neither resumed nor rolled back.
fn a_rollout_that_changed_nothing_is_over(fleet: &Simulation) {
    fleet.releases(4).unwrap();
    fleet.touch("host-0001", "/etc/broken").unwrap();
    let (finished, document) = nixfleet(fleet, "apply --yes --host host-0001 --host host-0002 --parallel 1");
    assert_eq!(finished.code, 2, "{}", finished.stderr);
    assert_eq!(document["rollout"]["end"], "nothingChanged", "{document:#}");
    fleet.remove("host-0001", "/etc/broken").unwrap();
    let rollout = document["rollout"]["id"].as_str().unwrap();
    for words in [format!("rollback --yes --rollout {rollout}"), "apply --yes --resume".to_owned()] {
        let (finished, document) = nixfleet(fleet, &words);
        assert_eq!((finished.code, &document["problem"]["code"]), (1, &"NF-104".into()), "{finished}");
    }
}

/// A host has received a newer generation since the rollout was paused. The resumed rollout does not replace
/// that generation with its own, older one.
fn a_host_that_has_moved_on_is_not_put_back(fleet: &Simulation) {
    let both = "apply --yes --host host-0110 --host host-0111 --parallel 1";
    fleet.releases(4).unwrap();
    fleet.touch("host-0111", "/etc/broken").unwrap();
    let (finished, document) = nixfleet(fleet, both);
    assert_eq!(finished.code, 2, "{}", finished.stderr);
    assert_eq!(fleet.revision("host-0110").unwrap(), Some(4));
    fleet.remove("host-0111", "/etc/broken").unwrap();
    let rollout = document["rollout"]["id"].as_str().unwrap();
    fleet.releases(5).unwrap();
    let (finished, _) = nixfleet(fleet, "apply --yes --host host-0111");
    assert!(finished.ok(), "{}", finished.stderr);

    let (finished, document) = nixfleet(fleet, &format!("apply --yes --resume {rollout}"));
    assert_eq!(finished.code, 2, "{finished}");
    let hosts = document["hosts"].as_array().unwrap();
    let moved_on = hosts.iter().find(|host| host["host"] == "host-0111").unwrap();
    assert_eq!((&moved_on["outcome"], &moved_on["problem"]["code"]), (&"blocked".into(), &"NF-403".into()));
    assert_eq!(fleet.revision("host-0111").unwrap(), Some(5));
}

/// The number of hosts that are paused in the middle of a change.
const HELD: usize = 4;

/// Runs an apply to many hosts, calls `act` while the first hosts are paused in the middle of their change,
/// and then lets these hosts continue.
fn interrupted(fleet: &Simulation, revision: usize, act: impl Fn()) -> (Finished, Value) {
    fleet.releases(revision).unwrap();
    let held: Vec<String> = (1..=HELD).map(|number| format!("host-{number:04}")).collect();
    for host in &held {
        fleet.touch(host, "/etc/held").unwrap();
    }
    fleet.log().unwrap();
    let mut log = Vec::new();
    let words = format!("apply --yes --on 'host-00*' --strategy all-at-once --parallel {HELD}");
    let typed = thread::scope(|scope| {
        let typed = scope.spawn(|| nixfleet(fleet, &words));
        let begun = || {
            log.extend(fleet.log()?);
            Ok(begun_in(&log).len() == HELD)
        };
        wait_until("hosts are being changed", Duration::from_secs(100), begun).unwrap();
        act();
        for host in &held {
            fleet.remove(host, "/etc/held").unwrap();
        }
        typed.join().unwrap()
    });
    log.extend(fleet.log().unwrap());
    assert_eq!(begun_in(&log).len(), HELD, "others were begun");
    typed
}

/// After the signal, no further host is begun, and the hosts that have begun complete their change. A closed
/// terminal may send SIGHUP more than once.
fn an_interrupt_lets_those_end_that_have_begun(fleet: &Simulation) {
    for (revision, signals) in [(4, ["INT"].as_slice()), (5, &["HUP"; 3])] {
        let (finished, document) = interrupted(fleet, revision, || {
            for signal in signals {
                fleet.operator().unwrap().ask(&format!("kill -{signal} $(pidof nixfleet)")).unwrap();
            }
        });
        assert_eq!(finished.code, 130, "{}", finished.stderr);
        assert_eq!(document["rollout"]["end"], "interrupted");
        for (place, (host, outcome)) in outcomes(&document).iter().enumerate() {
            assert_eq!(outcome, if place < HELD { "ok" } else { "deferred" }, "{host}");
            assert_eq!(fleet.revision(host).unwrap() == Some(revision), place < HELD, "{host}");
        }
    }
}

/// After two signals, the command ends at once. The hosts that were being changed complete the change on
/// their own, and do not block the next apply.
fn a_second_interrupt_leaves_at_once(fleet: &Simulation) {
    let operator = fleet.operator().unwrap();
    let (finished, document) = interrupted(fleet, 6, || {
        let running = || Ok(operator.sh("pidof nixfleet")?.ok());
        // The second signal has an effect only after the command has handled the first signal. That cannot be
        // observed from outside, so signals are sent until the command has ended.
        let gone = || {
            operator.sh("kill -INT $(pidof nixfleet)")?;
            running().map(|running| !running)
        };
        wait_until("the command leaves", Duration::from_secs(20), gone).unwrap();
    });
    assert_eq!(finished.code, 130, "{}", finished.stderr);
    assert_eq!(document["problem"]["what"], "nixfleet was interrupted");
    let over = || {
        let hosts: Vec<_> = fleet.script("nixfleet status --on 'host-000[1-4]' --json")?.run()?.stdout.into();
        let document: Value = serde_json::from_slice(&hosts)?;
        let free = |host: &Value| host["status"].get("lockedBy").is_none_or(Value::is_null);
        Ok(document["hosts"].as_array().is_some_and(|hosts| hosts.iter().all(free)))
    };
    wait_until("the hosts have ended", Duration::from_secs(60), over).unwrap();
    let (finished, document) = nixfleet(fleet, "apply --yes --strategy all-at-once --on 'host-000*'");
    assert!(finished.ok(), "{}", finished.stderr);
    for host in outcomes(&document).keys() {
        assert_eq!(fleet.revision(host).unwrap(), Some(6), "{host}");
    }
}

/// A host is still being changed when the command is killed. The resumed rollout does not count as complete
/// before that host has ended, and a rollback of the rollout includes the host.
fn nobody_is_forgotten_whose_command_was_killed(fleet: &Simulation) {
    fleet.releases(7).unwrap();
    fleet.touch("host-0002", "/etc/held").unwrap();
    fleet.log().unwrap();
    let mut log = Vec::new();
    thread::scope(|scope| {
        let words = "nixfleet apply --yes --on 'host-000[12]' --strategy all-at-once";
        let typed = scope.spawn(|| fleet.script(words).unwrap().run().unwrap());
        let only_one_is_left = || {
            log.extend(fleet.log()?);
            let has_ended = |noted: &Noted| !noted.began && noted.what == "apply";
            Ok(begun_in(&log).len() == 2 && log.iter().any(has_ended))
        };
        wait_until("one host is being changed", Duration::from_secs(60), only_one_is_left).unwrap();
        // The connection begins before the activator on the host has taken the lock.
        let is_locked = || {
            let (_, document) = nixfleet(fleet, "status --host host-0002");
            Ok(document["hosts"][0]["status"]["lockedBy"].is_string())
        };
        wait_until("the host is locked", Duration::from_secs(60), is_locked).unwrap();
        fleet.operator().unwrap().ask("kill -KILL $(pidof nixfleet)").unwrap();
        assert!(!typed.join().unwrap().ok());
    });

    let (finished, document) = nixfleet(fleet, "apply --yes --resume");
    assert_eq!((finished.code, &document["rollout"]["end"]), (2, &"paused".into()), "{}", finished.stderr);
    assert_eq!(outcomes(&document)["host-0002"], "blocked", "{}", finished.stderr);
    assert_eq!(document["rollout"]["reason"], "host-0002 is still being changed by another run");
    let rollout = document["rollout"]["id"].as_str().unwrap();
    let back = format!("rollback --yes --rollout {rollout}");
    let (finished, document) = nixfleet(fleet, &back);
    assert_eq!(finished.code, 2, "{}", finished.stderr);
    assert_eq!(outcomes(&document)["host-0002"], "blocked", "{}", finished.stderr);
    assert_eq!(fleet.revision("host-0001").unwrap(), Some(6), "{}", finished.stderr);

    fleet.remove("host-0002", "/etc/held").unwrap();
    wait_until("it has changed", Duration::from_secs(60), || Ok(fleet.revision("host-0002")? == Some(7)))
        .unwrap();
    let returns = || {
        // This fails as long as the host is still cleaning up.
        let (finished, document) = nixfleet(fleet, &back);
        Ok(finished.ok() && outcomes(&document)["host-0002"] == "ok")
    };
    wait_until("it has gone back", Duration::from_secs(60), returns).unwrap();
    assert_eq!(fleet.revision("host-0002").unwrap(), Some(6));
    let (finished, document) = nixfleet(fleet, &format!("apply --yes --resume {rollout}"));
    assert_eq!((finished.code, &document["problem"]["code"]), (1, &"NF-104".into()), "{finished}");
}
