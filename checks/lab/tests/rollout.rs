//! Tests rollouts to sixteen hosts: waves, a stop after a failure, a resume, a rollback, and a limit on the
//! number of databases that are down at once.

use std::collections::BTreeSet;

use nixfleet_lab::snapshot::Snapshot;

use crate::fleet16::{Fleet16, by_outcome, memory, waves};
use crate::stage::{assert_says, outcomes, outcomes_of};

/// The parts of this test run in order on one set of hosts, because booting sixteen hosts takes longer than
/// any part.
#[test]
fn a_change_goes_through_sixteen_hosts() {
    let fleet = Fleet16::boot();
    everything_at_once(&fleet);
    a_bad_generation_reaches_exactly_the_canary(&fleet);
    a_resumed_rollout_does_what_was_planned_then(&fleet);
    let rollout = a_failure_in_the_second_wave_takes_that_wave_back(&fleet);
    a_paused_rollout_goes_on_where_it_stopped(&fleet, &rollout);
    a_whole_rollout_can_be_taken_back(&fleet, &rollout);
    never_are_two_databases_down_at_once(&fleet);
    a_host_that_dies_uses_up_the_budget(&fleet);
    hosts_that_are_left_alone_are_left_out(&fleet);
    memory::a_host_remembers_its_changes_itself(&fleet);
    memory::a_killed_command_is_told_as_interrupted(&fleet);
    memory::no_secret_is_remembered(&fleet);
    memory::a_history_that_cannot_be_written_stops_nobody(&fleet);
    memory::others_are_told_and_hold_nobody_up(&fleet);
}

fn everything_at_once(fleet: &Fleet16) {
    let (finished, document) = fleet.json("apply --yes --strategy all-at-once");
    assert!(finished.ok(), "{finished}");
    assert_eq!(by_outcome(&document), [("ok".to_owned(), 16)]);
    assert_eq!(waves(&document).len(), 1);
    assert_eq!(document["rollout"]["end"], "complete");
}

/// The first bad generation serves a wrong page, which only the health check detects. The second has a
/// service that exits with 1. Each of them reaches only one host, the canary.
fn a_bad_generation_reaches_exactly_the_canary(fleet: &Fleet16) {
    fleet.releases("2");
    fleet.edits("page = \"ready\"", "page = \"out of order\"");
    let unhealthy = "the body does not contain `ready`, but begins: out of order";
    reaches_exactly_the_canary(fleet, "NF-418", &[unhealthy]);
    fleet.edits("page = \"out of order\"", "page = \"ready\"");
    assert_says(&fleet.types("check --tag canary"), 0, &["web-01", "page", "http", "passed"]);

    fleet.edits("program = \"httpd -f -p 5432 -h /etc/app\"", "program = \"false\"");
    let plan = fleet.types("plan");
    assert_says(&plan, 0, &["wave", "web-01", "Each wave is watched for 1s.", "At most 1 of @db at once."]);
    reaches_exactly_the_canary(fleet, "NF-406", &[]);
}

/// Asserts that an apply changes only the canary, which is then rolled back.
fn reaches_exactly_the_canary(fleet: &Fleet16, code: &str, sayings: &[&str]) {
    let (web, db) = (fleet.host("web-02"), fleet.host("db-01"));
    let before = [web, db].map(|host| Snapshot::take(host).unwrap());

    let finished = fleet.types("apply --yes");

    let said = [
        "1 host failed, but no host may fail",
        "Paused",
        "nixfleet apply --resume",
        "15 deferred, 1 rolled-back",
    ];
    assert_says(&finished, 2, &[&said, sayings].concat());
    assert!(!finished.stdout.contains("go back:"), "the only change is undone already: {finished}");
    let told = fleet.told_of("ada");
    assert_eq!(
        (&told["end"], &told["exitCode"], &told["id"]),
        (&"paused".into(), &2.into(), &told["rollout"])
    );
    assert_eq!(told["reason"], "1 host failed, but no host may fail");
    assert_says(&fleet.types("history --host web-01"), 0, &["rolled-back", &format!("[{code}]"), "none → 1"]);
    assert_eq!(fleet.versions(), [("1".to_owned(), 16)]);
    assert!(fleet.host("web-01").unit("app.service").unwrap().active == "active");
    for (host, before) in [web, db].into_iter().zip(before) {
        let difference = before.difference(&Snapshot::take(host).unwrap());
        // New store paths are allowed, because closures may be copied in advance.
        let touched: Vec<&str> = difference.lines().filter(|line| !line.starts_with("+ store ")).collect();
        assert!(touched.is_empty(), "{} is not as it was:\n{}", host.name(), touched.join("\n"));
    }
}

/// The flake has changed since the rollout was planned, and the change is not part of the resumed rollout.
fn a_resumed_rollout_does_what_was_planned_then(fleet: &Fleet16) {
    fleet.edits("program = \"false\"", "program = \"httpd -f -p 5432 -h /etc/app\"");
    let (finished, document) = fleet.json("apply --yes --resume");
    assert_eq!(finished.code, 2, "{finished}");
    assert_eq!(outcomes(&document)["web-01"], "rolled-back", "{finished}");
    assert_eq!(fleet.versions(), [("1".to_owned(), 16)]);
    let unknown = fleet.types("apply --yes --resume 20200101-000000-bbbb");
    assert_says(&unknown, 1, &["NF-104", "the last rollouts on this machine are"]);
}

/// One host of the second wave cannot start the service. Returns the id of the rollout.
fn a_failure_in_the_second_wave_takes_that_wave_back(fleet: &Fleet16) -> String {
    fleet.releases("3");
    let (_, plan) = fleet.json("plan");
    let waves = waves(&plan);
    assert_eq!(waves.iter().map(Vec::len).collect::<Vec<_>>(), [1, 7, 8]);
    let broken = waves[1].iter().rfind(|host| host.starts_with("web")).unwrap();
    fleet.host(broken).ask("touch /run/blocked-3").unwrap();

    let (finished, document) = fleet.json("apply --yes --on-failure rollback-wave");

    assert_eq!(finished.code, 2, "{finished}");
    assert_eq!(document["rollout"]["end"], "waveRolledBack", "{finished}");
    let ended = outcomes(&document);
    assert_eq!(ended[&waves[0][0]], "ok", "{finished}");
    for host in &waves[1] {
        assert!(["rolled-back", "deferred"].contains(&ended[host].as_str()), "{host}: {finished}");
        assert_eq!(fleet.version(host), "1", "{host}");
    }
    assert_eq!(ended[broken], "rolled-back");
    assert!(waves[2].iter().all(|host| ended[host] == "deferred"), "{finished}");
    assert_eq!(fleet.versions(), [("1".to_owned(), 15), ("3".to_owned(), 1)]);
    fleet.host(broken).ask("rm /run/blocked-3").unwrap();
    document["rollout"]["id"].as_str().unwrap().to_owned()
}

fn a_paused_rollout_goes_on_where_it_stopped(fleet: &Fleet16, rollout: &str) {
    let canary = fleet.host("web-01").unit("app.service").unwrap();
    let (finished, document) = fleet.json(&format!("apply --yes --resume {rollout} --soak 0"));
    assert!(finished.ok(), "{finished}");
    assert_eq!(by_outcome(&document), [("ok".to_owned(), 16)]);
    assert_eq!(fleet.versions(), [("3".to_owned(), 16)]);
    assert_eq!(fleet.host("web-01").unit("app.service").unwrap(), canary, "the canary was done");
    let again = fleet.types(&format!("apply --yes --resume {rollout}"));
    assert_says(&again, 1, &["NF-104", "the rollout has nothing left to do", "the rollout is complete"]);
}

/// One host is rolled back on its own before all hosts of the rollout are.
fn a_whole_rollout_can_be_taken_back(fleet: &Fleet16, rollout: &str) {
    assert_says(&fleet.types("rollback --yes --host web-05"), 0, &["1 ok"]);
    let (finished, document) = fleet.json(&format!("rollback --yes --rollout {rollout}"));
    assert!(finished.ok(), "{finished}");
    assert_eq!(by_outcome(&document), [("ok".to_owned(), 15), ("unchanged".to_owned(), 1)]);
    assert_eq!(fleet.versions(), [("1".to_owned(), 16)]);
    // Nothing is left to roll back or to resume.
    for words in ["rollback --yes --rollout", "apply --yes --resume"] {
        let again = fleet.types(&format!("{words} {rollout}"));
        assert_says(&again, 1, &["NF-104"]);
    }
}

/// The real services are queried during the whole rollout.
fn never_are_two_databases_down_at_once(fleet: &Fleet16) {
    fleet.releases("4");
    let (finished, down) = fleet.watched(&["db-01", "db-02", "db-03", "db-04"], || {
        fleet.types("apply --yes --tag db --strategy all-at-once")
    });
    assert_says(&finished, 0, &["4 ok"]);
    let hosts: BTreeSet<&str> = down.iter().map(|down| down.host.as_str()).collect();
    assert_eq!((hosts.len(), down.len()), (4, 4), "each was down once, for a second: {down:?}");
    for (one, first) in down.iter().enumerate() {
        for second in &down[one + 1..] {
            assert!(first.until < second.from || second.until < first.from, "{first:?} and {second:?}");
        }
    }
}

/// While one database host is being changed, a second operator tries to apply to that host, and another
/// database host loses power. The number of databases that are down decides whether the rollout may continue.
fn a_host_that_dies_uses_up_the_budget(fleet: &Fleet16) {
    fleet.releases("5");
    fleet.host("db-01").ask("touch /run/held").unwrap();
    let finished =
        fleet.meanwhile("apply --yes --json --tag db --strategy all-at-once --max-failures 100%", || {
            fleet.wait_until_held("db-01");
            let (second, document) = fleet.json_as("eve", "apply --yes --host db-01 --host web-01");
            assert_eq!(second.code, 2, "{second}");
            assert_eq!(
                outcomes(&document),
                outcomes_of([("db-01", "blocked"), ("web-01", "ok")]),
                "{second}"
            );
            let problem = &document["hosts"][0]["problem"];
            assert_eq!(problem["code"], "NF-401", "{second}");
            let first = fleet.told_of("ada");
            assert_eq!(first["state"], "running", "{first:#}");
            assert!(
                problem["why"].as_str().unwrap().starts_with("ada@operator has been running apply"),
                "{second}"
            );
            fleet.host("db-02").power_cut().unwrap();
            fleet.host("db-01").ask("rm /run/held").unwrap();
        });
    assert_eq!(finished.code, 2, "{finished}");
    let document: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    let expected = outcomes_of([
        ("db-01", "ok"),
        ("db-02", "unreachable"),
        ("db-03", "deferred"),
        ("db-04", "deferred"),
    ]);
    assert_eq!(outcomes(&document), expected, "{finished}");
    assert_eq!(document["rollout"]["reason"], "no further host with the tag db may be down (maxDown)");

    fleet.host("db-02").power_on().unwrap();
    let rollout = document["rollout"]["id"].as_str().unwrap();
    let (finished, document) = fleet.json(&format!("apply --yes --resume {rollout}"));
    assert!(finished.ok(), "{finished}");
    assert_eq!(by_outcome(&document), [("ok".to_owned(), 4)]);
}

fn hosts_that_are_left_alone_are_left_out(fleet: &Fleet16) {
    fleet.releases("6");
    let pin = "{ generation = 9; reason = \"a regression\"; }";
    fleet.says(&format!("{{ hosts.web-02.maintenance = \"new disks\"; hosts.web-03.pin = {pin}; }}"));
    let (finished, document) =
        fleet.json("apply --yes --on 'web-02 or web-03 or web-04' --strategy all-at-once --canary 0");
    assert!(finished.ok(), "{finished}");
    let expected = outcomes_of([("web-02", "skipped"), ("web-03", "skipped"), ("web-04", "ok")]);
    assert_eq!(outcomes(&document), expected, "{finished}");
    assert_eq!(document["hosts"][0]["reason"], "maintenance: new disks");
    assert_eq!(document["hosts"][1]["reason"], "pinned to generation 9: a regression");
    assert_eq!(fleet.version("web-02"), "1");
    let (_, document) = fleet.json("status --on 'web-02 or web-03'");
    assert_eq!(document["hosts"][0]["reason"], "maintenance: new disks");
    let reason = document["hosts"][1]["reason"].as_str().unwrap();
    assert!(reason.starts_with("pinned to generation 9: a regression; but it is at generation "), "{reason}");
}
